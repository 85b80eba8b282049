/* SPDX-License-Identifier: MIT */
#include "mm/ram.h"

u64 ram_section_bits[RAM_SECTIONS / 64];

/* NULL before ram_init: then nothing is RAM, so that the death of an early step can
 * ask. */
static const struct memmap *clean_map;
static u16
    ram_index[MEMMAP_RANGE_MAX]; /* positions of the RAM ranges in the clean map */
static u32 ram_count;

static void sections_mark(u64 base, u64 bytes)
{
    for (u64 section = base >> RAM_SECTION_SHIFT;
         section <= (base + bytes - 1) >> RAM_SECTION_SHIFT; section++)
        ram_section_bits[section / 64] |= 1UL << (section % 64);
}

void ram_init(const struct memmap *map)
{
    STATIC_ASSERT(MEMMAP_RANGE_MAX <= 0xFFFF, "ram_index holds 16-bit positions");
    ASSERT(memmap_verify(map));
    clean_map = map;
    ram_count = 0;
    for (u32 i = 0; i < map->count; i++)
        if (map->ranges[i].type == E820_USABLE) {
            ram_index[ram_count++] = (u16)i;
            sections_mark(map->ranges[i].base, map->ranges[i].bytes);
        }
}

const struct memmap *ram_map(void)
{
    return clean_map;
}

bool ram_range(u32 index, struct phys_range *out)
{
    if (index >= ram_count)
        return false;
    const struct memmap_range *range = &clean_map->ranges[ram_index[index]];
    *out = (struct phys_range){phys_make(range->base), range->bytes};
    return true;
}

bool ram_contains(phys_t base, u64 bytes)
{
    return clean_map && memmap_covers(clean_map, base.raw, bytes, E820_USABLE);
}

bool ram_overlaps(phys_t base, u64 bytes)
{
    struct phys_range range;
    for (u32 i = 0; ram_range(i, &range); i++)
        if (base.raw < range.base.raw + range.bytes &&
            range.base.raw < base.raw + bytes)
            return true;
    return false;
}

u64 ram_bytes(void)
{
    return memmap_bytes(clean_map, E820_USABLE);
}
