/* SPDX-License-Identifier: MIT
 *
 * What is RAM, and the one way from a physical address to a pointer.
 *
 * Owns:     a reference to the clean map, one bit per GiB that holds RAM.
 * Locking:  none; written once by ram_init, read-only afterwards.
 * Cost:     phys_to_ptr is a shift, a load and a test; ram_contains searches the map.
 */
#ifndef PLINTH_MM_RAM_H
#define PLINTH_MM_RAM_H

#include "kernel/base/assert.h"
#include "mm/addr.h"
#include "mm/memmap.h"

#define RAM_SECTION_SHIFT PAGE_1G_SHIFT
#define RAM_SECTIONS      (DIRECT_MAP_BYTES >> RAM_SECTION_SHIFT)

extern u64 ram_section_bits[RAM_SECTIONS / 64];

/* Takes the clean map, which must live for ever and not change. Before any other call
 * of mm. */
void ram_init(const struct memmap *map);
const struct memmap *ram_map(void);

/* Exact: every byte of base..base+bytes is RAM (usable, recorder and holes excluded).
 */
bool ram_contains(phys_t base, u64 bytes);
/* Exact: at least one byte of it is RAM. */
bool ram_overlaps(phys_t base, u64 bytes);

/* Iterates RAM ranges upwards: index from 0, false at the end. */
bool ram_range(u32 index, struct phys_range *out);

u64 ram_bytes(void);

static inline bool ram_section_has(phys_t phys)
{
    u64 section = phys.raw >> RAM_SECTION_SHIFT;
    return section < RAM_SECTIONS &&
           (ram_section_bits[section / 64] >> (section % 64) & 1);
}

/* What an address that is no RAM looks like, in words into out: a virtual one, one cut
 * to 32 bits. ram_explain.c, as the two below. */
void ram_alleged_text(phys_t phys, char *out, u64 out_bytes);
/* Dies with FR-09. */
NORETURN void ram_die(phys_t phys);
/* The number of the last frame of RAM becomes its address again, or FR-09. */
void ram_numbers_prove(void);

/* A pointer into the direct map. Asserts in O(1) that the address lies in a GiB that
 * holds RAM. */
static inline void *phys_to_ptr(phys_t phys)
{
#ifndef PLINTH_NO_ASSERT
    if (__builtin_expect(!ram_section_has(phys), 0))
        ram_die(phys);
#endif
    return (void *)(uintptr_t)(DIRECT_MAP_BASE + phys.raw);
}
static inline void *pfn_to_ptr(pfn_t pfn)
{
    return phys_to_ptr(pfn_to_phys(pfn));
}

#endif
