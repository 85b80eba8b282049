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
#include "mm/memmap.h"

#define HOLE 0 /* no E820 type has this number */

/* Bytes, not pointers: a constant table that needs no relocation. Index: E820 type. */
static const u8 type_ranks[] = {
    [HOLE] = 0,
    [E820_USABLE] = 1,
    [E820_PERSISTENT] = 2,
    [E820_ACPI] = 3,
    [E820_NVS] = 4,
    [E820_RESERVED] = 5,
    [E820_BAD] = 6,
};

STATIC_ASSERT(MEMMAP_RANGE_MAX > 2 * E820_RAW_MAX, "an entry may split two segments");

static bool type_is_known(u32 type)
{
    return type < ARRAY_COUNT(type_ranks) && type_ranks[type] != 0;
}

/* HOLE as an entry's type is as unknown as any other number. */
static u32 effective_type(u32 type)
{
    return type_is_known(type) ? type : E820_RESERVED;
}

u32 memmap_rank(u32 type)
{
    return type_ranks[effective_type(type)];
}

static u64 range_end(const struct memmap_range *range)
{
    return range->base + range->bytes;
}

/* Index of the first range that ends above phys; map->count when there is none. */
static u32 find_index(const struct memmap *map, u64 phys)
{
    u32 low = 0;
    u32 high = map->count;

    while (low < high) {
        u32 middle = low + (high - low) / 2;

        if (range_end(&map->ranges[middle]) <= phys)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Makes phys a border, if a range spans it. The caller sees to a free slot. */
static void split_at(struct memmap *map, u64 phys)
{
    u32 index = find_index(map, phys);

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
    u64 end = range_end(&paint);

    for (u32 i = find_index(map, paint.base); i < map->count; i++) {
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
    split_at(map, range_end(&paint));
    raise_between(map, paint);
    return true;
}

/* Cuts at limit, and so what wraps past 2^64 too. bytes == 0 when nothing is left. */
static struct memmap_range cut_at(u64 base, u64 bytes, u64 limit)
{
    struct memmap_range cut = {.base = base};

    if (base < limit)
        cut.bytes = MIN(bytes, limit - base);
    return cut;
}

/* Outward; cannot pass a limit of whole pages that the range was cut at before. */
static struct memmap_range grow_to_pages(struct memmap_range range)
{
    u64 end = ALIGN_UP(range_end(&range), PAGE_BYTES);

    range.base = ALIGN_DOWN(range.base, PAGE_BYTES);
    range.bytes = end - range.base;
    return range;
}

/* Inward; bytes == 0 when no whole page is left. */
static struct memmap_range shrink_to_pages(struct memmap_range range)
{
    u64 end = ALIGN_DOWN(range_end(&range), PAGE_BYTES);

    range.base = ALIGN_UP(range.base, PAGE_BYTES);
    range.bytes = end > range.base ? end - range.base : 0;
    return range;
}

/* What one entry asks for: its type made known, cut, grown if it is not usable. */
static struct memmap_range paint_of(const struct e820_raw *entry, u64 limit)
{
    struct memmap_range paint = cut_at(entry->base, entry->bytes, limit);

    paint.type = effective_type(entry->type);
    if (paint.bytes != 0 && paint.type != E820_USABLE)
        paint = grow_to_pages(paint);
    return paint;
}

static bool can_merge(const struct memmap_range *left, const struct memmap_range *right)
{
    return range_end(left) == right->base && left->type == right->type &&
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
        struct memmap_range paint = paint_of(&raw[i], phys_limit);

        if (paint.bytes != 0 && !try_paint(map, paint))
            return STATUS_NO_SPACE; /* not reached: see MEMMAP_RANGE_MAX */
    }
    merge_neighbours(map);
    drop_holes(map);
    return STATUS_OK;
}

enum status memmap_punch(struct memmap *map, u64 base, u64 bytes, u32 type)
{
    struct memmap_range paint = cut_at(base, bytes, map->phys_limit);

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

/* Bytes of a piece of an entry, by what the clean map says about them. */
struct tally {
    u64 same;  /* the entry's own type, as the firmware said */
    u64 taken; /* punched out by our own rules */
    u64 worse; /* another type */
};

static struct tally tally_of(const struct memmap *map, struct memmap_range piece)
{
    struct tally tally = {0};
    u64 end = range_end(&piece);

    for (u32 i = find_index(map, piece.base); i < map->count; i++) {
        const struct memmap_range *range = &map->ranges[i];
        u64 low = MAX(range->base, piece.base);
        u64 high = MIN(range_end(range), end);

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
    if (!type_is_known(entry->type))
        notes |= MEMMAP_UNKNOWN_TYPE;
    /* Its last byte: a range that ends exactly at 2^64 has not wrapped. */
    if (entry->base + (entry->bytes - 1) < entry->base)
        notes |= MEMMAP_WRAPPED;
    else if (cut_at(entry->base, entry->bytes, limit).bytes != entry->bytes)
        notes |= MEMMAP_ABOVE_LIMIT;
    return notes;
}

/* Bits that follow from the entries before it. */
static u32 explain_order(const struct e820_raw *raw, u32 index, u64 limit)
{
    u32 notes = 0;
    struct memmap_range mine = cut_at(raw[index].base, raw[index].bytes, limit);

    if (index > 0 && raw[index].base < raw[index - 1].base)
        notes |= MEMMAP_OUT_OF_ORDER;
    for (u32 i = 0; i < index; i++) {
        struct memmap_range other = cut_at(raw[i].base, raw[i].bytes, limit);

        if (other.bytes != 0 && mine.base < range_end(&other) &&
            other.base < range_end(&mine))
            notes |= MEMMAP_OVERLAPS;
    }
    return notes;
}

/* Whether the clean map joins the piece with more of its type. */
static bool is_merged(const struct memmap *map, struct memmap_range piece)
{
    const struct memmap_range *first = memmap_find(map, piece.base);
    const struct memmap_range *last = memmap_find(map, range_end(&piece) - 1);
    u64 end = range_end(&piece);

    return (first != NULL && first->type == piece.type && first->base < piece.base) ||
           (last != NULL && last->type == piece.type && range_end(last) > end);
}

u32 memmap_explain(const struct e820_raw *raw, u32 index, const struct memmap *map)
{
    const struct e820_raw *entry = &raw[index];
    struct memmap_range cut = cut_at(entry->base, entry->bytes, map->phys_limit);
    struct memmap_range piece = paint_of(entry, map->phys_limit);
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
    u32 index = find_index(map, phys);

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
    for (u32 i = find_index(map, base); i < map->count && next < end; i++) {
        if (map->ranges[i].base > next || map->ranges[i].type != type)
            return false;
        next = range_end(&map->ranges[i]);
    }
    return next >= end;
}

bool memmap_verify(const struct memmap *map)
{
    u64 end = 0;

    if (map->count > MEMMAP_RANGE_MAX)
        return false;
    for (u32 i = 0; i < map->count; i++) {
        const struct memmap_range *range = &map->ranges[i];

        if (range->bytes == 0 || !IS_ALIGNED(range->base | range->bytes, PAGE_BYTES))
            return false;
        if (range->base < end || range->base >= map->phys_limit ||
            range->bytes > map->phys_limit - range->base)
            return false;
        if (!type_is_known(range->type) || (range->flags & ~(u32)MEMMAP_PUNCHED) != 0)
            return false;
        if (i > 0 && can_merge(range - 1, range))
            return false;
        end = range_end(range);
    }
    return true;
}
