/* SPDX-License-Identifier: MIT
 *
 * Page-table entries: the bits (SDM vol. 3A, 4.5, tables 4-15..4-20) and the words made
 * of them. Level 4 = PML4, 3 = PDPT, 2 = PD, 1 = PT. The PAT bit is bit 7 in a PTE and
 * bit 12 in a large page.
 */
#ifndef PLINTH_MM_PTE_H
#define PLINTH_MM_PTE_H

#include "mm/addr.h"

typedef struct {
    u64 raw;
} pte_t;

#define PTE_P          0x001UL
#define PTE_W          0x002UL
#define PTE_U          0x004UL
#define PTE_PWT        0x008UL
#define PTE_PCD        0x010UL
#define PTE_A          0x020UL
#define PTE_D          0x040UL
#define PTE_PS         0x080UL
#define PTE_PAT        0x080UL
#define PTE_G          0x100UL
#define PTE_PAT_LARGE  0x1000UL
#define PTE_NX         0x8000000000000000UL
#define PTE_FRAME_MASK 0x000FFFFFFFFFF000UL

/* Not present, promised: the first touch installs a zero frame. Software bit 9; a
 * not-present entry is wholly ours. Everything else in it is zero, so that ARMED is one
 * exact value to compare with. */
#define PTE_ARMED      0x200UL

/* What every table entry and every leaf is a choice of: the rights, and the cache type
 * in the form of a 4 KiB entry. */
#define PTE_RIGHTS     (PTE_W | PTE_U | PTE_NX)
#define PTE_CACHE      (PTE_PAT | PTE_PCD | PTE_PWT)
#define PTE_USED       (PTE_A | PTE_D)

static inline pte_t pte_make(phys_t phys, u64 bits)
{
    return (pte_t){phys.raw | bits};
}
static inline bool pte_is_present(pte_t pte)
{
    return (pte.raw & PTE_P) != 0;
}
static inline bool pte_is_leaf(pte_t pte, u32 level)
{
    return level == 1 || (level < 4 && (pte.raw & PTE_PS) != 0);
}
static inline u64 level_bytes(u32 level)
{
    return (u64)PAGE_BYTES << (9 * (level - 1));
}

static inline bool pte_is_table(pte_t pte, u32 level)
{
    return pte_is_present(pte) && !pte_is_leaf(pte, level);
}

/* The frame a table entry or a leaf of that level points to. */
static inline phys_t pte_phys(pte_t pte, u32 level)
{
    u64 mask = PTE_FRAME_MASK;
    if (level > 1 && (pte.raw & PTE_PS))
        mask &= ~(level_bytes(level) - 1);
    return phys_make(pte.raw & mask);
}

/* Address bits of an entry that a CPU with so many does not have. */
static inline u64 pte_unaddressable(u32 phys_bits)
{
    return PTE_FRAME_MASK & ~((1UL << phys_bits) - 1);
}
/* What a present entry must not have (SDM vol. 3A, 4.5.4): unaddressable bits; PS in a
 * PML4 entry and, on a CPU without 1 GiB pages, in a PDPTE; address bits below a large
 * page, the PAT bit excepted. Not NX, which EFER.NXE allows. */
static inline u64 pte_reserved_bits(pte_t pte, u32 level, u64 unaddressable,
                                    bool has_1g)
{
    u64 mask = unaddressable;
    if (level == 4 || (level == 3 && !has_1g))
        mask |= PTE_PS;
    else if (level > 1 && (pte.raw & PTE_PS))
        mask |= (level_bytes(level) - 1) & PTE_FRAME_MASK & ~PTE_PAT_LARGE;
    return pte.raw & mask;
}

/* A leaf's bits do not depend on its size but for two: PS, and the place of PAT. These
 * two functions are the only ones that know; everybody else speaks of the bits of a
 * 4 KiB entry. */
static inline pte_t pte_leaf_make(phys_t phys, u64 bits, u32 level)
{
    if (level > 1)
        bits = (bits & ~PTE_PAT) | PTE_PS | (bits & PTE_PAT ? PTE_PAT_LARGE : 0);
    return pte_make(phys, bits);
}
static inline u64 pte_leaf_bits(pte_t pte, u32 level)
{
    u64 bits = pte.raw & ~PTE_FRAME_MASK;
    if (level > 1)
        bits = (bits & ~PTE_PS) | (pte.raw & PTE_PAT_LARGE ? PTE_PAT : 0);
    return bits;
}

#endif
