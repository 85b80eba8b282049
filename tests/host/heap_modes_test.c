/* SPDX-License-Identifier: MIT
 *
 * The heap in its three modes, against the same oracle; and what each of them finds of
 * writes past an end, before a start and after a free.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "mm/heap_internal.h"
#include "tests/host/heap_mixture.h"
#include "tests/host/heap_oracle.h"
#include "tests/host/heap_world.h"
#include "tests/host/random.h"

static void open_mode(enum heap_mode mode, u64 frames)
{
    world_mode = mode;
    open_all(frames);
}

static void end_mode(void)
{
    close_all();
    world_mode = HEAP_PLAIN;
}

#define FOR_EACH_MODE(mode) \
    for (enum heap_mode mode = HEAP_PLAIN; mode < HEAP_MODE_COUNT; mode++)

/* --- every operation, every mode --- */

static void test_sizes(void **state)
{
    struct random random = random_of(1);
    (void)state;
    FOR_EACH_MODE(mode)
    {
        open_mode(mode, 60000);
        for (u64 bytes = 1; bytes <= 9000; bytes += bytes < 300 ? 1 : 13)
            for (u64 align = 1; align <= HEAP_ALIGN_MAX; align *= 32) {
                assert_true(oracle_alloc(bytes, align));
                oracle_compare(oracle_count - 1);
                oracle_write(oracle_count - 1, 0, bytes, (u8)bytes);
            }
        oracle_check(false);
        for (u32 i = 0; i < oracle_count; i++)
            oracle_compare(i);
        while (oracle_count > 0)
            oracle_free((u32)random_below(&random, oracle_count));
        end_mode();
    }
}

static void test_resizes(void **state)
{
    (void)state;
    FOR_EACH_MODE(mode)
    {
        open_mode(mode, 3000);
        for (u64 from = 1; from < 20000; from = from * 7 / 3 + 1)
            for (u64 to = 1; to < 20000; to = to * 5 / 3 + 1) {
                assert_true(oracle_alloc(from, 1));
                oracle_write(0, 0, from, 0x80);
                assert_true(oracle_resize(0, to));
                oracle_compare(0);
                oracle_write(0, to - 1, 1, 0xFF);
                assert_true(oracle_resize(0, from));
                oracle_compare(0);
                oracle_check(false);
                oracle_free(0);
            }
        end_mode();
    }
}

static void test_refused_calls(void **state)
{
    (void)state;
    FOR_EACH_MODE(mode)
    {
        u64 n = 0;
        bool refused;
        do {
            n++;
            open_mode(mode, 3000);
            world_refuse_call(n);
            scenario();
            refused = world_refused();
            world_refuse_call(0);
            end_mode();
        } while (refused);
        assert_in_range(n, 25, 1000);
    }
}

static void test_few_frames(void **state)
{
    (void)state;
    FOR_EACH_MODE(mode)
    for (u64 frames = 1; frames < 1800; frames += frames < 90 ? 1 : 97) {
        open_mode(mode, frames);
        scenario();
        end_mode();
    }
}

static void test_streams(void **state)
{
    (void)state;
    FOR_EACH_MODE(mode)
    for (u64 seed = 21; seed <= 26; seed++) {
        world_mode = mode;
        mixture(seed, seed % 2 ? 9000 : 40 + 60 * (seed - 21), 200, 4000);
    }
    world_mode = HEAP_PLAIN;
}

/* --- what is found --- */

static void call_free(void *object)
{
    heap_free(object);
}

static void call_verify(void *unused)
{
    (void)unused;
    heap_verify();
}

static void call_touch(void *at)
{
    *(volatile u8 *)at = 0x55;
}

static void call_alloc(void *bytes)
{
    void *object = heap_alloc(*(u64 *)bytes);
    fail_msg("slot given as %p", object);
}

static void must_die(void (*call)(void *), void *argument, enum code code)
{
    u64 before = world_fingerprint();
    struct world_end end = world_try(call, argument);
    assert_int_equal(end.how, WORLD_DIED);
    assert_int_equal(end.code, code);
    assert_int_equal(world_fingerprint(), before);
}

/* A stray byte at `at`, found by verify and by freeing the object, then mended. */
static void must_be_found(u8 *object, u8 *at, u8 value, enum code code)
{
    u8 was = *at;
    *at = value;
    must_die(call_verify, NULL, code);
    must_die(call_free, object, code);
    *at = was;
    heap_verify();
}

/* Guard: past the end it faults at the page end, and the bytes before it, which come
 * from the alignment, are looked at. */
static void test_guard_edges(void **state)
{
    (void)state;
    for (u64 align = 1; align <= 8192; align *= 2)
        for (u64 bytes = 1; bytes < 9000; bytes = bytes * 3 / 2 + 1) {
            open_mode(HEAP_GUARD, 300);
            assert_true(oracle_alloc(bytes, align));
            u8 *object = oracle[0].at, *end = oracle_end(0);
            u64 slack = (u64)(end - object) - bytes;
            assert_true(slack < MAX(align, (u64)HEAP_ALIGN));
            assert_int_equal(world_try(call_touch, end).how, WORLD_FAULTED);
            if (slack > 0) {
                must_be_found(object, object + bytes, 0, CODE_HP_09);
                must_be_found(object, end - 1, 1, CODE_HP_09);
            }
            u8 *page = (u8 *)ALIGN_DOWN((u64)object, PAGE_BYTES);
            if (object > page) {
                must_be_found(object, object - 1, 0, CODE_HP_10);
                must_be_found(object, page, 1, CODE_HP_10);
            }
            assert_int_equal(world_try(call_touch, page - 1).how, WORLD_FAULTED);
            oracle_free(0);
            assert_int_equal(world_try(call_touch, object).how, WORLD_FAULTED);
            must_die(call_free, object, CODE_HP_01);
            end_mode();
        }
}

/* Poison: every byte behind an object up to the end of its slot. */
static void test_poison_edges(void **state)
{
    (void)state;
    open_mode(HEAP_POISON, 3000);
    for (u64 bytes = 1; bytes < 6000; bytes = bytes * 3 / 2 + 1) {
        assert_true(oracle_alloc(bytes, 1));
        assert_true(oracle_alloc(bytes, 1));
        struct oracle_object object = oracle[oracle_count - 2];
        u64 slack = object.run ? (u64)(oracle_end(oracle_count - 2) - object.at) - bytes
                               : HEAP_EDGE_BYTES;
        for (u64 i = 0; i < slack; i += 5)
            must_be_found(object.at, object.at + bytes + i, 0, CODE_HP_09);
    }
    end_mode();
}

/* Plain: a run's last page behind the object, when the byte is not zero. */
static void test_plain_edges(void **state)
{
    (void)state;
    open_mode(HEAP_PLAIN, 300);
    assert_true(oracle_alloc(5000, 1));
    oracle_write(0, 0, 5000, 1);
    must_be_found(oracle[0].at, oracle[0].at + 5000, 1, CODE_HP_09);
    must_be_found(oracle[0].at, oracle[0].at + 8191, 1, CODE_HP_09);
    end_mode();
}

/* A write into a free slot, found when the slot is given again and by verify. */
static void test_written_after_free(void **state)
{
    static const enum heap_mode modes[] = {HEAP_PLAIN, HEAP_POISON};
    (void)state;
    for (u32 m = 0; m < ARRAY_COUNT(modes); m++)
        for (u64 bytes = 1; bytes <= 2000; bytes = bytes * 3 / 2 + 1) {
            open_mode(modes[m], 100);
            assert_true(oracle_alloc(bytes, 1)); /* keeps the slab alive */
            oracle_write(0, 0, bytes, 7);
            u8 *object = heap_alloc(bytes);
            *object = 1;
            heap_free(object);
            u8 *last = object + bytes - 1, was = *last;
            *last = 0x77;
            must_die(call_verify, NULL, CODE_HP_08);
            struct world_end end = world_try(call_alloc, &bytes);
            assert_int_equal(end.how, WORLD_DIED);
            assert_int_equal(end.code, CODE_HP_08);
            *last = was;
            oracle_close();
            world_close(); /* whoever died has the slot now */
        }
    world_mode = HEAP_PLAIN;
}

/* --- who did it --- */

static __attribute__((noinline)) void *alloc_here(u64 bytes)
{
    void *object = heap_alloc(bytes);
    __asm__ volatile("" ::: "memory"); /* no tail call */
    return object;
}

static __attribute__((noinline)) void free_here(void *object)
{
    heap_free(object);
    __asm__ volatile("" ::: "memory");
}

static bool is_in(site_t site, u64 function)
{
    return site.raw - (u32)function < 64;
}

/* Sites of a live object, of a free slot or page; exact where they should be. */
static void test_sites(void **state)
{
    static const u64 sizes[] = {24, 5000};
    (void)state;
    FOR_EACH_MODE(mode)
    for (u32 i = 0; i < ARRAY_COUNT(sizes); i++) {
        struct heap_where where;
        bool exact = mode != HEAP_PLAIN || sizes[i] > HEAP_SMALL_MAX;
        open_mode(mode, 100);
        u8 *object = alloc_here(sizes[i]);
        *object = 1;
        heap_locate(virt_of(object), &where);
        assert_int_equal(where.place, HEAP_PLACE_OBJECT);
        assert_int_equal(where.sites_exact, exact);
        assert_true(is_in(where.alloc_site, (u64)alloc_here));
        assert_int_equal(where.free_site.raw, 0);
        free_here(object);
        heap_locate(virt_of(object), &where);
        bool slot = mode != HEAP_GUARD && sizes[i] < HEAP_SMALL_MAX;
        assert_int_equal(where.place, slot ? HEAP_PLACE_FREE : HEAP_PLACE_FREED);
        assert_int_equal(where.sites_exact, exact);
        assert_true(is_in(where.alloc_site, (u64)alloc_here));
        assert_true(is_in(where.free_site, (u64)free_here));
        assert_int_equal(where.object, (u64)object);
        assert_false(where.armed);
        end_mode();
    }
}

static void must_say(u64 address, const char *words)
{
    struct world_end end = world_try(call_free, (void *)address);
    assert_int_equal(end.how, WORLD_DIED);
    assert_int_equal(end.code, CODE_HP_02);
    if (!strstr(end.text, words))
        fail_msg("'%s' does not say '%s'", end.text, words);
}

/* Each place that is in the heap and no object's start. */
static void test_inside_words(void **state)
{
    (void)state;
    open_mode(HEAP_PLAIN, 100);
    assert_true(oracle_alloc(1344, 1)); /* three to a page, and a rest */
    assert_true(oracle_alloc(5000, 1));
    u64 slab = (u64)oracle[0].at, run = (u64)oracle[1].at;
    must_say(slab + 16, "lies 16 bytes inside the object of 1344 bytes");
    must_say(slab + 1344 + 32, "lies 32 bytes inside the free object of 1344 bytes");
    must_say(slab + 3 * 1344, "lies behind the last object of its page");
    must_say(run + 4097, "lies 4097 bytes inside the object of 5000 bytes");
    must_say(run + 5008, "lies beside the object of 5000 bytes");
    must_say(run - PAGE_BYTES, "lies in a guard page of the object of 5000 bytes");
    u64 first = heap_page_of(run);
    heap_page_info(first - 1)->link = (u32)first - 1;
    must_say(run - PAGE_BYTES, "lies in a guard page whose object is not known");
    heap_page_info(first - 1)->link = (u32)first;
    heap_page_info(first + 1)->link = (u32)first + 1;
    must_say(run + PAGE_BYTES, "lies in a page of a run whose object is not known");
    heap_page_info(first + 1)->link = (u32)first;
    end_mode();
}

static void test_armed(void **state)
{
    struct heap_where where;
    (void)state;
    open_mode(HEAP_PLAIN, 100);
    assert_true(oracle_alloc(3 * PAGE_BYTES, 1));
    oracle_write(0, 0, 1, 1);
    heap_locate(virt_of(oracle[0].at), &where);
    assert_false(where.armed);
    heap_locate(virt_of(oracle[0].at + PAGE_BYTES), &where);
    assert_true(where.armed);
    end_mode();
}

/* One flush for a large run, one for each page of a small one. */
static void test_flushes(void **state)
{
    (void)state;
    open_mode(HEAP_PLAIN, 300);
    assert_true(oracle_alloc(32 * PAGE_BYTES, 1));
    oracle_write(0, 0, 32 * PAGE_BYTES, 1);
    oracle_free(0);
    assert_int_equal(world.full_flushes, 0);
    assert_true(oracle_alloc(200 * PAGE_BYTES, 1));
    oracle_write(0, 0, 100 * PAGE_BYTES, 1);
    oracle_free(0);
    assert_int_equal(world.full_flushes, 1);
    assert_int_equal(world.flushes, 132);
    end_mode();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_resizes),
        cmocka_unit_test(test_refused_calls),
        cmocka_unit_test(test_few_frames),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_guard_edges),
        cmocka_unit_test(test_poison_edges),
        cmocka_unit_test(test_plain_edges),
        cmocka_unit_test(test_written_after_free),
        cmocka_unit_test(test_sites),
        cmocka_unit_test(test_inside_words),
        cmocka_unit_test(test_armed),
        cmocka_unit_test(test_flushes),
    };

    return cmocka_run_group_tests_name("heap_modes", tests, NULL, NULL);
}
