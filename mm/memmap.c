/* SPDX-License-Identifier: MIT
 *
 * The memory map cleaner. The rules stand in the header.
 *
 * While it works, the map covers 0..phys_limit without gaps; what nobody has named yet
 * is HOLE:
 *
 *   start                |---------------------- HOLE ----------------------|
 *   usable 0..9FC00      |-- USABLE --|-------------- HOLE -----------------|
 *   reserved 9F000..A0.. |- USABLE -|- RESERVED -|---------- HOLE ----------|
 *
 * Each entry splits the segments at its two borders and raises the rank of what lies
 * between. So the order of the entries cannot matter, and no case needs thought but
 * "split" and "raise".
 *
 * Pages: entries that are not usable are grown to pages before they are painted. Usable
 * ones are painted byte by byte, so that two of them may meet inside a page and make it
 * whole; every border off a page border is then one between USABLE and HOLE, and the
 * last step shrinks what is usable inward, once, after everything else is known.
 *
 * Rejected: sorting the edges first. It needs a second buffer of the map's size, and
 * the map of a real machine has ten to forty entries.
 */
#include "mm/memmap_internal.h"

#define HOLE 0 /* no E820 type has this number */

/* Bytes, not pointers: a constant table that needs no relocation. Index: E820 type. */
static const u8 type_ranks[] = {
    [HOLE] = 0,     [E820_USABLE] = 1,   [E820_PERSISTENT] = 2, [E820_ACPI] = 3,
    [E820_NVS] = 4, [E820_RESERVED] = 5, [E820_BAD] = 6,
};

STATIC_ASSERT(MEMMAP_RANGE_MAX > 2 * E820_RAW_MAX, "an entry may split two segments");

bool memmap_type_is_known(u32 type)
{
    return type < ARRAY_COUNT(type_ranks) && type_ranks[type] != 0;
}

/* HOLE as an entry's type is as unknown as any other number. */
static u32 effective_type(u32 type)
{
    return memmap_type_is_known(type) ? type : E820_RESERVED;
}

u32 memmap_rank(u32 type)
{
    return type_ranks[effective_type(type)];
}

u32 memmap_find_index(const struct memmap *map, u64 phys)
{
    u32 low = 0;
    u32 high = map->count;

    while (low < high) {
        u32 middle = low + (high - low) / 2;

        if (memmap_range_end(&map->ranges[middle]) <= phys)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Makes phys a border, if a range spans it. The caller sees to a free slot. */
static void split_at(struct memmap *map, u64 phys)
{
    u32 index = memmap_find_index(map, phys);

    if (index == map->count || map->ranges[index].base >= phys)
        return;
    for (u32 i = map->count; i > index; i--)
        map->ranges[i] = map->ranges[i - 1];
    map->count++;
    map->ranges[index].bytes = phys - map->ranges[index].base;
    map->ranges[index + 1].bytes -= map->ranges[index].bytes;
    map->ranges[index + 1].base = phys;
}

/* Raises what lies between two borders to the type, where that is worse. */
static void raise_between(struct memmap *map, struct memmap_range paint)
{
    u64 end = memmap_range_end(&paint);

    for (u32 i = memmap_find_index(map, paint.base); i < map->count; i++) {
        struct memmap_range *range = &map->ranges[i];

        if (range->base >= end)
            break;
        if (type_ranks[paint.type] > type_ranks[range->type]) {
            range->type = paint.type;
            range->flags = paint.flags;
        }
    }
}

static bool try_paint(struct memmap *map, struct memmap_range paint)
{
    if (map->count + 2 > MEMMAP_RANGE_MAX)
        return false;
    split_at(map, paint.base);
    split_at(map, memmap_range_end(&paint));
    raise_between(map, paint);
    return true;
}

struct memmap_range memmap_cut(u64 base, u64 bytes, u64 limit)
{
    struct memmap_range cut = {.base = base};

    if (base < limit)
        cut.bytes = MIN(bytes, limit - base);
    return cut;
}

/* Outward; cannot pass a limit of whole pages that the range was cut at before. */
static struct memmap_range grow_to_pages(struct memmap_range range)
{
    u64 end = ALIGN_UP(memmap_range_end(&range), PAGE_BYTES);

    range.base = ALIGN_DOWN(range.base, PAGE_BYTES);
    range.bytes = end - range.base;
    return range;
}

/* Inward; bytes == 0 when no whole page is left. */
static struct memmap_range shrink_to_pages(struct memmap_range range)
{
    u64 end = ALIGN_DOWN(memmap_range_end(&range), PAGE_BYTES);

    range.base = ALIGN_UP(range.base, PAGE_BYTES);
    range.bytes = end > range.base ? end - range.base : 0;
    return range;
}

struct memmap_range memmap_paint_of(const struct e820_raw *entry, u64 limit)
{
    struct memmap_range paint = memmap_cut(entry->base, entry->bytes, limit);

    paint.type = effective_type(entry->type);
    if (paint.bytes != 0 && paint.type != E820_USABLE)
        paint = grow_to_pages(paint);
    return paint;
}

static bool can_merge(const struct memmap_range *left, const struct memmap_range *right)
{
    return memmap_range_end(left) == right->base && left->type == right->type &&
           left->flags == right->flags;
}

static void merge_neighbours(struct memmap *map)
{
    u32 kept = 0;

    for (u32 i = 0; i < map->count; i++) {
        if (kept > 0 && can_merge(&map->ranges[kept - 1], &map->ranges[i]))
            map->ranges[kept - 1].bytes += map->ranges[i].bytes;
        else
            map->ranges[kept++] = map->ranges[i];
    }
    map->count = kept;
}

/* Takes the holes out and shrinks what is usable. Neighbours were merged before: else a
 * border between two usable ranges inside a page would cost that page. */
static void drop_holes(struct memmap *map)
{
    u32 kept = 0;

    for (u32 i = 0; i < map->count; i++) {
        struct memmap_range range = map->ranges[i];

        if (range.type == E820_USABLE)
            range = shrink_to_pages(range);
        if (range.type != HOLE && range.bytes != 0)
            map->ranges[kept++] = range;
    }
    map->count = kept;
}

enum status memmap_clean(const struct e820_raw *raw, u32 count, u64 phys_limit,
                         struct memmap *map)
{
    map->count = 0;
    map->reserved = 0;
    map->phys_limit = phys_limit;
    if (phys_limit == 0 || !IS_ALIGNED(phys_limit, PAGE_BYTES))
        return STATUS_INVALID;
    if (count > E820_RAW_MAX)
        return STATUS_TOO_BIG;

    map->ranges[0] = (struct memmap_range){.bytes = phys_limit, .type = HOLE};
    map->count = 1;
    for (u32 i = 0; i < count; i++) {
        struct memmap_range paint = memmap_paint_of(&raw[i], phys_limit);

        if (paint.bytes != 0 && !try_paint(map, paint))
            return STATUS_NO_SPACE; /* not reached: see MEMMAP_RANGE_MAX */
    }
    merge_neighbours(map);
    drop_holes(map);
    return STATUS_OK;
}

enum status memmap_punch(struct memmap *map, u64 base, u64 bytes, u32 type)
{
    struct memmap_range paint = memmap_cut(base, bytes, map->phys_limit);

    if (paint.bytes == 0)
        return STATUS_OK;
    paint = grow_to_pages(paint);
    paint.type = effective_type(type);
    paint.flags = MEMMAP_PUNCHED;
    if (!try_paint(map, paint))
        return STATUS_NO_SPACE;
    merge_neighbours(map);
    return STATUS_OK;
}

u64 memmap_bytes(const struct memmap *map, u32 type)
{
    u64 bytes = 0;

    for (u32 i = 0; i < map->count; i++) {
        if (map->ranges[i].type == type)
            bytes += map->ranges[i].bytes;
    }
    return bytes;
}

const struct memmap_range *memmap_find(const struct memmap *map, u64 phys)
{
    u32 index = memmap_find_index(map, phys);

    if (index == map->count || map->ranges[index].base > phys)
        return NULL;
    return &map->ranges[index];
}

bool memmap_covers(const struct memmap *map, u64 base, u64 bytes, u32 type)
{
    u64 end = base + bytes;
    u64 next = base;

    if (bytes == 0 || end < base)
        return false;
    for (u32 i = memmap_find_index(map, base); i < map->count && next < end; i++) {
        if (map->ranges[i].base > next || map->ranges[i].type != type)
            return false;
        next = memmap_range_end(&map->ranges[i]);
    }
    return next >= end;
}

/* end: of the range before it. */
static const char *range_broken_rule(const struct memmap *map,
                                     const struct memmap_range *range, u64 end)
{
    if (range->bytes == 0 || !IS_ALIGNED(range->base | range->bytes, PAGE_BYTES))
        return "is empty or not made of whole pages";
    if (range->base < end)
        return "overlaps the one before it, or is out of order";
    if (range->base >= map->phys_limit || range->bytes > map->phys_limit - range->base)
        return "ends above the limit";
    if (!memmap_type_is_known(range->type) ||
        (range->flags & ~(u32)MEMMAP_PUNCHED) != 0)
        return "has an unknown type or origin";
    return NULL;
}

const char *memmap_broken_rule(const struct memmap *map, u32 *index)
{
    const char *rule = NULL;
    u64 end = 0;

    *index = 0;
    if (map->count > MEMMAP_RANGE_MAX)
        return "is one of more than there is room for";
    for (u32 i = 0; i < map->count && rule == NULL; i++) {
        const struct memmap_range *range = &map->ranges[i];

        rule = range_broken_rule(map, range, end);
        if (rule == NULL && i > 0 && can_merge(range - 1, range))
            rule = "should be one with the one before it";
        end = memmap_range_end(range);
        *index = i;
    }
    return rule;
}

bool memmap_verify(const struct memmap *map)
{
    u32 index;

    return memmap_broken_rule(map, &index) == NULL;
}
