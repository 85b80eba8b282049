/* SPDX-License-Identifier: MIT
 *
 * What a clean memory map must say, page by page, thought out in the slowest way: no
 * sorting, no splitting, nothing in common with mm/memmap.c but the numbers of the
 * types.
 */
#ifndef PLINTH_TESTS_HOST_MEMMAP_ORACLE_H
#define PLINTH_TESTS_HOST_MEMMAP_ORACLE_H

#include "mm/memmap.h"

#define ORACLE_HOLE 0

struct oracle_punch {
    u64 base;
    u64 bytes;
    u32 type;
};

struct oracle {
    const struct e820_raw *raw;
    u32 count;
    u32 punch_count;
    const struct oracle_punch *punches; /* applied after cleaning, in this order */
};

/* The type of the page that starts at base. */
u32 oracle_page_type(const struct oracle *oracle, u64 base);

/* Bits of memmap_explain that can be told from pages: KEPT, GROWN, SHRUNK, OVERRIDDEN,
 * OVERRIDDEN_WHOLLY. Walks every page of the entry: for small spaces without punches. */
u32 oracle_explain(const struct oracle *oracle, u32 index, u64 phys_limit);

/* Compares a map with the oracle at every page of 0..phys_limit. NULL, or what differs.
 * */
const char *oracle_compare_pages(const struct oracle *oracle, const struct memmap *map);

/* Compares where something can change: around the borders of every entry, of every
 * punch and of every range. Between them both sides are constant, so that this is as
 * good as every page. */
const char *oracle_compare_borders(const struct oracle *oracle,
                                   const struct memmap *map);

#endif
