/* SPDX-License-Identifier: MIT
 *
 * The frame allocator's lock-free parts in every order of their atomics that needs few
 * preemptions: CPUs that open, take, steal, free and keep promises at the same time. At
 * the end of each schedule pmm_verify must agree with every counter, bit and word.
 *
 * broken_* are what the allocator must not do; each is found, or the explorer is blind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mm/pmm_stack.h"
#include "tests/host/interleave.h"
#include "tests/host/pmm_world.h"

/* Ten areas, of which the first and the last ones are in part taken by the allocator.
 */
static const struct world_range ram[] = {{0x100000, MIB(20)}};

static struct {
    pfn_t pfn[INTERLEAVE_CPUS][8];
    enum status status[INTERLEAVE_CPUS];
    u64 area[INTERLEAVE_CPUS];
    bool done[INTERLEAVE_CPUS];
    pfn_t shared;
} at;

void world_die(enum code code, const char *text)
{
    interleave_fail("death %u: %s", (u32)code, text);
}

static void setup(void)
{
    world_restore();
    memset(at.status, 0, sizeof(at.status));
    memset(at.done, 0, sizeof(at.done));
}

static void check(void)
{
    pmm_verify();
}

/* Leaves exactly `frames` free ones, all in open areas. */
static void leave_free(u64 frames)
{
    struct pmm_stats stats;
    pfn_t pfn;
    for (;;) {
        pmm_stats_get(&stats);
        if (stats.free == frames)
            break;
        enum status status = pmm_alloc_raw(0, OWNER_TEST, &pfn);
        assert_int_equal(status, STATUS_OK);
    }
    (void)stack_drain(percpu_frames());
}

/* The world without stacks in front: the trees below are what is looked at. */
static void open_world(u32 cpus)
{
    world_which_cpu = interleave_cpu;
    world_pause = interleave_wait;
    world_open(ram, ARRAY_COUNT(ram), cpus);
}

static void stacks_close(void)
{
    for (u32 i = 0; i < CPU_MAX; i++)
        if (pmm.cpu[i])
            pmm.cpu[i]->limit = 0;
}

static struct interleave_result result;

static void explore(const char *what, const struct interleave *world)
{
    interleave_explore(world, &result);
    print_message("%s: %lu schedules of up to %lu steps, %u preemptions%s\n", what,
                  result.schedules, result.steps, world->preemptions,
                  result.complete ? "" : ", not complete");
}

static void must_hold(const char *what, struct interleave world)
{
    world.setup = setup;
    if (!world.check)
        world.check = check;
    world_save();
    explore(what, &world);
    if (result.failed)
        fail_msg("%s: %s\n%s", what, result.why, result.trace);
    assert_true(result.complete || result.schedules == world.schedules_max);
}

static void must_break(const char *what, struct interleave world)
{
    world.setup = setup;
    world.check = check;
    world_save();
    explore(what, &world);
    if (!result.failed)
        fail_msg("%s: broken on purpose, and not found", what);
}

/* --- promises --- */

/* Each CPU has a promise; another one takes and gives a larger block meanwhile, and may
 * fail to. */
static void run_promised(u32 cpu)
{
    if (cpu == 2) {
        pfn_t pfn;
        if (pmm_alloc_raw(1, OWNER_TEST, &pfn) == STATUS_OK &&
            pmm_free_raw(pfn, 1, OWNER_TEST) != STATUS_OK)
            interleave_fail("a block cannot be given back");
        return;
    }
    if (!pmm_take_promised(OWNER_HEAP, &at.pfn[cpu][0]))
        interleave_fail("CPU %u: the promise was not kept", cpu);
}

static void promised_open(u64 spare)
{
    open_world(3);
    leave_free(2 + spare);
    assert_int_equal(pmm_promise(2), STATUS_OK);
    stacks_close();
}

static void test_promises_kept(void **state)
{
    (void)state;
    promised_open(0);
    must_hold("two promises, two frames",
              (struct interleave){.cpus = 2, .preemptions = 3, .run = run_promised});
    promised_open(2);
    must_hold("two promises and a block of two",
              (struct interleave){.cpus = 3, .preemptions = 2, .run = run_promised});
}

/* A lost race in the page fault: the frame goes back and is a promise again. */
static void run_return(u32 cpu)
{
    pfn_t pfn;
    for (u32 i = 0; i < 2; i++) {
        if (!pmm_take_promised(OWNER_HEAP, &pfn))
            interleave_fail("CPU %u: the promise was not kept", cpu);
        if (pmm_free_to_promise(pfn, OWNER_HEAP) != STATUS_OK)
            interleave_fail("CPU %u: the frame is not taken back", cpu);
    }
}

static void test_promises_returned(void **state)
{
    (void)state;
    promised_open(0);
    must_hold("taken and promised again",
              (struct interleave){.cpus = 2, .preemptions = 2, .run = run_return});
}

/* --- opening --- */

static void run_open(u32 cpu)
{
    at.done[cpu] = area_open(at.area[cpu]);
    at.status[cpu] = pmm_alloc_raw(9, OWNER_TEST, &at.pfn[cpu][0]);
}

static void check_open(void)
{
    if (at.area[0] == at.area[1] && at.done[0] + at.done[1] != 1)
        interleave_fail("one area was opened %u times", at.done[0] + at.done[1]);
    if (at.status[0] != STATUS_OK || at.status[1] != STATUS_OK ||
        at.pfn[0][0].raw == at.pfn[1][0].raw)
        interleave_fail("two whole areas were there for two CPUs");
    pmm_verify();
}

static void test_opening(void **state)
{
    (void)state;
    open_world(2);
    at.area[0] = at.area[1] = pmm.cpu[0]->tree == PMM_NO_TREE ? 4 : 3;
    must_hold("one area opened by two, then an area each",
              (struct interleave){
                  .cpus = 2, .preemptions = 2, .run = run_open, .check = check_open});
}

/* The last untouched area is being opened by one CPU while the other needs it. */
static void run_last_area(u32 cpu)
{
    at.status[cpu] = pmm_alloc_raw(8, OWNER_TEST, &at.pfn[cpu][0]);
}

static void check_last_area(void)
{
    if (at.status[0] != STATUS_OK || at.status[1] != STATUS_OK)
        interleave_fail("no memory, though one area was left for two halves");
    pmm_verify();
}

static void test_last_area(void **state)
{
    (void)state;
    pfn_t pfn;
    open_world(2);
    while (pmm.untouched > AREA_FRAMES)
        assert_int_equal(pmm_alloc_raw(9, OWNER_TEST, &pfn), STATUS_OK);
    while (pmm.unpromised > 0)
        if (!pool_take(&pmm.unpromised, 1) || !tree_take(pmm.cpu[0], 0, false, &pfn))
            fail();
        else
            block_own(pfn, 0, OWNER_TEST, CONTENTS_RAW);
    must_hold("two halves of the last area",
              (struct interleave){.cpus = 2,
                                  .preemptions = 2,
                                  .run = run_last_area,
                                  .check = check_last_area});
}

/* --- taking, stealing, giving --- */

/* Both take from the tree that CPU 0 holds, one frame and one block, and give back. */
static void run_steal(u32 cpu)
{
    pfn_t pfn;
    u32 order = cpu == 0 ? 0 : 1;
    for (u32 i = 0; i < 2; i++) {
        if (pmm_alloc_raw(order, OWNER_TEST, &pfn) != STATUS_OK)
            continue;
        if (pmm_free_raw(pfn, order, OWNER_TEST) != STATUS_OK)
            interleave_fail("CPU %u: not taken back", cpu);
    }
}

static void test_steal(void **state)
{
    (void)state;
    open_world(2);
    leave_free(3);
    stacks_close();
    must_hold("two CPUs in one tree",
              (struct interleave){.cpus = 2, .preemptions = 2, .run = run_steal});
}

/* One free frame in each of two areas: whoever was charged for one may come to the
 * other, whose counter must not promise what its bits do not hold yet. */
static void run_singles(u32 cpu)
{
    pfn_t pfn;
    for (u32 i = 0; i < 2; i++)
        if (pmm_alloc_raw(0, OWNER_TEST, &pfn) == STATUS_OK &&
            pmm_free_raw(pfn, 0, OWNER_TEST) != STATUS_OK)
            interleave_fail("CPU %u: not taken back", cpu);
}

static void test_two_areas(void **state)
{
    (void)state;
    open_world(2);
    leave_free(0);
    stacks_close();
    for (u64 area = 3; area < 5; area++)
        assert_int_equal(pmm_free_raw(pfn_make(area << AREA_ORDER), 0, OWNER_TEST),
                         STATUS_OK);
    must_hold("two CPUs, two areas",
              (struct interleave){.cpus = 2, .preemptions = 2, .run = run_singles});
}

/* The stacks in front: filled, emptied for a larger block, filled again. */
static void run_stacks(u32 cpu)
{
    pfn_t pfn;
    at.status[cpu] = pmm_alloc_raw(0, OWNER_TEST, &pfn);
    if (cpu == 1 && pmm_alloc_raw(2, OWNER_TEST, &at.pfn[cpu][0]) == STATUS_OK &&
        pmm_free(at.pfn[cpu][0], 2, OWNER_TEST) != STATUS_OK)
        interleave_fail("a block is not taken back");
    if (at.status[cpu] == STATUS_OK && pmm_free(pfn, 0, OWNER_TEST) != STATUS_OK)
        interleave_fail("a frame is not taken back");
}

static void test_stacks(void **state)
{
    (void)state;
    open_world(2);
    leave_free(70);
    must_hold("stacks over seventy frames",
              (struct interleave){.cpus = 2, .preemptions = 2, .run = run_stacks});
}

/* Of two frees of one block one is refused. */
static void run_double_free(u32 cpu)
{
    at.status[cpu] = cpu == 0 ? pmm_free_raw(at.shared, 1, OWNER_TEST)
                              : pmm_free(at.shared, 1, OWNER_TEST);
}

static void check_double_free(void)
{
    if ((at.status[0] == STATUS_OK) == (at.status[1] == STATUS_OK))
        interleave_fail("of two frees %s", at.status[0] == STATUS_OK
                                               ? "both succeeded"
                                               : "none succeeded");
    pmm_verify();
}

static void test_double_free(void **state)
{
    (void)state;
    open_world(2);
    assert_int_equal(pmm_alloc(1, OWNER_TEST, &at.shared), STATUS_OK);
    must_hold("one block freed twice", (struct interleave){.cpus = 2,
                                                           .preemptions = 3,
                                                           .run = run_double_free,
                                                           .check = check_double_free});
}

/* A run and single frames from the same areas. */
static void run_runs(u32 cpu)
{
    pfn_t pfn;
    struct pmm_request request = {
        .frames = 2, .align_frames = 1, .node = PMM_NODE_ANY, .owner = OWNER_TEST};
    if (cpu == 0)
        at.status[cpu] = pmm_run_alloc(&request, &pfn);
    else
        at.status[cpu] = pmm_alloc_raw(0, OWNER_TEST, &pfn);
}

static void test_runs(void **state)
{
    (void)state;
    open_world(2);
    leave_free(3);
    stacks_close();
    must_hold("a run beside single frames",
              (struct interleave){.cpus = 2, .preemptions = 2, .run = run_runs});
}

/* --- broken on purpose --- */

/* One frame is given; who is charged for it must find it. */
static void run_give_and_take(u32 cpu, void (*give)(pfn_t pfn))
{
    pfn_t pfn;
    if (cpu == 0) {
        frame_at(at.shared)->word = frame_make(OWNER_TEST, FRAME_NEW, 0, 0).word;
        atomic_add_own_u64(&percpu_frames()->owned[OWNER_TEST], ~0UL);
        give(at.shared);
        return;
    }
    if (!pool_take(&pmm.unpromised, 1))
        return;
    if (!tree_take(percpu_frames(), 0, false, &pfn))
        interleave_fail("charged, and no frame");
    block_own(pfn, 0, OWNER_TEST, CONTENTS_RAW);
}

static void give_right(pfn_t pfn)
{
    tree_give(pfn, 0);
    atomic_fetch_add_u64(&pmm.unpromised, 1);
}

/* The counter before the bit. */
static void give_counter_first(pfn_t pfn)
{
    u64 area = area_of(pfn);
    atomic_fetch_add_u32(&tree_of(area)->free, 1);
    atomic_fetch_add_u16(area_counter(area), 1);
    atomic_fetch_add_u64(&pmm.unpromised, 1);
    atomic_fetch_and_u64(&area_bits(area)[pfn.raw % AREA_FRAMES / 64],
                         ~(1UL << pfn.raw % 64));
}

/* The pool before the tree. */
static void give_pool_first(pfn_t pfn)
{
    atomic_fetch_add_u64(&pmm.unpromised, 1);
    tree_give(pfn, 0);
}

/* Two steps where one is needed: a look, then a store. */
static void give_bit_by_store(pfn_t pfn)
{
    u64 *word = &area_bits(area_of(pfn))[pfn.raw % AREA_FRAMES / 64];
    atomic_fetch_add_u32(&tree_of(area_of(pfn))->free, 1);
    u64 have = atomic_load_u64(word);
    atomic_store_u64(word, have & ~(1UL << pfn.raw % 64));
    atomic_fetch_add_u16(area_counter(area_of(pfn)), 1);
    atomic_fetch_add_u64(&pmm.unpromised, 1);
}

static void run_right(u32 cpu)
{
    run_give_and_take(cpu, give_right);
}

static void run_counter_first(u32 cpu)
{
    run_give_and_take(cpu, give_counter_first);
}

static void run_pool_first(u32 cpu)
{
    run_give_and_take(cpu, give_pool_first);
}

static void run_bit_by_store(u32 cpu)
{
    run_give_and_take(cpu, give_bit_by_store);
}

/* So many free frames, all in the word of the one that is given. */
static void give_open(u64 spare)
{
    open_world(2);
    leave_free(spare + 1);
    assert_int_equal(pmm_alloc_raw(0, OWNER_TEST, &at.shared), STATUS_OK);
    (void)stack_drain(percpu_frames());
    stacks_close();
}

static void test_broken(void **state)
{
    (void)state;
    struct interleave world = {.cpus = 2, .preemptions = 1};
    give_open(0);
    world.run = run_right;
    must_hold("given in the right order", world);
    world.run = run_counter_first;
    must_break("counter before bits", world);
    give_open(0);
    world.run = run_pool_first;
    must_break("pool before tree", world);
    give_open(1);
    world.run = run_bit_by_store;
    must_break("a bit cleared in two steps", world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_promises_kept), cmocka_unit_test(test_promises_returned),
        cmocka_unit_test(test_opening),       cmocka_unit_test(test_last_area),
        cmocka_unit_test(test_steal),         cmocka_unit_test(test_stacks),
        cmocka_unit_test(test_two_areas),     cmocka_unit_test(test_double_free),
        cmocka_unit_test(test_runs),          cmocka_unit_test(test_broken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
