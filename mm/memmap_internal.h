/* SPDX-License-Identifier: MIT
 *
 * What mm/memmap.c and mm/memmap_explain.c share. Not for others.
 */
#ifndef PLINTH_MM_MEMMAP_INTERNAL_H
#define PLINTH_MM_MEMMAP_INTERNAL_H

#include "mm/memmap.h"

static inline u64 memmap_range_end(const struct memmap_range *range)
{
    return range->base + range->bytes;
}

/* Whether ACPI gives the number of a type a meaning. */
bool memmap_type_is_known(u32 type);

/* Index of the first range that ends above phys; map->count when there is none. */
u32 memmap_find_index(const struct memmap *map, u64 phys);

/* Cuts at limit, and so what wraps past 2^64 too. bytes == 0 when nothing is left. */
struct memmap_range memmap_cut(u64 base, u64 bytes, u64 limit);

/* What one entry asks for: its type made known, cut, grown if it is not usable. */
struct memmap_range memmap_paint_of(const struct e820_raw *entry, u64 limit);

#endif
