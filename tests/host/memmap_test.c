/* SPDX-License-Identifier: MIT
 *
 * The memory map cleaner against an oracle that decides page by page, on random,
 * hostile and real maps; each rule and each explanation once by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "mm/memmap.h"
#include "mm/memmap_text.h"
#include "tests/host/memmap_maps.h"
#include "tests/host/memmap_oracle.h"
#include "tests/host/random.h"

#define P PAGE_BYTES
#define TOP52 ((u64)1 << 52)

static struct memmap map;
static struct e820_raw raw[E820_RAW_MAX];

/* --- random maps
 * ------------------------------------------------------------------------ */

static u32 random_type(struct random *random)
{
    static const u32 types[] = {0, 1, 1, 1, 1,  2,          2,          3,
                                4, 5, 7, 6, 13, 0xF0000000, 2954887168u};

    return types[random_below(random, ARRAY_COUNT(types))];
}

/* Byte borders that meet inside pages: multiples of a random grain, sometimes one off.
 * */
static u64 random_address(struct random *random, u64 space)
{
    static const u64 grains[] = {1, 0x200, 0x400, 0x800, P, P, P, 4 * P};
    u64 grain = grains[random_below(random, ARRAY_COUNT(grains))];
    u64 address = random_below(random, space / grain + 1) * grain;

    if (random_below(random, 8) == 0)
        address += random_below(random, 3) - 1;
    return address;
}

static struct e820_raw random_entry(struct random *random, u64 space)
{
    struct e820_raw entry = {.type = random_type(random),
                             .attributes = (u32)random_next(random)};

    entry.base = random_address(random, space + space / 8);
    switch (random_below(random, 16)) {
    case 0:
        entry.bytes = 0;
        break;
    case 1: /* runs past 2^64 */
        entry.bytes = 0 - entry.base + random_below(random, 3 * P);
        break;
    case 2: /* all there is, or nearly */
        entry.bytes = ~(u64)0 - random_below(random, 2 * space);
        break;
    case 3: /* near the end of the 64-bit space */
        entry.base = 0 - random_address(random, space);
        entry.bytes = random_address(random, space);
        break;
    case 4:
    case 5:
    case 6: /* longer than the rest */
        entry.bytes = random_address(random, space);
        break;
    default:
        entry.bytes = random_address(random, space / 8);
    }
    return entry;
}

static void fill_random(struct random *random, u32 count, u64 space)
{
    for (u32 i = 0; i < count; i++) {
        raw[i] = random_entry(random, space);
        if (i > 0 && random_below(random, 12) == 0)
            raw[i] = raw[random_below(random, i)];
        else if (i > 0 && random_below(random, 3) == 0)
            raw[i].base = raw[i - 1].base + raw[i - 1].bytes;
    }
}

static void assert_map_is_right(const struct oracle *oracle, u64 seed)
{
    const char *difference = oracle_compare_pages(oracle, &map);

    if (difference != NULL)
        fail_msg("seed %llu, %u entries: %s", (unsigned long long)seed, oracle->count,
                 difference);
}

static void assert_notes_are_right(const struct oracle *oracle, u64 seed)
{
    const u32 told_by_pages = MEMMAP_KEPT | MEMMAP_GROWN | MEMMAP_SHRUNK |
                              MEMMAP_OVERRIDDEN | MEMMAP_OVERRIDDEN_WHOLLY;

    for (u32 i = 0; i < oracle->count; i++) {
        u32 notes = memmap_explain(raw, i, &map);
        u32 expected = oracle_explain(oracle, i, map.phys_limit);

        if ((notes & told_by_pages) != expected)
            fail_msg("seed %llu, entry %u of %u: notes %#x, expected %#x",
                     (unsigned long long)seed, i, oracle->count, notes, expected);
    }
}

static void test_small_random_maps(void **state)
{
    (void)state;
    for (u64 seed = 1; seed <= 6000; seed++) {
        struct random random = random_of(seed);
        u64 limit = (1 + random_below(&random, 64)) * P;
        u32 count = (u32)random_below(&random, 24);
        struct oracle oracle = {.raw = raw, .count = count};

        fill_random(&random, count, limit);
        assert_int_equal(memmap_clean(raw, count, limit, &map), STATUS_OK);
        assert_map_is_right(&oracle, seed);
        assert_notes_are_right(&oracle, seed);
    }
}

static void test_long_random_maps(void **state)
{
    static const u32 counts[] = {0, 1, 129, 300, 600, 1024};

    (void)state;
    for (u64 seed = 1; seed <= 4; seed++) {
        for (u32 i = 0; i < ARRAY_COUNT(counts); i++) {
            struct random random = random_of(seed * 1000 + counts[i]);
            struct oracle oracle = {.raw = raw, .count = counts[i]};

            fill_random(&random, counts[i], 512 * P);
            /* Long ranges would swallow the rest: make most of them a few pages. */
            for (u32 k = 0; k < counts[i]; k++) {
                if (random_below(&random, 64) != 0)
                    raw[k].bytes %= 5 * P;
            }
            assert_int_equal(memmap_clean(raw, counts[i], 512 * P, &map), STATUS_OK);
            assert_map_is_right(&oracle, seed);
        }
    }
}

/* The rules do not depend on the order in which firmware lists its entries. */
static void test_order_does_not_matter(void **state)
{
    static struct memmap first;

    (void)state;
    for (u64 seed = 1; seed <= 300; seed++) {
        struct random random = random_of(seed);
        u32 count = 2 + (u32)random_below(&random, 30);

        fill_random(&random, count, 64 * P);
        assert_int_equal(memmap_clean(raw, count, 64 * P, &first), STATUS_OK);
        for (u32 i = count - 1; i > 0; i--) {
            u32 other = (u32)random_below(&random, i + 1);
            struct e820_raw swap = raw[i];

            raw[i] = raw[other];
            raw[other] = swap;
        }
        assert_int_equal(memmap_clean(raw, count, 64 * P, &map), STATUS_OK);
        assert_int_equal(map.count, first.count);
        assert_memory_equal(map.ranges, first.ranges,
                            first.count * sizeof first.ranges[0]);
    }
}

static void test_random_punches(void **state)
{
    (void)state;
    for (u64 seed = 1; seed <= 1500; seed++) {
        struct random random = random_of(seed);
        struct oracle_punch punches[8];
        u32 count = (u32)random_below(&random, 16);
        struct oracle oracle = {.raw = raw, .count = count, .punches = punches};

        fill_random(&random, count, 64 * P);
        assert_int_equal(memmap_clean(raw, count, 64 * P, &map), STATUS_OK);
        for (u32 i = 0; i < ARRAY_COUNT(punches); i++) {
            struct e820_raw entry = random_entry(&random, 64 * P);

            punches[i] = (struct oracle_punch){entry.base, entry.bytes, entry.type};
            assert_int_equal(memmap_punch(&map, entry.base, entry.bytes, entry.type),
                             STATUS_OK);
            oracle.punch_count = i + 1;
            assert_map_is_right(&oracle, seed);
        }
    }
}

/* --- real maps
 * -------------------------------------------------------------------------- */

static void clean_real(const struct e820_raw *entries, u32 count, u64 limit)
{
    struct oracle oracle = {.raw = entries, .count = count};
    const char *difference;

    assert_int_equal(memmap_clean(entries, count, limit, &map), STATUS_OK);
    difference = oracle_compare_borders(&oracle, &map);
    if (difference != NULL)
        fail_msg("%s", difference);
}

#define CLEAN_REAL(entries, limit) clean_real(entries, ARRAY_COUNT(entries), limit)

static void assert_range(u32 index, u64 base, u64 bytes, u32 type)
{
    assert_true(index < map.count);
    assert_int_equal(map.ranges[index].base, base);
    assert_int_equal(map.ranges[index].bytes, bytes);
    assert_int_equal(map.ranges[index].type, type);
}

static void test_qemu_maps(void **state)
{
    (void)state;
    CLEAN_REAL(map_qemu_5g, (u64)1 << 40);
    assert_int_equal(map.count, 8);
    assert_range(0, 0, 0x9F000, E820_USABLE);
    assert_range(1, 0x9F000, 0x1000, E820_RESERVED);
    assert_range(6, 0x100000000, 0x80000000, E820_USABLE);
    assert_range(7, 0xFD00000000, 0x300000000, E820_RESERVED);
    assert_int_equal(memmap_bytes(&map, E820_USABLE),
                     0x9F000 + (u64)0xBFEE0000 + 0x80000000);
    assert_int_equal(memmap_explain(map_qemu_5g, 0, &map), MEMMAP_OVERRIDDEN);
    assert_int_equal(memmap_explain(map_qemu_5g, 1, &map), MEMMAP_GROWN);
    assert_int_equal(memmap_explain(map_qemu_5g, 7, &map), MEMMAP_KEPT);

    /* A CPU with 36 address bits on the same board: what it cannot reach is not there.
     * */
    CLEAN_REAL(map_qemu_5g, (u64)1 << 36);
    assert_int_equal(map.count, 7);
    assert_int_equal(memmap_explain(map_qemu_5g, 7, &map), MEMMAP_ABOVE_LIMIT);

    CLEAN_REAL(map_qemu_1t, (u64)1 << 46);
    assert_true(memmap_covers(&map, 0x10000000000, 0xFF40000000, E820_USABLE));
    assert_null(memmap_find(&map, 0x100000000));
}

static void test_bochs_map(void **state)
{
    (void)state;
    CLEAN_REAL(map_bochs_64m, (u64)1 << 40);
    assert_int_equal(map.count, 6);
    for (u32 i = 0; i < map.count; i++) {
        const struct e820_raw *entry = &map_bochs_64m[i];

        assert_range(i, entry->base, entry->bytes, entry->type);
        assert_int_equal(memmap_explain(map_bochs_64m, i, &map), MEMMAP_KEPT);
    }
}

static void test_half_page_of_nvs(void **state)
{
    (void)state;
    CLEAN_REAL(map_d875pbz, (u64)1 << 36);
    assert_true(memmap_covers(&map, 0x7FE30000, 0x12000, E820_NVS));
    assert_true(memmap_covers(&map, 0x7FE42000, 0xEE000, E820_USABLE));
    assert_int_equal(memmap_explain(map_d875pbz, 4, &map), MEMMAP_GROWN);
    assert_int_equal(memmap_explain(map_d875pbz, 5, &map), MEMMAP_OVERRIDDEN);
}

static void test_other_real_maps(void **state)
{
    (void)state;
    CLEAN_REAL(map_unknown_type, (u64)1 << 48);
    assert_true(memmap_covers(&map, 0x9D1F000, 0x2E1000, E820_RESERVED));
    assert_int_equal(memmap_explain(map_unknown_type, 2, &map), MEMMAP_UNKNOWN_TYPE);

    CLEAN_REAL(map_nvs_at_zero, (u64)1 << 36);
    assert_range(0, 0, P, E820_NVS);
    assert_int_equal(map.count, ARRAY_COUNT(map_nvs_at_zero));

    CLEAN_REAL(map_overlaps, (u64)1 << 36);
    assert_true(memmap_covers(&map, 0x3000, P, E820_BAD));
    assert_true(memmap_covers(&map, 0x100000, 0x10000, E820_RESERVED));
    assert_true(memmap_covers(&map, 0x110000, 0x8000, E820_NVS));
    assert_true(memmap_covers(&map, 0x50000, 0x8000, E820_ACPI));
    assert_true(memmap_covers(&map, 0x5A000, 0x2000, E820_RESERVED));
    assert_int_equal(memmap_explain(map_overlaps, 13, &map), MEMMAP_ZERO_LENGTH);
}

/* --- rules, one by one
 * ------------------------------------------------------------------ */

static u32 explain_last(u32 count, u64 limit)
{
    assert_int_equal(memmap_clean(raw, count, limit, &map), STATUS_OK);
    assert_true(memmap_verify(&map));
    return memmap_explain(raw, count - 1, &map);
}

static void set(u32 index, u64 base, u64 bytes, u32 type)
{
    raw[index] = (struct e820_raw){.base = base, .bytes = bytes, .type = type};
}

static void test_refusals(void **state)
{
    static struct e820_raw many[E820_RAW_MAX + 1];

    (void)state;
    set(0, 0, P, E820_USABLE);
    assert_int_equal(memmap_clean(raw, 1, 0, &map), STATUS_INVALID);
    assert_int_equal(map.count, 0);
    assert_int_equal(memmap_clean(raw, 1, TOP52 + 1, &map), STATUS_INVALID);
    assert_int_equal(map.count, 0);
    assert_int_equal(memmap_clean(many, E820_RAW_MAX + 1, TOP52, &map), STATUS_TOO_BIG);
    assert_int_equal(map.count, 0);
    assert_int_equal(memmap_clean(raw, 0, TOP52, &map), STATUS_OK);
    assert_int_equal(map.count, 0);
}

/* Worse wins, for every pair of types, in both orders. */
static void test_rank_of_every_pair(void **state)
{
    static const u32 best_to_worst[] = {E820_USABLE, E820_PERSISTENT, E820_ACPI,
                                        E820_NVS,    E820_RESERVED,   E820_BAD};

    (void)state;
    for (u32 a = 0; a < ARRAY_COUNT(best_to_worst); a++) {
        assert_int_equal(memmap_rank(best_to_worst[a]), a + 1);
        for (u32 b = 0; b < ARRAY_COUNT(best_to_worst); b++) {
            set(0, 0, 3 * P, best_to_worst[a]);
            set(1, P, P, best_to_worst[b]);
            assert_int_equal(memmap_clean(raw, 2, TOP52, &map), STATUS_OK);
            assert_true(memmap_covers(&map, 0, P, best_to_worst[a]));
            assert_true(memmap_covers(&map, P, P, best_to_worst[MAX(a, b)]));
        }
    }
    assert_int_equal(memmap_rank(0), memmap_rank(E820_RESERVED));
    assert_int_equal(memmap_rank(6), memmap_rank(E820_RESERVED));
    assert_int_equal(memmap_rank(8), memmap_rank(E820_RESERVED));
    assert_int_equal(memmap_rank(0xFFFFFFFF), memmap_rank(E820_RESERVED));
}

static void test_wrap_and_limit(void **state)
{
    (void)state;
    set(0, P, ~(u64)0, E820_RESERVED);
    assert_int_equal(explain_last(1, 16 * P), MEMMAP_WRAPPED);
    assert_range(0, P, 15 * P, E820_RESERVED);
    set(0, P, 0 - (u64)P, E820_RESERVED); /* ends exactly at 2^64 */
    assert_int_equal(explain_last(1, 16 * P), MEMMAP_ABOVE_LIMIT);
    set(0, 15 * P, 2 * P, E820_USABLE);
    assert_int_equal(explain_last(1, 16 * P), MEMMAP_ABOVE_LIMIT);
    assert_range(0, 15 * P, P, E820_USABLE);
    set(0, 15 * P, P, E820_USABLE);
    assert_int_equal(explain_last(1, 16 * P), MEMMAP_KEPT);
    set(0, 16 * P, P, E820_USABLE);
    assert_int_equal(explain_last(1, 16 * P), MEMMAP_ABOVE_LIMIT);
    assert_int_equal(map.count, 0);
    set(0, 0 - (u64)1, 2, E820_BAD);
    assert_int_equal(explain_last(1, TOP52), MEMMAP_WRAPPED);
    assert_int_equal(map.count, 0);
    /* The widest limit there is: nothing may wrap inside either. */
    set(0, 0 - (u64)2 * P + 1, 2 * P, E820_BAD);
    assert_int_equal(explain_last(1, 0 - (u64)P), MEMMAP_WRAPPED | MEMMAP_GROWN);
    assert_range(0, 0 - (u64)2 * P, P, E820_BAD);
}

static void test_pages(void **state)
{
    (void)state;
    set(0, 0x800, 3 * P, E820_USABLE);
    assert_int_equal(explain_last(1, TOP52), MEMMAP_SHRUNK);
    assert_range(0, P, 2 * P, E820_USABLE);
    set(0, 0x800, 0x900, E820_USABLE); /* no whole page in it */
    assert_int_equal(explain_last(1, TOP52), MEMMAP_SHRUNK);
    assert_int_equal(map.count, 0);
    set(0, 0x800, 1, E820_ACPI);
    assert_int_equal(explain_last(1, TOP52), MEMMAP_GROWN);
    assert_range(0, 0, P, E820_ACPI);
    /* Two usable entries that meet inside a page make it whole. */
    set(0, 0, 0x1800, E820_USABLE);
    set(1, 0x1800, 0x1800, E820_USABLE);
    assert_int_equal(explain_last(2, TOP52), MEMMAP_KEPT | MEMMAP_MERGED);
    assert_range(0, 0, 3 * P, E820_USABLE);
    /* One byte between them, and the page is lost. */
    set(1, 0x1801, 0x17FF, E820_USABLE);
    assert_int_equal(explain_last(2, TOP52), MEMMAP_SHRUNK);
    assert_int_equal(map.count, 2);
    assert_range(0, 0, P, E820_USABLE);
    assert_range(1, 2 * P, P, E820_USABLE);
}

static void test_notes_on_neighbours(void **state)
{
    (void)state;
    set(0, 4 * P, 4 * P, E820_USABLE);
    set(1, 0, 4 * P, E820_USABLE);
    assert_int_equal(explain_last(2, TOP52),
                     MEMMAP_KEPT | MEMMAP_MERGED | MEMMAP_OUT_OF_ORDER);
    set(1, 5 * P, P, E820_USABLE);
    assert_int_equal(explain_last(2, TOP52),
                     MEMMAP_KEPT | MEMMAP_MERGED | MEMMAP_OVERLAPS);
    set(1, 6 * P, 4 * P, E820_BAD);
    assert_int_equal(explain_last(2, TOP52), MEMMAP_KEPT | MEMMAP_OVERLAPS);
    assert_int_equal(memmap_explain(raw, 0, &map), MEMMAP_OVERRIDDEN);
    set(1, 0, 16 * P, E820_BAD);
    assert_int_equal(explain_last(2, TOP52),
                     MEMMAP_KEPT | MEMMAP_OVERLAPS | MEMMAP_OUT_OF_ORDER);
    assert_int_equal(memmap_explain(raw, 0, &map), MEMMAP_OVERRIDDEN_WHOLLY);
    /* An entry of no length overlaps nobody. */
    set(1, 5 * P, 0, E820_BAD);
    assert_int_equal(explain_last(2, TOP52), MEMMAP_ZERO_LENGTH);
    set(2, 5 * P, P, E820_USABLE);
    raw[0].type = E820_NVS;
    assert_int_equal(explain_last(3, TOP52), MEMMAP_OVERLAPS | MEMMAP_OVERRIDDEN_WHOLLY);
    set(0, 5 * P + 16, 0, E820_BAD);
    assert_int_equal(explain_last(3, TOP52), MEMMAP_KEPT);
}

static void test_punch(void **state)
{
    (void)state;
    set(0, 0, 16 * P, E820_USABLE);
    set(1, 20 * P, 2 * P, E820_BAD);
    assert_int_equal(memmap_clean(raw, 2, 64 * P, &map), STATUS_OK);
    /* From the middle of usable memory over a hole and what is worse to beyond the
     * limit. */
    assert_int_equal(memmap_punch(&map, 8 * P + 1, ~(u64)0, E820_RESERVED), STATUS_OK);
    assert_int_equal(map.count, 3);
    assert_range(0, 0, 8 * P, E820_USABLE);
    assert_range(1, 8 * P, 8 * P, E820_RESERVED);
    assert_range(2, 20 * P, 2 * P, E820_BAD);
    assert_int_equal(map.ranges[0].flags, 0);
    assert_int_equal(map.ranges[1].flags, MEMMAP_PUNCHED);
    assert_int_equal(map.ranges[2].flags, 0);
    assert_int_equal(memmap_explain(raw, 0, &map), MEMMAP_TAKEN);
    assert_int_equal(memmap_explain(raw, 1, &map), MEMMAP_KEPT);
    /* What changes nothing: no bytes, beyond the limit, a better type. */
    assert_int_equal(memmap_punch(&map, 0, 0, E820_BAD), STATUS_OK);
    assert_int_equal(memmap_punch(&map, 64 * P, P, E820_BAD), STATUS_OK);
    assert_int_equal(memmap_punch(&map, 0, 64 * P, E820_USABLE), STATUS_OK);
    assert_int_equal(map.count, 3);
    assert_true(memmap_verify(&map));
    /* An unknown type is reserved here too. */
    assert_int_equal(memmap_punch(&map, 0, 1, 99), STATUS_OK);
    assert_range(0, 0, P, E820_RESERVED);
}

/* The map remembers who made a page what it is: the firmware or a punch. */
static void test_origin(void **state)
{
    (void)state;
    set(0, 0, 4 * P, E820_RESERVED);
    set(1, 4 * P, 4 * P, E820_USABLE);
    assert_int_equal(memmap_clean(raw, 2, 64 * P, &map), STATUS_OK);
    assert_int_equal(memmap_punch(&map, 2 * P, 4 * P, E820_RESERVED), STATUS_OK);
    assert_int_equal(map.count, 3);
    assert_range(0, 0, 4 * P, E820_RESERVED);
    assert_int_equal(map.ranges[0].flags, 0);
    assert_range(1, 4 * P, 2 * P, E820_RESERVED);
    assert_int_equal(map.ranges[1].flags, MEMMAP_PUNCHED);
    assert_int_equal(memmap_explain(raw, 0, &map), MEMMAP_KEPT);
    assert_int_equal(memmap_explain(raw, 1, &map), MEMMAP_TAKEN);

    /* Partly taken, the rest overridden: not wholly overridden, for some is ours. */
    set(0, 6 * P, 2 * P, E820_BAD);
    assert_int_equal(memmap_clean(raw, 2, 64 * P, &map), STATUS_OK);
    assert_int_equal(memmap_punch(&map, 4 * P, 2 * P, E820_RESERVED), STATUS_OK);
    assert_int_equal(memmap_explain(raw, 1, &map),
                     MEMMAP_TAKEN | MEMMAP_OVERRIDDEN | MEMMAP_OVERLAPS |
                         MEMMAP_OUT_OF_ORDER);
}

/* As many ranges as 1024 entries can make; then the promised number of punches, and the
 * end. */
static void test_fullest_map(void **state)
{
    static struct memmap before;
    u32 punches = 0;

    (void)state;
    set(0, 0, (u64)16 * E820_RAW_MAX * P, E820_RESERVED);
    for (u32 i = 1; i < E820_RAW_MAX; i++)
        set(i, (u64)16 * i * P, P, E820_BAD);
    assert_int_equal(memmap_clean(raw, E820_RAW_MAX, TOP52, &map), STATUS_OK);
    assert_int_equal(map.count, 2 * E820_RAW_MAX - 1);
    assert_true(memmap_verify(&map));
    for (;;) {
        memcpy(&before, &map, sizeof map);
        if (memmap_punch(&map, (16 * (u64)punches + 8) * P, P, E820_BAD) != STATUS_OK)
            break;
        punches++;
        assert_int_equal(map.count, 2 * E820_RAW_MAX - 1 + 2 * punches);
        assert_true(memmap_verify(&map));
    }
    assert_true(punches >= MEMMAP_PUNCH_MAX);
    assert_true(punches < E820_RAW_MAX);
    assert_int_equal(memmap_punch(&map, P, P, E820_BAD), STATUS_NO_SPACE);
    assert_memory_equal(&before, &map, sizeof map);

    /* One free slot is not enough for a punch that may split two ranges. */
    assert_int_equal(memmap_clean(raw, E820_RAW_MAX, TOP52, &map), STATUS_OK);
    for (u64 i = 0; i < MEMMAP_PUNCH_MAX; i++)
        assert_int_equal(memmap_punch(&map, (16 * i + 8) * P, P, E820_BAD), STATUS_OK);
    assert_int_equal(memmap_punch(&map, 17 * P, P, E820_BAD), STATUS_OK);
    assert_int_equal(map.count, MEMMAP_RANGE_MAX - 1);
    assert_int_equal(memmap_punch(&map, 4 * P, P, E820_BAD), STATUS_NO_SPACE);
}

static void test_lookups(void **state)
{
    (void)state;
    set(0, 2 * P, 2 * P, E820_USABLE);
    set(1, 4 * P, 2 * P, E820_NVS);
    set(2, 8 * P, 2 * P, E820_USABLE);
    assert_int_equal(memmap_clean(raw, 3, 64 * P, &map), STATUS_OK);
    assert_null(memmap_find(&map, 2 * P - 1));
    assert_ptr_equal(memmap_find(&map, 2 * P), &map.ranges[0]);
    assert_ptr_equal(memmap_find(&map, 4 * P - 1), &map.ranges[0]);
    assert_ptr_equal(memmap_find(&map, 4 * P), &map.ranges[1]);
    assert_null(memmap_find(&map, 6 * P));
    assert_null(memmap_find(&map, 10 * P));
    assert_null(memmap_find(&map, ~(u64)0));
    assert_true(memmap_covers(&map, 2 * P, 2 * P, E820_USABLE));
    assert_true(memmap_covers(&map, 3 * P - 1, 2, E820_USABLE));
    assert_false(memmap_covers(&map, 2 * P, 2 * P + 1, E820_USABLE));
    assert_false(memmap_covers(&map, 2 * P - 1, 2, E820_USABLE));
    assert_false(memmap_covers(&map, 2 * P, 0, E820_USABLE));
    assert_false(memmap_covers(&map, 8 * P, ~(u64)0, E820_USABLE));
    assert_false(memmap_covers(&map, 8 * P, 3 * P, E820_USABLE));
    assert_false(memmap_covers(&map, 3 * P, 6 * P, E820_USABLE));
    assert_int_equal(memmap_bytes(&map, E820_USABLE), 4 * P);
    assert_int_equal(memmap_bytes(&map, E820_BAD), 0);
    /* Ranges of different origin join when asked for by type. */
    assert_int_equal(memmap_punch(&map, 2 * P, P, E820_NVS), STATUS_OK);
    assert_int_equal(memmap_punch(&map, 3 * P, P, E820_NVS), STATUS_OK);
    assert_true(memmap_covers(&map, 2 * P, 4 * P, E820_NVS));
    /* What lies in the table behind the last range is not in the map. */
    map.count = 1;
    assert_false(memmap_covers(&map, 2 * P, 4 * P, E820_NVS));
    assert_null(memmap_find(&map, 4 * P));
}

/* memmap_broken_rule bites: each invariant broken once, the range and the rule named. */
static void test_verify(void **state)
{
    static struct memmap good;
    u32 index;

    (void)state;
    set(0, 0, 4 * P, E820_USABLE);
    set(1, 4 * P, 4 * P, E820_NVS);
    assert_int_equal(memmap_clean(raw, 2, 8 * P, &good), STATUS_OK);
#define BREAK(statement, range, word)                      \
    do {                                                   \
        const char *rule;                                  \
        memcpy(&map, &good, sizeof map);                   \
        assert_true(memmap_verify(&map));                  \
        statement;                                         \
        assert_false(memmap_verify(&map));                 \
        rule = memmap_broken_rule(&map, &index);           \
        assert_non_null(rule);                             \
        assert_non_null(strstr(rule, word));               \
        assert_int_equal(index, range);                    \
    } while (0)
    BREAK(map.count = MEMMAP_RANGE_MAX + 1, 0, "room");
    BREAK(map.ranges[0].bytes = 0, 0, "empty");
    BREAK(map.ranges[0].bytes -= 1, 0, "whole pages");
    BREAK(map.ranges[0].base += 1, 0, "whole pages");
    BREAK(map.ranges[0].bytes += P, 1, "overlaps");
    BREAK(map.ranges[1] = map.ranges[0], 1, "overlaps");
    BREAK(map.ranges[1].bytes += P, 1, "limit");
    BREAK(map.ranges[1].bytes = 0 - (u64)4 * P, 1, "limit");
    BREAK(map.ranges[1].base = 8 * P, 1, "limit");
    BREAK(map.ranges[1].type = E820_USABLE, 1, "one with");
    BREAK(map.ranges[1].type = 6, 1, "type");
    BREAK(map.ranges[1].type = 0, 1, "type");
    BREAK(map.ranges[1].flags = 2, 1, "origin");
    BREAK(map.phys_limit = 7 * P, 1, "limit");
    BREAK(map.ranges[1].base = 16 * P, 1, "limit");
#undef BREAK
    for (u32 i = 0; i < MEMMAP_RANGE_MAX; i++)
        map.ranges[i] = (struct memmap_range){(u64)i * P, P, E820_USABLE + i % 2, 0};
    map.phys_limit = TOP52;
    map.count = MEMMAP_RANGE_MAX;
    assert_true(memmap_verify(&map));
    map.count++;
    assert_false(memmap_verify(&map));
}

static void test_texts(void **state)
{
    (void)state;
    assert_string_equal(memmap_type_name(E820_USABLE), "usable");
    assert_string_equal(memmap_type_name(E820_PERSISTENT), "persistent");
    assert_string_equal(memmap_type_name(0), "unknown");
    assert_string_equal(memmap_type_name(6), "unknown");
    assert_string_equal(memmap_type_name(8), "unknown");
    assert_string_equal(memmap_type_name(~(u32)0), "unknown");
    for (u32 bit = 0; bit < MEMMAP_NOTE_BITS; bit++)
        assert_true(strlen(memmap_note_text((u32)1 << bit)) > 3);
    assert_string_equal(memmap_note_text(MEMMAP_OVERLAPS), "overlaps an earlier entry");
    assert_string_equal(memmap_note_text((u32)1 << MEMMAP_NOTE_BITS), "");
    assert_string_equal(memmap_note_text(3), "");
    assert_string_equal(memmap_note_text(0), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small_random_maps),
        cmocka_unit_test(test_long_random_maps),
        cmocka_unit_test(test_order_does_not_matter),
        cmocka_unit_test(test_random_punches),
        cmocka_unit_test(test_qemu_maps),
        cmocka_unit_test(test_bochs_map),
        cmocka_unit_test(test_half_page_of_nvs),
        cmocka_unit_test(test_other_real_maps),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_rank_of_every_pair),
        cmocka_unit_test(test_wrap_and_limit),
        cmocka_unit_test(test_pages),
        cmocka_unit_test(test_notes_on_neighbours),
        cmocka_unit_test(test_punch),
        cmocka_unit_test(test_origin),
        cmocka_unit_test(test_fullest_map),
        cmocka_unit_test(test_lookups),
        cmocka_unit_test(test_verify),
        cmocka_unit_test(test_texts),
    };

    return cmocka_run_group_tests_name("memmap", tests, NULL, NULL);
}
