/* SPDX-License-Identifier: MIT */
#include "tests/host/heap_mixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mm/heap_internal.h"
#include "tests/host/heap_oracle.h"
#include "tests/host/heap_world.h"
#include "tests/host/random.h"

struct heap_stats stats_now(void)
{
    struct heap_stats stats;
    heap_stats_get(&stats);
    return stats;
}

void open_all(u64 frames)
{
    world_open(frames);
    oracle_open();
}

void close_all(void)
{
    oracle_close();
    heap_trim();
    heap_verify();
    assert_int_equal(stats_now().pages, 0);
    assert_int_equal(stats_now().object_bytes, 0);
    assert_int_equal(world.promised, 0);
    assert_int_equal(world.owned[OWNER_HEAP], 0);
    assert_int_equal(world.free, world.total - world.owned[OWNER_HEAP_INFO] -
                                     world.owned[OWNER_PAGE_TABLE]);
    world_close();
}

void scenario(void)
{
    static const u64 bytes[] = {16, 100, 100, 2048, 2049, 5 * PAGE_BYTES, 30, 9000};
    for (u32 i = 0; i < ARRAY_COUNT(bytes); i++)
        if (oracle_alloc(bytes[i], i == 4 ? PAGE_2M_BYTES : 1)) {
            oracle_write(oracle_count - 1, bytes[i] - 1, 1, 0xAA);
            oracle_check(false);
        }
    if (oracle_alloc(700 * PAGE_BYTES, 1)) /* two regions at least */
        oracle_write(oracle_count - 1, 600 * PAGE_BYTES, PAGE_BYTES, 0xBB);
    oracle_check(false);
    for (u32 i = 0; i < oracle_count; i++) {
        u64 had = oracle[i].bytes;
        if (!oracle_resize(i, had + 3 * PAGE_BYTES))
            assert_int_equal(oracle[i].bytes, had);
        oracle_compare(i);
        oracle_check(false);
    }
    if (oracle_count > 0) {
        u64 had = oracle[oracle_count - 1].bytes;
        bool done = oracle_resize(oracle_count - 1, 64);
        assert_int_equal(oracle[oracle_count - 1].bytes, done ? 64 : had);
        oracle_check(false);
    }
    while (oracle_count > 2) {
        oracle_free(oracle_count / 2);
        oracle_check(false);
    }
    if (oracle_alloc(300, 32))
        oracle_compare(oracle_count - 1);
    heap_trim();
    oracle_check(true);
}

/* --- a mixture --- */

static u64 random_bytes(struct random *random)
{
    switch (random_below(random, 16)) {
    case 0:
        return 1 + random_below(random, 200 * PAGE_BYTES);
    case 1:
    case 2:
        return 1 + random_below(random, 9 * PAGE_BYTES);
    case 3:
    case 4:
    case 5:
        return 1 + random_below(random, 5000);
    default:
        return 1 + random_below(random, 500);
    }
}

static void touch(void *at)
{
    *(volatile u8 *)at = 1;
}

static void probe_guards(u32 i)
{
    u8 *before = (u8 *)ALIGN_DOWN((u64)oracle[i].at, PAGE_BYTES) - 1;
    if (oracle[i].run) {
        assert_int_equal(world_try(touch, before).how, WORLD_FAULTED);
        assert_int_equal(world_try(touch, oracle_end(i)).how, WORLD_FAULTED);
    }
}

static void free_and_probe(u32 i)
{
    u8 *at = oracle[i].at, *end = at + oracle[i].bytes - 1;
    bool run = oracle[i].run;
    oracle_free(i);
    if (run) {
        assert_int_equal(world_try(touch, at).how, WORLD_FAULTED);
        assert_int_equal(world_try(touch, end).how, WORLD_FAULTED);
    }
}

static void mixture_step(struct random *random, u32 live)
{
    u32 i = oracle_count ? (u32)random_below(random, oracle_count) : 0;
    u64 what = random_below(random, 100);
    if (oracle_count == 0 || (what < 40 && oracle_count < live)) {
        u64 align = random_below(random, 4) ? 1 : 1UL << random_below(random, 15);
        u64 bytes = random_bytes(random);
        if (oracle_alloc(bytes, align) && random_below(random, 2))
            oracle_compare(oracle_count - 1);
    } else if (what < 65) {
        u64 offset = random_below(random, oracle[i].bytes);
        u64 bytes = 1 + random_below(random, 9000);
        oracle_write(i, offset, MIN(bytes, oracle[i].bytes - offset), (u8)what);
    } else if (what < 75) {
        u64 had = oracle[i].bytes;
        if (!oracle_resize(i, random_bytes(random)))
            assert_int_equal(oracle[i].bytes, had);
    } else if (what < 80) {
        oracle_compare(i);
    } else if (what < 82) {
        probe_guards(i);
    } else {
        free_and_probe(i);
    }
}

void mixture(u64 seed, u64 frames, u32 live, u32 steps)
{
    struct random random = random_of(seed);
    open_all(frames);
    for (u32 step = 1; step <= steps; step++) {
        mixture_step(&random, live);
        if (step % 1000 == 0)
            heap_trim();
        if (step % 100 == 0)
            oracle_check(step % 1000 == 0);
    }
    for (u32 i = 0; i < oracle_count; i++)
        oracle_compare(i);
    close_all();
}
