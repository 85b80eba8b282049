/* SPDX-License-Identifier: MIT
 *
 * The oracle of mm/memmap: every question is answered anew from the raw entries, in
 * 128-bit arithmetic, so that nothing can wrap.
 */
#include "tests/host/memmap_oracle.h"

#include <stdio.h>

typedef unsigned __int128 u128;

static int badness(u32 type)
{
    switch (type) {
    case ORACLE_HOLE:
        return 0;
    case E820_USABLE:
        return 1;
    case E820_PERSISTENT:
        return 2;
    case E820_ACPI:
        return 3;
    case E820_NVS:
        return 4;
    case E820_BAD:
        return 6;
    default:
        return 5;
    }
}

/* The type an entry stands for: unknown ones, and 0 as the firmware's word, are
 * reserved. */
static u32 meaning(u32 type)
{
    switch (type) {
    case E820_USABLE:
    case E820_PERSISTENT:
    case E820_ACPI:
    case E820_NVS:
    case E820_BAD:
        return type;
    default:
        return E820_RESERVED;
    }
}

static u128 end_of(u64 base, u64 bytes)
{
    return (u128)base + bytes;
}

static bool touches_page(u64 base, u64 bytes, u64 page)
{
    return bytes != 0 && base < (u128)page + PAGE_BYTES && end_of(base, bytes) > page;
}

/* Whether entries that say usable cover each byte of the page, one after the other. */
static bool is_wholly_usable(const struct oracle *oracle, u64 page)
{
    u128 reached = page;
    bool moved = true;

    while (moved && reached < (u128)page + PAGE_BYTES) {
        moved = false;
        for (u32 i = 0; i < oracle->count; i++) {
            const struct e820_raw *entry = &oracle->raw[i];
            u128 end = end_of(entry->base, entry->bytes);

            if (entry->type == E820_USABLE && entry->base <= reached && end > reached) {
                reached = end;
                moved = true;
            }
        }
    }
    return reached >= (u128)page + PAGE_BYTES;
}

u32 oracle_page_type(const struct oracle *oracle, u64 base)
{
    u32 type = ORACLE_HOLE;

    for (u32 i = 0; i < oracle->count; i++) {
        const struct e820_raw *entry = &oracle->raw[i];
        u32 mine = meaning(entry->type);

        if (mine != E820_USABLE && touches_page(entry->base, entry->bytes, base) &&
            badness(mine) > badness(type))
            type = mine;
    }
    if (type == ORACLE_HOLE && is_wholly_usable(oracle, base))
        type = E820_USABLE;

    for (u32 i = 0; i < oracle->punch_count && type != ORACLE_HOLE; i++) {
        const struct oracle_punch *punch = &oracle->punches[i];

        if (touches_page(punch->base, punch->bytes, base) &&
            badness(meaning(punch->type)) > badness(type))
            type = meaning(punch->type);
    }
    return type;
}

u32 oracle_explain(const struct oracle *oracle, u32 index, u64 phys_limit)
{
    const struct e820_raw *entry = &oracle->raw[index];
    u32 mine = meaning(entry->type);
    bool fits = end_of(entry->base, entry->bytes) <= phys_limit;
    bool kept = entry->bytes != 0 && mine == entry->type && fits;
    bool shrunk = false;
    u64 own_pages = 0;
    u64 worse_pages = 0;
    u32 notes = 0;

    for (u64 page = 0; page < phys_limit; page += PAGE_BYTES) {
        u32 type;

        if (!touches_page(entry->base, entry->bytes, page))
            continue;
        type = oracle_page_type(oracle, page);
        if (type == mine)
            own_pages++;
        else if (type == ORACLE_HOLE)
            shrunk = true;
        else
            worse_pages++;
    }
    if (mine != E820_USABLE && entry->bytes != 0 && entry->base < phys_limit) {
        u64 end = fits ? entry->base + entry->bytes : phys_limit;

        if (entry->base % PAGE_BYTES != 0 || end % PAGE_BYTES != 0)
            notes |= MEMMAP_GROWN;
    }
    if (shrunk)
        notes |= MEMMAP_SHRUNK;
    if (worse_pages != 0)
        notes |= own_pages != 0 ? MEMMAP_OVERRIDDEN : MEMMAP_OVERRIDDEN_WHOLLY;
    if (kept && notes == 0)
        notes |= MEMMAP_KEPT;
    return notes;
}

static char message[160];

/* The map's word for a page, found by walking all ranges; every invariant on the way. */
static u32 map_page_type(const struct memmap *map, u64 page)
{
    for (u32 i = 0; i < map->count; i++) {
        const struct memmap_range *range = &map->ranges[i];

        if (page >= range->base && page - range->base < range->bytes)
            return range->type;
    }
    return ORACLE_HOLE;
}

static const char *compare_page(const struct oracle *oracle, const struct memmap *map,
                                u64 page)
{
    const struct memmap_range *found = memmap_find(map, page);
    u32 expected = oracle_page_type(oracle, page);
    u32 said = map_page_type(map, page);

    if (said != expected) {
        snprintf(message, sizeof message, "page %#llx: type %u, expected %u",
                 (unsigned long long)page, said, expected);
        return message;
    }
    if ((found == NULL ? ORACLE_HOLE : found->type) != said) {
        snprintf(message, sizeof message, "page %#llx: memmap_find disagrees",
                 (unsigned long long)page);
        return message;
    }
    if (memmap_covers(map, page, PAGE_BYTES, E820_USABLE) != (said == E820_USABLE)) {
        snprintf(message, sizeof message, "page %#llx: memmap_covers disagrees",
                 (unsigned long long)page);
        return message;
    }
    return NULL;
}

static const char *check_shape(const struct memmap *map)
{
    u128 end = 0;

    if (map->count > MEMMAP_RANGE_MAX)
        return "more ranges than the table holds";
    for (u32 i = 0; i < map->count; i++) {
        const struct memmap_range *range = &map->ranges[i];
        const struct memmap_range *before = i > 0 ? range - 1 : NULL;

        if (range->bytes == 0 || range->base % PAGE_BYTES != 0 ||
            range->bytes % PAGE_BYTES != 0)
            return "a range is empty or not whole pages";
        if (range->base < end)
            return "ranges overlap or are not sorted";
        if (before != NULL && range->base == end && before->type == range->type &&
            before->flags == range->flags)
            return "neighbours of one type were not merged";
        if (range->type == 0 || meaning(range->type) != range->type)
            return "an unknown type is left";
        end = end_of(range->base, range->bytes);
        if (end > map->phys_limit)
            return "a range runs past the physical limit";
    }
    return memmap_verify(map) ? NULL : "memmap_verify refuses a map that is right";
}

const char *oracle_compare_pages(const struct oracle *oracle, const struct memmap *map)
{
    const char *difference = check_shape(map);

    for (u64 page = 0; difference == NULL && page < map->phys_limit; page += PAGE_BYTES)
        difference = compare_page(oracle, map, page);
    return difference;
}

/* The page of an address, the one before and the one behind it, as far as they exist. */
static const char *compare_around(const struct oracle *oracle, const struct memmap *map,
                                  u128 address)
{
    const char *difference = NULL;

    for (int step = -1; difference == NULL && step <= 1; step++) {
        __int128 page = (__int128)(address / PAGE_BYTES) + step;

        if (page >= 0 && page < (__int128)(map->phys_limit / PAGE_BYTES))
            difference = compare_page(oracle, map, (u64)page * PAGE_BYTES);
    }
    return difference;
}

const char *oracle_compare_borders(const struct oracle *oracle,
                                   const struct memmap *map)
{
    const char *difference = check_shape(map);

    if (difference == NULL)
        difference = compare_around(oracle, map, 0);
    if (difference == NULL)
        difference = compare_around(oracle, map, map->phys_limit);
    for (u32 i = 0; difference == NULL && i < oracle->count; i++) {
        const struct e820_raw *entry = &oracle->raw[i];

        difference = compare_around(oracle, map, entry->base);
        if (difference == NULL)
            difference = compare_around(oracle, map, end_of(entry->base, entry->bytes));
    }
    for (u32 i = 0; difference == NULL && i < oracle->punch_count; i++) {
        const struct oracle_punch *punch = &oracle->punches[i];

        difference = compare_around(oracle, map, punch->base);
        if (difference == NULL)
            difference = compare_around(oracle, map, end_of(punch->base, punch->bytes));
    }
    for (u32 i = 0; difference == NULL && i < map->count; i++) {
        const struct memmap_range *range = &map->ranges[i];

        difference = compare_around(oracle, map, range->base);
        if (difference == NULL)
            difference = compare_around(oracle, map, end_of(range->base, range->bytes));
    }
    return difference;
}
