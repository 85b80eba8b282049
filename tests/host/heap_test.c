/* SPDX-License-Identifier: MIT
 *
 * The kernel heap over a window of this process, with real page faults (heap_world.h),
 * against a list of bytes (heap_oracle.h).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "mm/heap_internal.h"
#include "tests/host/heap_mixture.h"
#include "tests/host/heap_oracle.h"
#include "tests/host/heap_world.h"
#include "tests/host/random.h"

/* --- sizes, alignment, contents --- */

static void test_every_size(void **state)
{
    struct random random = random_of(1);
    (void)state;
    open_all(40000);
    for (u64 bytes = 1; bytes <= 9000; bytes++) {
        assert_true(oracle_alloc(bytes, 1));
        oracle_compare(oracle_count - 1);
        oracle_write(oracle_count - 1, 0, bytes, (u8)bytes);
    }
    assert_int_equal(stats_now().refused, 0);
    oracle_check(false);
    for (u32 i = 0; i < oracle_count; i++)
        oracle_compare(i);
    while (oracle_count > 0)
        oracle_free((u32)random_below(&random, oracle_count));
    close_all();
}

static void test_every_alignment(void **state)
{
    enum { LIVE = 24 };
    (void)state;
    open_all(60000);
    for (u64 align = 1; align <= HEAP_ALIGN_MAX; align *= 2) {
        for (u64 bytes = 1; bytes <= 9000; bytes += bytes < 2100 ? 1 : 3) {
            if (oracle_count == LIVE)
                oracle_free((u32)(bytes * 7 % LIVE));
            assert_true(oracle_alloc(bytes, align));
            if (bytes % 256 == 1) {
                oracle_compare(oracle_count - 1);
                oracle_write(oracle_count - 1, bytes - 1, 1, 0xFF);
            }
        }
        oracle_check(false);
    }
    close_all();
}

static void test_bad_requests(void **state)
{
    (void)state;
    open_all(100);
    u64 before = world_fingerprint();
    assert_null(heap_alloc(0));
    assert_null(heap_alloc_zeroed(0));
    assert_null(heap_alloc_aligned(64, 0));
    assert_null(heap_alloc_aligned(64, 48));
    assert_null(heap_alloc_aligned(64, 2 * HEAP_ALIGN_MAX));
    heap_free(NULL);
    assert_null(heap_resize(NULL, 0));
    heap.stats.refused = 0;
    assert_int_equal(world_fingerprint(), before);
    assert_null(heap_alloc(HEAP_BYTES));
    assert_null(heap_alloc(HEAP_BYTES + 1));
    assert_null(heap_alloc(~0UL));
    assert_null(heap_alloc(~0UL - PAGE_BYTES));
    assert_null(heap_alloc_zeroed_aligned(~0UL, HEAP_ALIGN_MAX));
    assert_null(heap_alloc(1 + (1UL << 63)));
    assert_int_equal(stats_now().refused, 6);
    heap.stats.refused = 0;
    assert_int_equal(world_fingerprint(), before);
    close_all();
}

/* A slot that is given again is zero, whatever its last owner wrote. */
static void test_zero_again(void **state)
{
    (void)state;
    open_all(2000);
    for (u32 c = 0; c < HEAP_CLASSES; c++)
        for (u32 round = 0; round < 3; round++) {
            u64 bytes = heap_class_bytes(c);
            u32 first = oracle_count;
            for (u64 i = 0; i < 2 * (PAGE_BYTES / bytes); i++) {
                assert_true(oracle_alloc(bytes, 1));
                oracle_compare(oracle_count - 1);
                oracle_write(oracle_count - 1, 0, bytes, 0xFF);
            }
            while (oracle_count > first + 1)
                oracle_free(first + 1);
        }
    oracle_check(false);
    close_all();
}

/* --- page faults --- */

static void test_faults_exact(void **state)
{
    enum { PAGES = 600, STEP = 3 };
    (void)state;
    open_all(2000);
    assert_true(oracle_alloc(PAGES * PAGE_BYTES, 1));
    assert_int_equal(world.faults, 0);
    assert_int_equal(world.promised, PAGES);
    for (u64 page = 0; page < PAGES; page += STEP)
        oracle_write(0, page * PAGE_BYTES + 77, 1, 1);
    assert_int_equal(stats_now().faults, PAGES / STEP);
    assert_int_equal(world.owned[OWNER_HEAP], PAGES / STEP);
    assert_int_equal(world.promised, PAGES - PAGES / STEP);
    oracle_check(false);
    oracle_compare(0);
    assert_int_equal(stats_now().faults, PAGES);
    oracle_free(0);
    assert_int_equal(stats_now().faults, PAGES); /* freeing touches nothing */
    assert_int_equal(world.flushes, PAGES);

    for (u32 i = 0; i < 1000; i++)
        assert_true(oracle_alloc(64, 1));
    assert_int_equal(world.faults, PAGES);
    for (u32 i = 0; i < oracle_count; i++)
        oracle_write(i, 0, 64, 3);
    assert_int_equal(stats_now().faults, PAGES + (1000 + 63) / 64);

    /* Free slots of a page nobody touched are not zeroed: no frame only for zeros. */
    u64 faults = world.faults;
    assert_true(oracle_alloc(1000, 1));
    assert_true(oracle_alloc(1000, 1));
    oracle_free(oracle_count - 1);
    assert_true(oracle_resize(oracle_count - 1, 900));
    oracle_free(oracle_count - 1);
    assert_true(oracle_alloc(3 * PAGE_BYTES, 1));
    assert_true(oracle_resize(oracle_count - 1, 3 * PAGE_BYTES - 5));
    assert_int_equal(world.faults, faults);
    close_all();
}

static u64 race_address;

/* Another CPU faults on the same page and is quicker. */
static void other_cpu(u64 address)
{
    race_address = address;
    assert_true(heap_fault(virt_make(address)));
    world.elsewhere++;
}

static void test_lost_races(void **state)
{
    (void)state;
    open_all(100);
    assert_true(oracle_alloc(4 * PAGE_BYTES, 1));
    world_meanwhile(other_cpu);
    oracle_write(0, PAGE_BYTES, 10, 9);
    assert_int_equal(race_address, (u64)oracle[0].at + PAGE_BYTES);
    assert_int_equal(stats_now().faults, 1);
    assert_int_equal(stats_now().lost_races, 1);
    assert_int_equal(world.owned[OWNER_HEAP], 1);
    assert_int_equal(world.promised, 3);
    oracle_compare(0);
    /* A fault on a page that is there: the other CPU was done before we looked. */
    assert_true(heap_fault(virt_of(oracle[0].at)));
    world.elsewhere++;
    assert_int_equal(stats_now().lost_races, 2);
    assert_int_equal(stats_now().faults, 4);
    oracle_check(false);
    close_all();
}

/* The page's promise is the last there is, and the other CPU takes it. */
static void test_last_promise(void **state)
{
    (void)state;
    open_all(100);
    assert_true(oracle_alloc(PAGE_BYTES, 1));
    world_before(other_cpu);
    oracle_write(0, 0, 1, 9);
    assert_int_equal(world.promises_missed, 1);
    assert_int_equal(stats_now().faults, 1);
    assert_int_equal(stats_now().lost_races, 1);
    oracle_compare(0);
    oracle_check(false);
    close_all();
}

static void free_it(u64 address)
{
    heap_free((void *)ALIGN_DOWN(address, PAGE_BYTES));
}

static void touch(void *at)
{
    *(volatile u8 *)at = 1;
}

/* The page goes away between the look and the install: forbidden, and nothing is lost.
 */
static void test_freed_under_a_fault(void **state)
{
    (void)state;
    open_all(100);
    u8 *spare = heap_alloc(PAGE_BYTES);
    u8 *run = heap_alloc(PAGE_BYTES);
    world_meanwhile(free_it);
    struct world_end end = world_try(touch, run);
    assert_int_equal(end.how, WORLD_FAULTED);
    assert_int_equal(end.address, (u64)run);
    assert_int_equal(world.owned[OWNER_HEAP], 0);
    assert_int_equal(world.promised, 1);
    assert_int_equal(stats_now().faults, 0);
    heap_verify();
    heap_free(spare);
    assert_int_equal(world.promised, 0);
    close_all();
}

/* --- what is forbidden --- */

static void must_fault(const u8 *at, enum heap_place place, u64 object)
{
    struct heap_where where;
    u64 before = world_fingerprint();
    struct world_end end = world_try(touch, (void *)at);
    assert_int_equal(end.how, WORLD_FAULTED);
    assert_int_equal(end.address, (u64)at);
    assert_int_equal(world_fingerprint(), before);
    heap_locate(virt_of(at), &where);
    assert_int_equal(where.place, place);
    assert_int_equal(where.object, object);
}

static void test_forbidden(void **state)
{
    u8 *window = (u8 *)HEAP_WINDOW;
    (void)state;
    world_open(3000);
    must_fault(window, HEAP_PLACE_NEVER, 0);
    must_fault(window + HEAP_BYTES - 1, HEAP_PLACE_NEVER, 0);
    assert_false(heap_fault(virt_make(HEAP_WINDOW - 1)));
    assert_false(heap_fault(virt_make(HEAP_WINDOW + HEAP_BYTES)));
    assert_false(heap_fault(virt_make(0)));
    assert_false(heap_fault(virt_make(~0UL)));

    for (u64 pages = 1; pages < 600; pages = pages * 3 + 1) {
        u8 *run = heap_alloc_aligned(pages * PAGE_BYTES - 9, pages > 9 ? 65536 : 1);
        u8 *end = run + pages * PAGE_BYTES;
        must_fault(window, HEAP_PLACE_NEVER, 0);
        must_fault(run - 1, HEAP_PLACE_GUARD, (u64)run);
        must_fault(run - PAGE_BYTES, HEAP_PLACE_GUARD, (u64)run);
        must_fault(end, HEAP_PLACE_GUARD, (u64)run);
        must_fault(end + PAGE_BYTES - 1, HEAP_PLACE_GUARD, (u64)run);
        run[0] = end[-10] = 1; /* the last byte of the object */
        heap_free(run);
        must_fault(run, HEAP_PLACE_FREED, (u64)run);
        must_fault(end - 1, HEAP_PLACE_FREED, (u64)run);
        must_fault(run - 1, HEAP_PLACE_NEVER, 0);
    }

    /* The guard moves with the end of the run. */
    u8 *run = heap_alloc(9 * PAGE_BYTES);
    for (u32 page = 0; page < 9; page++)
        run[page * PAGE_BYTES] = 1;
    assert_ptr_equal(heap_resize(run, 4 * PAGE_BYTES), run);
    must_fault(run + 4 * PAGE_BYTES, HEAP_PLACE_GUARD, (u64)run);
    must_fault(run + 5 * PAGE_BYTES, HEAP_PLACE_FREED, 0);
    must_fault(run + 9 * PAGE_BYTES, HEAP_PLACE_NEVER, 0);
    assert_ptr_equal(heap_resize(run, 6 * PAGE_BYTES), run);
    assert_int_equal(run[4 * PAGE_BYTES], 0);
    must_fault(run + 6 * PAGE_BYTES, HEAP_PLACE_GUARD, (u64)run);
    heap_free(run);

    /* An empty slab goes when its class has another with room. */
    u8 *first = heap_alloc(2048), *second = heap_alloc(2048), *third = heap_alloc(2048);
    first[0] = second[0] = third[0] = 1;
    heap_free(third);
    heap_free(second);
    heap_free(first);
    u8 *gone = world_shows((u64)first) ? third : first;
    must_fault(gone, HEAP_PLACE_FREED, (u64)gone);
    heap_trim();
    must_fault(first, HEAP_PLACE_FREED, (u64)first);
    must_fault(third, HEAP_PLACE_FREED, (u64)third);
    world_close();
}

/* --- pointers that are none --- */

static void call_free(void *object)
{
    heap_free(object);
}

static void call_resize(void *object)
{
    void *moved = heap_resize(object, 5000);
    fail_msg("resized to %p", moved);
}

static void must_die(u64 address, enum code code)
{
    u64 before = world_fingerprint();
    struct world_end end = world_try(call_free, (void *)address);
    assert_int_equal(end.how, WORLD_DIED);
    assert_int_equal(end.code, code);
    end = world_try(call_resize, (void *)address);
    assert_int_equal(end.how, WORLD_DIED);
    assert_int_equal(end.code, code);
    assert_int_equal(world_fingerprint(), before);
    heap_verify();
}

static void test_bad_pointers(void **state)
{
    u64 outside = 0;
    (void)state;
    open_all(2000);
    must_die(HEAP_WINDOW, CODE_HP_01); /* before the first region is there */
    for (u32 i = 0; i < 6; i++)
        assert_true(oracle_alloc(1344, 1));
    assert_true(oracle_alloc(5 * PAGE_BYTES, 1));
    oracle_write(6, 0, 5 * PAGE_BYTES, 1);
    oracle_write(0, 0, 1344, 1);
    u64 slab = (u64)oracle[0].at, run = (u64)oracle[6].at;
    assert_int_equal(slab % PAGE_BYTES, 0);

    must_die((u64)&outside, CODE_HP_03);
    must_die(HEAP_WINDOW - 1, CODE_HP_03);
    must_die(HEAP_WINDOW + HEAP_BYTES, CODE_HP_03);
    must_die(16, CODE_HP_03);
    must_die(~0UL, CODE_HP_03);

    must_die(slab + 1, CODE_HP_02);
    must_die(slab + 16, CODE_HP_02);
    must_die(slab + 1344 - 16, CODE_HP_02);
    must_die(slab + 3 * 1344, CODE_HP_02); /* the rest of the page is no slot */
    must_die(run + 1, CODE_HP_02);
    must_die(run + PAGE_BYTES, CODE_HP_02);
    must_die(run - PAGE_BYTES, CODE_HP_02);
    must_die(run + 5 * PAGE_BYTES, CODE_HP_02);

    must_die(HEAP_WINDOW, CODE_HP_01);
    must_die(HEAP_WINDOW + HEAP_BYTES - PAGE_BYTES, CODE_HP_01);
    must_die(run + 6 * PAGE_BYTES, CODE_HP_01);
    u64 freed = (u64)oracle[2].at;
    oracle_free(2);
    must_die(freed, CODE_HP_01);
    oracle_free(2); /* the run took its place in the list */
    must_die(run, CODE_HP_01);
    must_die(run + PAGE_BYTES, CODE_HP_01);
    oracle_check(false);
    close_all();
}

/* --- resizing --- */

static void test_resize(void **state)
{
    (void)state;
    open_all(3000);
    for (u64 from = 1; from < 40000; from = from * 5 / 3 + 1)
        for (u64 to = 1; to < 40000; to = to * 4 / 3 + 1) {
            assert_true(oracle_alloc(from, 1));
            oracle_write(0, 0, from, 0x80);
            assert_true(oracle_resize(0, to));
            oracle_compare(0); /* what was kept, and zeros behind */
            oracle_write(0, to - 1, 1, 0xFF);
            assert_true(oracle_resize(0, from)); /* and back */
            oracle_compare(0);
            oracle_check(false);
            oracle_free(0);
        }
    close_all();
}

static void test_resize_in_place(void **state)
{
    (void)state;
    world_open(700);
    u8 *run = heap_alloc(5 * PAGE_BYTES);
    assert_ptr_equal(heap_resize(run, 5 * PAGE_BYTES - 100), run);
    assert_ptr_equal(heap_resize(run, 400 * PAGE_BYTES), run);
    assert_int_equal(world.promised, 400);
    assert_ptr_equal(heap_resize(run, 2 * PAGE_BYTES + 1), run);
    assert_int_equal(world.promised, 3);
    u8 *behind = heap_alloc(PAGE_BYTES);
    u8 *small = heap_alloc(20);
    assert_ptr_equal(heap_resize(small, 32), small);
    assert_ptr_equal(heap_resize(small, 17), small);
    u8 *moved = heap_resize(run, 410 * PAGE_BYTES);
    assert_non_null(moved);
    assert_ptr_not_equal(moved, run); /* `behind` is in the way */
    assert_int_equal(world.owned[OWNER_HEAP], 3);
    assert_int_equal(world.promised, 410 - 3 + 1 + 1);
    heap_free(behind);

    /* Refused growth leaves the object, with its contents, where it was. */
    moved[0] = 7;
    assert_null(heap_resize(moved, 690 * PAGE_BYTES));
    heap.stats.refused = 0;
    u64 before = world_fingerprint(); /* all regions that a try can open are open */
    assert_null(heap_resize(moved, 690 * PAGE_BYTES));
    assert_null(heap_resize(moved, HEAP_BYTES));
    assert_null(heap_resize(moved, ~0UL));
    assert_null(heap_resize(small, ~0UL));
    assert_int_equal(stats_now().refused, 4);
    heap.stats.refused = 0;
    assert_int_equal(moved[0], 7);
    assert_int_equal(world_fingerprint(), before);
    assert_null(heap_resize(moved, 0));
    assert_null(heap_resize(small, 0));
    assert_int_equal(stats_now().objects, 0);
    heap_verify();
    world_close();
}

/* --- too little of everything --- */

/* The n-th call for memory is refused, for every n there is. */
static void test_nth_call_refused(void **state)
{
    u64 n = 0;
    bool refused;
    (void)state;
    do {
        n++;
        open_all(3000);
        world_refuse_call(n);
        scenario();
        refused = world_refused();
        world_refuse_call(0);
        close_all();
    } while (refused);
    assert_in_range(n, 25, 1000); /* the scenario has that many at least */
}

/* The same with so many frames and no more. */
static void test_few_frames(void **state)
{
    (void)state;
    for (u64 frames = 1; frames < 1800; frames += frames < 80 ? 1 : 97) {
        open_all(frames);
        scenario();
        close_all();
    }
}

/* Every promise can be called in: all frames are touched. */
static void test_last_frame(void **state)
{
    (void)state;
    open_all(200);
    while (oracle_alloc(3 * PAGE_BYTES, 1))
        ;
    while (oracle_alloc(PAGE_BYTES, 1))
        ;
    assert_int_equal(world.free, world.promised);
    assert_int_equal(stats_now().refused, 2);
    for (u32 i = 0; i < oracle_count; i++)
        oracle_write(i, 0, oracle[i].bytes, 5);
    assert_int_equal(world.free, 0);
    oracle_check(false);
    for (u32 i = 0; i < oracle_count; i++)
        oracle_compare(i);
    close_all();
}

/* Descriptors and tables of a region stay for ever, so a heap that holds little must
 * not wander through its window: on a small machine they would eat all memory. */
static void test_small_heap_stays_small(void **state)
{
    (void)state;
    open_all(64);
    for (u32 i = 0; i < 6000; i++) {
        assert_true(oracle_alloc(1 + i % 7 * PAGE_BYTES, 1));
        oracle_write(oracle_count - 1, 0, 1, 1);
        if (oracle_count == 3)
            oracle_free(i % 3);
    }
    assert_int_equal(stats_now().regions, 1);
    oracle_check(false);
    close_all();
}

/* The largest run there can be, then the last page, then nothing. */
static void test_whole_window(void **state)
{
    enum { ALL = HEAP_PAGES - 3 }; /* page 0 and two guards */
    (void)state;
    world_open(HEAP_PAGES + 512 * 9 + 100);
    assert_null(heap_alloc((ALL + 1) * (u64)PAGE_BYTES));
    u8 *run = heap_alloc(ALL * (u64)PAGE_BYTES);
    assert_ptr_equal(run, (u8 *)HEAP_WINDOW + 2 * PAGE_BYTES);
    assert_null(heap_alloc(16));
    assert_null(heap_resize(run, (ALL + 1) * (u64)PAGE_BYTES));
    must_fault(run + ALL * (u64)PAGE_BYTES, HEAP_PLACE_GUARD, (u64)run);
    run[ALL * (u64)PAGE_BYTES - 1] = 1;
    assert_ptr_equal(heap_resize(run, (ALL - 1) * (u64)PAGE_BYTES), run);
    u8 *last = heap_alloc(1500);
    assert_ptr_equal(last, (u8 *)HEAP_WINDOW + HEAP_BYTES - PAGE_BYTES);
    assert_null(heap_alloc(1000));
    last[1499] = 1;
    assert_null(heap_resize(run, ALL * (u64)PAGE_BYTES));
    heap_verify();
    heap_free(last);
    heap_trim();
    assert_ptr_equal(heap_resize(run, ALL * (u64)PAGE_BYTES), run);
    heap_free(run);
    assert_int_equal(world.promised, 0);
    assert_int_equal(stats_now().regions, HEAP_REGIONS);
    heap_verify();
    world_close();
}

/* An aligned run finds the one place that is left for it, to the page. */
static void test_tight_places(void **state)
{
    u8 *run[40];
    (void)state;
    world_open(6000);
    for (u64 pages = 1; pages <= 40; pages++) {
        for (u32 i = 0; i < ARRAY_COUNT(run); i++)
            assert_non_null(run[i] = heap_alloc(pages * PAGE_BYTES));
        heap_free(run[20]);
        heap_free(run[30]);
        heap_free(run[31]);
        heap.search_from = 1;
        u8 *exact = heap_alloc(pages * PAGE_BYTES);
        assert_ptr_equal(exact, run[20]);
        heap.search_from = 1; /* two neighbours freed: four guards' room is one run's */
        u8 *joined = heap_alloc((2 * pages + 2) * PAGE_BYTES);
        assert_ptr_equal(joined, run[30]);
        run[20] = exact;
        run[30] = joined;
        run[31] = NULL;
        heap_verify();
        for (u32 i = 0; i < ARRAY_COUNT(run); i++)
            heap_free(run[i]);
        heap.search_from = 1;
    }
    world_close();
}

/* One taken page between a hole that is too small and one that is just right. */
static void test_place_behind_one_page(void **state)
{
    (void)state;
    world_open(100);
    u8 *narrow = heap_alloc(PAGE_BYTES);
    u8 *slab = heap_alloc(2048);
    u8 *right = heap_alloc(5 * PAGE_BYTES);
    u8 *last = heap_alloc(PAGE_BYTES);
    assert_ptr_equal(right, slab + 2 * PAGE_BYTES);
    heap_free(narrow);
    heap_free(right);
    heap.search_from = 1;
    assert_ptr_equal(heap_alloc(5 * PAGE_BYTES), right);
    heap_free(right);
    heap_free(last);
    heap_free(slab);
    heap_verify();
    world_close();
}

static void test_trim(void **state)
{
    (void)state;
    open_all(1000);
    for (u32 c = 0; c < HEAP_CLASSES; c++) {
        assert_true(oracle_alloc(heap_class_bytes(c), 1));
        oracle_write(oracle_count - 1, 0, 1, 1);
    }
    assert_int_equal(world.owned[OWNER_HEAP], HEAP_CLASSES);
    heap_trim(); /* nothing is empty */
    assert_int_equal(world.owned[OWNER_HEAP], HEAP_CLASSES);
    while (oracle_count > 0)
        oracle_free(0);
    assert_int_equal(world.owned[OWNER_HEAP], HEAP_CLASSES);
    heap_verify();
    heap_trim();
    assert_int_equal(world.owned[OWNER_HEAP], 0);
    assert_int_equal(world.flushes, HEAP_CLASSES);
    for (u32 c = 0; c < HEAP_CLASSES; c++)
        assert_int_equal(heap.slabs[c] + heap.room[c], 0);
    oracle_check(true);
    close_all();
}

static void test_mixture(void **state)
{
    (void)state;
    for (u64 seed = 1; seed <= 3; seed++)
        mixture(seed, 9000, 300, 10000);
}

static void test_mixture_in_little_memory(void **state)
{
    (void)state;
    for (u64 seed = 11; seed <= 20; seed++)
        mixture(seed, 30 + 60 * (seed - 11), 200, 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_size),
        cmocka_unit_test(test_every_alignment),
        cmocka_unit_test(test_bad_requests),
        cmocka_unit_test(test_zero_again),
        cmocka_unit_test(test_faults_exact),
        cmocka_unit_test(test_lost_races),
        cmocka_unit_test(test_last_promise),
        cmocka_unit_test(test_freed_under_a_fault),
        cmocka_unit_test(test_forbidden),
        cmocka_unit_test(test_bad_pointers),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_resize_in_place),
        cmocka_unit_test(test_nth_call_refused),
        cmocka_unit_test(test_few_frames),
        cmocka_unit_test(test_last_frame),
        cmocka_unit_test(test_small_heap_stays_small),
        cmocka_unit_test(test_whole_window),
        cmocka_unit_test(test_tight_places),
        cmocka_unit_test(test_place_behind_one_page),
        cmocka_unit_test(test_trim),
        cmocka_unit_test(test_mixture),
        cmocka_unit_test(test_mixture_in_little_memory),
    };

    return cmocka_run_group_tests_name("heap", tests, NULL, NULL);
}
