/* SPDX-License-Identifier: MIT
 *
 * What cleaning did to one raw entry, found by comparing the entry with the clean map:
 * cleaning itself keeps no record, so that it stays small and the two can be tested
 * against each other.
 */
#include "mm/memmap_internal.h"

/* Bytes of a piece of an entry, by what the clean map says about them. */
struct tally {
    u64 same;  /* the entry's own type, as the firmware said */
    u64 taken; /* punched out by our own rules */
    u64 worse; /* another type */
};

static struct tally tally_of(const struct memmap *map, struct memmap_range piece)
{
    struct tally tally = {0};
    u64 end = memmap_range_end(&piece);

    for (u32 i = memmap_find_index(map, piece.base); i < map->count; i++) {
        const struct memmap_range *range = &map->ranges[i];
        u64 low = MAX(range->base, piece.base);
        u64 high = MIN(memmap_range_end(range), end);

        if (low >= high)
            break;
        if (range->flags & MEMMAP_PUNCHED)
            tally.taken += high - low;
        else if (range->type == piece.type)
            tally.same += high - low;
        else
            tally.worse += high - low;
    }
    return tally;
}

/* Bits that follow from the entry alone. */
static u32 explain_entry(const struct e820_raw *entry, u64 limit)
{
    u32 notes = 0;

    if (entry->bytes == 0)
        return MEMMAP_ZERO_LENGTH;
    if (!memmap_type_is_known(entry->type))
        notes |= MEMMAP_UNKNOWN_TYPE;
    /* Its last byte: a range that ends exactly at 2^64 has not wrapped. */
    if (entry->base + (entry->bytes - 1) < entry->base)
        notes |= MEMMAP_WRAPPED;
    else if (memmap_cut(entry->base, entry->bytes, limit).bytes != entry->bytes)
        notes |= MEMMAP_ABOVE_LIMIT;
    return notes;
}

/* Bits that follow from the entries before it. */
static u32 explain_order(const struct e820_raw *raw, u32 index, u64 limit)
{
    u32 notes = 0;
    struct memmap_range mine = memmap_cut(raw[index].base, raw[index].bytes, limit);

    if (index > 0 && raw[index].base < raw[index - 1].base)
        notes |= MEMMAP_OUT_OF_ORDER;
    for (u32 i = 0; i < index; i++) {
        struct memmap_range other = memmap_cut(raw[i].base, raw[i].bytes, limit);

        if (other.bytes != 0 && mine.base < memmap_range_end(&other) &&
            other.base < memmap_range_end(&mine))
            notes |= MEMMAP_OVERLAPS;
    }
    return notes;
}

/* Whether the clean map joins the piece with more of its type. */
static bool is_merged(const struct memmap *map, struct memmap_range piece)
{
    const struct memmap_range *first = memmap_find(map, piece.base);
    const struct memmap_range *last = memmap_find(map, memmap_range_end(&piece) - 1);
    u64 end = memmap_range_end(&piece);

    return (first != NULL && first->type == piece.type && first->base < piece.base) ||
           (last != NULL && last->type == piece.type && memmap_range_end(last) > end);
}

u32 memmap_explain(const struct e820_raw *raw, u32 index, const struct memmap *map)
{
    const struct e820_raw *entry = &raw[index];
    struct memmap_range cut = memmap_cut(entry->base, entry->bytes, map->phys_limit);
    struct memmap_range piece = memmap_paint_of(entry, map->phys_limit);
    u32 notes = explain_entry(entry, map->phys_limit);
    struct tally tally;

    if (entry->bytes != 0)
        notes |= explain_order(raw, index, map->phys_limit);
    if (piece.bytes == 0)
        return notes;

    tally = tally_of(map, piece);
    if (piece.bytes != cut.bytes)
        notes |= MEMMAP_GROWN;
    /* Called usable, but not in the clean map: it lay in a page usable in part. */
    if (tally.same + tally.taken + tally.worse != piece.bytes)
        notes |= MEMMAP_SHRUNK;
    if (tally.taken != 0)
        notes |= MEMMAP_TAKEN;
    if (tally.worse != 0)
        notes |= tally.same + tally.taken != 0 ? MEMMAP_OVERRIDDEN
                                               : MEMMAP_OVERRIDDEN_WHOLLY;
    if ((notes & ~(u32)(MEMMAP_OUT_OF_ORDER | MEMMAP_OVERLAPS)) == 0)
        notes |= MEMMAP_KEPT;
    if (is_merged(map, piece))
        notes |= MEMMAP_MERGED;
    return notes;
}
