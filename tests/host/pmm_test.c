/* SPDX-License-Identifier: MIT
 *
 * The frame allocator against an oracle that knows one byte for each frame: a stream of
 * random operations, right ones and wrong ones, after each of which both must agree on
 * what is free, promised and refused, and pmm_verify now and then on everything else.
 * "No memory" is believed only when the oracle has none either.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "mm/frame_table.h"
#include "mm/ram.h"
#include "tests/host/pmm_world.h"
#include "tests/host/random.h"

#define LIVE_MAX   4096
#define STREAM_OPS 60000

/* A small machine with holes, areas that RAM fills in part, and RAM above 4 GiB. */
static const struct world_range ram[] = {
    {0, 0x9F000},
    {0x100000, MIB(17)},
    {MIB(32) + 0x5000, MIB(9)},
    {GIB(4) + MIB(16), MIB(12)},
};
#define TOP_FRAMES ((GIB(4) + MIB(28)) >> PAGE_SHIFT)

enum { NOT_GIVEN, FREE, TAKEN };
static u8 *oracle; /* by frame number */
static u64 oracle_free, oracle_promised, oracle_refused;

struct live {
    pfn_t pfn;
    u64 frames;
    u32 order;
    bool run;
    enum frame_owner owner;
};
static struct live live[LIVE_MAX];
static u32 live_count;
static u32 cpus;

NORETURN void world_die(enum code code, const char *text)
{
    fail_msg("death %u: %s", (u32)code, text);
    abort();
}

/* --- the oracle --- */

static void oracle_open(void)
{
    struct phys_range range;
    oracle = calloc(TOP_FRAMES, 1);
    assert_non_null(oracle);
    oracle_free = oracle_promised = oracle_refused = 0;
    live_count = 0;
    for (u32 i = 0; ram_range(i, &range); i++)
        for (u64 at = range.base.raw; at < range.base.raw + range.bytes;
             at += PAGE_BYTES)
            if (frame_is_free(pmm_frame(phys_to_pfn(phys_make(at))))) {
                oracle[at >> PAGE_SHIFT] = FREE;
                oracle_free++;
            }
}

static bool oracle_has(u64 first, u64 frames)
{
    for (u64 i = 0; i < frames; i++)
        if (oracle[first + i] != FREE)
            return false;
    return true;
}

static bool oracle_has_any(const struct pmm_request *request)
{
    struct phys_range range;
    u64 high = request->high.raw ? request->high.raw : TOP_FRAMES;
    for (u32 i = 0; ram_range(i, &range); i++) {
        u64 low = MAX(request->low.raw, range.base.raw >> PAGE_SHIFT);
        u64 end = MIN(high, (range.base.raw + range.bytes) >> PAGE_SHIFT);
        for (u64 first = ALIGN_UP(low, request->align_frames);
             first + request->frames <= end; first += request->align_frames)
            if (oracle_has(first, request->frames))
                return true;
    }
    return false;
}

static void agree(void)
{
    struct pmm_stats stats;
    pmm_stats_get(&stats);
    assert_int_equal(stats.free, oracle_free);
    assert_int_equal(stats.promised, oracle_promised);
    assert_int_equal(stats.refused, oracle_refused);
}

/* --- operations --- */

/* The first and the last word of each frame; all of it now and then. */
static void must_be_zero(pfn_t pfn, u64 frames, bool wholly)
{
    for (u64 i = 0; i < frames; i++) {
        const u64 *word = pfn_to_ptr(pfn_add(pfn, i));
        u32 step = wholly ? 1 : 511;
        for (u32 n = 0; n < 512; n += step)
            if (word[n] != 0)
                fail_msg("frame %#lx is not zero at word %u: %#lx", pfn.raw + i, n,
                         word[n]);
    }
}

static void remember(struct live one, bool zeroed, struct random *random)
{
    if (!oracle_has(one.pfn.raw, one.frames))
        fail_msg("frames %#lx, %lu, were not free", one.pfn.raw, one.frames);
    if (zeroed)
        must_be_zero(one.pfn, one.frames, random_below(random, 16) == 0);
    memset(oracle + one.pfn.raw, TAKEN, one.frames);
    for (u64 i = 0; i < one.frames; i++) {
        u64 *word = pfn_to_ptr(pfn_add(one.pfn, i));
        word[0] = word[511] = word[random_below(random, 512)] = one.pfn.raw + i;
    }
    oracle_free -= one.frames;
    live[live_count++] = one;
}

static void no_memory_is_true(const struct pmm_request *request)
{
    if (cpus == 1 && oracle_free - oracle_promised >= request->frames &&
        oracle_has_any(request))
        fail_msg("no memory for %lu frames, but there are %lu free", request->frames,
                 oracle_free);
}

static void do_alloc(struct random *random)
{
    bool raw = random_below(random, 2) != 0;
    u32 order = random_below(random, 3) ? 0 : (u32)random_below(random, 10);
    struct live one = {.order = order, .frames = 1UL << order, .owner = OWNER_TEST};
    if (random_below(random, 4) == 0)
        one.owner = OWNER_HEAP;
    if (live_count == LIVE_MAX)
        return;
    enum status status = raw ? pmm_alloc_raw(order, one.owner, &one.pfn)
                             : pmm_alloc(order, one.owner, &one.pfn);
    if (status == STATUS_OK) {
        assert_true(IS_ALIGNED(one.pfn.raw, one.frames));
        remember(one, !raw, random);
        return;
    }
    assert_int_equal(status, STATUS_NO_MEMORY);
    no_memory_is_true(
        &(struct pmm_request){.frames = 1UL << order, .align_frames = 1UL << order});
}

static void do_run(struct random *random)
{
    struct pmm_request request = {.frames = 1 + random_below(random, 700),
                                  .align_frames = 1UL << random_below(random, 11),
                                  .node = random_below(random, 2) ? 0 : PMM_NODE_ANY,
                                  .owner = OWNER_TEST};
    if (random_below(random, 2))
        request.high = pfn_make(GIB(4) >> PAGE_SHIFT);
    if (random_below(random, 2))
        request.low = pfn_make(random_below(random, 0x3000));
    struct live one = {.frames = request.frames, .run = true, .owner = OWNER_TEST};
    if (live_count == LIVE_MAX)
        return;
    enum status status = pmm_run_alloc(&request, &one.pfn);
    if (status == STATUS_OK) {
        assert_true(IS_ALIGNED(one.pfn.raw, request.align_frames));
        assert_true(one.pfn.raw >= request.low.raw);
        assert_true(request.high.raw == 0 ||
                    one.pfn.raw + one.frames <= request.high.raw);
        remember(one, true, random);
        return;
    }
    assert_int_equal(status, STATUS_NO_MEMORY);
    no_memory_is_true(&request);
}

static void do_free(struct random *random)
{
    if (live_count == 0)
        return;
    u32 which = (u32)random_below(random, live_count);
    struct live one = live[which];
    enum status status;
    if (one.run)
        status = pmm_run_free(one.pfn, one.frames, one.owner);
    else if (one.order == 0 && random_below(random, 8) == 0) {
        status = pmm_free_to_promise(one.pfn, one.owner);
        oracle_promised++;
    } else
        status = random_below(random, 2) ? pmm_free(one.pfn, one.order, one.owner)
                                         : pmm_free_raw(one.pfn, one.order, one.owner);
    assert_int_equal(status, STATUS_OK);
    memset(oracle + one.pfn.raw, FREE, one.frames);
    oracle_free += one.frames;
    live[which] = live[--live_count];
}

/* Each must be refused, and nothing may change. */
static void do_bad_free(struct random *random)
{
    pfn_t pfn = pfn_make(random_below(random, TOP_FRAMES + 512));
    u32 order = (u32)random_below(random, 20);
    enum frame_owner owner = OWNER_TEST;
    if (live_count != 0 && random_below(random, 2)) {
        const struct live *one = &live[random_below(random, live_count)];
        pfn = pfn_add(one->pfn, random_below(random, 2));
        order = one->order + (u32)random_below(random, 2);
        owner = one->owner;
    }
    if (random_below(random, 8) == 0)
        owner = (enum frame_owner)random_below(random, 4 * OWNER_COUNT);
    for (u32 i = 0; i < live_count; i++)
        if (pfn.raw == live[i].pfn.raw && owner == live[i].owner)
            return; /* it might be right, or right for a part of a run */
    for (u32 i = 0; i < live_count; i++)
        if (live[i].run && pfn.raw >= live[i].pfn.raw &&
            pfn.raw < live[i].pfn.raw + live[i].frames)
            return;
    enum status status = random_below(random, 2) ? pmm_free(pfn, order, owner)
                                                 : pmm_free_raw(pfn, order, owner);
    assert_int_equal(status, STATUS_INVALID);
    oracle_refused++;
}

static void do_promise(struct random *random)
{
    u64 n = random_below(random, 3) ? random_below(random, 64)
                                    : random_below(random, 2 * oracle_free + 2);
    enum status status = pmm_promise(n);
    if (status == STATUS_OK) {
        assert_true(oracle_free - oracle_promised >= n);
        oracle_promised += n;
    } else if (cpus == 1) {
        assert_true(oracle_free - oracle_promised < n);
    }
}

static void do_promise_return(struct random *random)
{
    u64 n = random_below(random, oracle_promised + 1);
    pmm_promise_return(n);
    oracle_promised -= n;
}

static void do_take_promised(struct random *random)
{
    struct live one = {.frames = 1, .owner = OWNER_HEAP};
    if (live_count == LIVE_MAX)
        return;
    bool took = pmm_take_promised(OWNER_HEAP, &one.pfn);
    assert_int_equal(took, oracle_promised != 0);
    if (!took)
        return;
    oracle_promised--;
    remember(one, true, random);
}

static void (*const operations[])(struct random *random) = {
    do_alloc, do_alloc,   do_alloc,          do_free,          do_free,  do_free,
    do_run,   do_promise, do_promise_return, do_take_promised, do_alloc, do_bad_free};

/* Fills and empties memory in waves, so that both rims are met. */
static void stream(u64 seed, u32 cpu_count)
{
    struct random random;
    random = random_of(seed);
    cpus = cpu_count;
    world_open(ram, ARRAY_COUNT(ram), cpus);
    oracle_open();
    for (u32 i = 0; i < STREAM_OPS; i++) {
        u32 wave = i / 4096 % 3;
        world_cpu((u32)random_below(&random, cpus));
        if (wave == 0 && random_below(&random, 2))
            do_alloc(&random);
        else if (wave == 1 && random_below(&random, 2))
            do_free(&random);
        else
            operations[random_below(&random, ARRAY_COUNT(operations))](&random);
        agree();
        if (i % 2048 == 0)
            pmm_verify();
    }
    while (live_count != 0)
        do_free(&random);
    agree();
    pmm_verify();
    free(oracle);
}

static void test_one_cpu(void **state)
{
    (void)state;
    assert_int_equal(world_configure(0, false), STATUS_OK);
    for (u64 seed = 1; seed <= 4; seed++)
        stream(seed, 1);
}

static void test_three_cpus(void **state)
{
    (void)state;
    assert_int_equal(world_configure(0, false), STATUS_OK);
    stream(11, 3);
}

static void test_colours(void **state)
{
    (void)state;
    assert_int_equal(world_configure(7, false), STATUS_INVALID);
    assert_int_equal(world_configure(2 * PMM_COLOURS_MAX, false), STATUS_INVALID);
    assert_int_equal(world_configure(8, false), STATUS_OK);
    stream(21, 1);
}

static void test_check(void **state)
{
    (void)state;
    assert_int_equal(world_configure(0, true), STATUS_OK);
    stream(31, 1);
}

/* Every frame once, none twice: the last one too, and then none. */
static void test_exhausted(void **state)
{
    (void)state;
    pfn_t pfn;
    u64 taken = 0;
    assert_int_equal(world_configure(0, false), STATUS_OK);
    world_open(ram, ARRAY_COUNT(ram), 1);
    oracle_open();
    u64 had = oracle_free;
    while (pmm_alloc_raw(0, OWNER_TEST, &pfn) == STATUS_OK) {
        assert_int_equal(oracle[pfn.raw], FREE);
        oracle[pfn.raw] = TAKEN;
        taken++;
    }
    assert_int_equal(taken, had);
    assert_int_equal(pmm_promise(1), STATUS_NO_MEMORY);
    pmm_verify();
    free(oracle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exhausted),  cmocka_unit_test(test_one_cpu),
        cmocka_unit_test(test_three_cpus), cmocka_unit_test(test_colours),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
