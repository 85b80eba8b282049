/* SPDX-License-Identifier: MIT
 *
 * The explorer explored: it counts what can be counted by hand, finds races of known
 * depth with exactly so many preemptions, and tells deadlocks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kernel/base/atomic.h"
#include "tests/host/interleave.h"

static u64 word, other, seen[INTERLEAVE_CPUS];
static u32 locked;

static void setup(void)
{
    word = other = 0;
    locked = 0;
    memset(seen, 0, sizeof(seen));
}

static void check_nothing(void)
{
}

static void check_two(void)
{
    if (word != 2)
        interleave_fail("two increments made %lu", word);
}

static void run_twice(u32 cpu)
{
    (void)cpu;
    atomic_fetch_add_u64(&word, 1);
    atomic_fetch_add_u64(&word, 1);
}

static void run_add(u32 cpu)
{
    (void)cpu;
    atomic_fetch_add_u64(&word, 1);
}

static void run_lost_update(u32 cpu)
{
    (void)cpu;
    u64 have = atomic_load_u64(&word);
    atomic_store_u64(&word, have + 1);
}

static struct interleave_result result;

static void explore(u32 cpus, u32 preemptions, void (*run)(u32), void (*check)(void))
{
    struct interleave what = {.cpus = cpus,
                              .preemptions = preemptions,
                              .setup = setup,
                              .run = run,
                              .check = check};
    interleave_explore(&what, &result);
}

/* Two atomics cut a run into three pieces: six pieces in C(6,3) orders, nine pieces of
 * three CPUs in 9!/(3!3!3!). Without preemptions only the order of the CPUs is left. */
static void test_counts(void **state)
{
    (void)state;
    explore(2, 100, run_twice, check_nothing);
    assert_true(result.complete && !result.failed);
    assert_int_equal(result.schedules, 20);
    assert_int_equal(result.steps, 4);
    explore(3, 100, run_twice, check_nothing);
    assert_int_equal(result.schedules, 1680);
    explore(3, 0, run_twice, check_nothing);
    assert_int_equal(result.schedules, 6);
}

static void test_bound(void **state)
{
    (void)state;
    struct interleave what = {.cpus = 3,
                              .preemptions = 100,
                              .schedules_max = 7,
                              .setup = setup,
                              .run = run_twice,
                              .check = check_nothing};
    interleave_explore(&what, &result);
    assert_int_equal(result.schedules, 7);
    assert_false(result.complete);
}

static void test_lost_update(void **state)
{
    (void)state;
    explore(2, 0, run_lost_update, check_two);
    assert_true(result.complete && !result.failed);
    explore(2, 1, run_lost_update, check_two);
    assert_true(result.failed && !result.complete);
    assert_string_equal(result.why, "two increments made 1");
    assert_non_null(strstr(result.trace, "store"));
    explore(2, 100, run_add, check_two);
    assert_true(result.complete && !result.failed);
}

/* Each sees the other's word unset: not with atomics in this order, whoever is first.
 */
static void run_store_then_load(u32 cpu)
{
    atomic_store_u64(cpu == 0 ? &word : &other, 1);
    seen[cpu] = atomic_load_u64(cpu == 0 ? &other : &word);
}

static void run_load_then_store(u32 cpu)
{
    seen[cpu] = atomic_load_u64(cpu == 0 ? &other : &word);
    atomic_store_u64(cpu == 0 ? &word : &other, 1);
}

static void check_one_saw(void)
{
    if (seen[0] == 0 && seen[1] == 0)
        interleave_fail("neither saw the other");
}

static void test_flags(void **state)
{
    (void)state;
    explore(2, 100, run_store_then_load, check_one_saw);
    assert_true(result.complete && !result.failed);
    explore(2, 100, run_load_then_store, check_one_saw);
    assert_true(result.failed);
}

static void lock(void)
{
    while (atomic_exchange_u32(&locked, 1) != 0)
        interleave_wait();
}

static void run_locked(u32 cpu)
{
    lock();
    run_lost_update(cpu);
    atomic_store_u32(&locked, 0);
}

static void run_never_unlocks(u32 cpu)
{
    (void)cpu;
    lock();
}

static void test_waiting(void **state)
{
    (void)state;
    explore(2, 2, run_locked, check_two);
    assert_true(result.complete && !result.failed);
    explore(2, 0, run_never_unlocks, check_nothing);
    assert_true(result.failed);
    assert_non_null(strstr(result.why, "nobody is left"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),      cmocka_unit_test(test_bound),
        cmocka_unit_test(test_lost_update), cmocka_unit_test(test_flags),
        cmocka_unit_test(test_waiting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
