/* SPDX-License-Identifier: MIT
 *
 * Kernel stacks in the live machine: given, used, kept, given back, refused.
 */
#include "kernel/arch/backtrace.h"
#include "kernel/arch/percpu.h"
#include "kernel/arch/trap_frame.h"
#include "kernel/base/string.h"
#include "mm/kernel_stack.h"
#include "mm/page_table.h"
#include "mm/pmm.h"
#include "tests/kernel/cases.h"

static struct kernel_stack_stats stats_now(void)
{
    struct kernel_stack_stats stats;
    kernel_stack_stats_get(&stats);
    return stats;
}

static u64 stack_frames(void)
{
    struct pmm_stats stats;
    pmm_stats_get(&stats);
    return stats.owned[OWNER_STACK];
}

static u64 stack_take(struct selftest *t, const char *name)
{
    u64 top = 0;
    CHECK_EQUAL(t, kernel_stack_alloc(name, &top), STATUS_OK);
    return top;
}

/* Mapped whole, not GLOBAL, with nothing below. */
static void pages_check(struct selftest *t, u64 top)
{
    struct pt_walk walk;
    for (u64 virt = top - STACK_SLOT_BYTES; virt < top; virt += PAGE_BYTES) {
        page_table_walk_raw(kernel_page_space.root.raw, virt, &walk);
        bool stack = virt >= top - STACK_BYTES;
        CHECK_EQUAL(t, walk.end == PT_LEAF, stack);
        if (stack && walk.end == PT_LEAF)
            CHECK(t, walk.writable && walk.no_execute && !walk.user &&
                         !(walk.level[walk.level_count - 1].entry & PTE_G));
    }
}

void test_stack_alloc(struct selftest *t)
{
    struct kernel_stack_place place;
    struct kernel_stack_stats before = stats_now();
    u64 top = stack_take(t, "the kernel stack of thread 7");
    CHECK(t, top != 0 && IS_ALIGNED(top, STACK_SLOT_BYTES));
    pages_check(t, top);
    CHECK_EQUAL(t, kernel_stack_depth(top), 0);
    CHECK(t, kernel_stack_locate(virt_make(top - 1), &place));
    CHECK(t, strcmp(place.name, "the kernel stack of thread 7") == 0);
    CHECK(t, place.top == top && place.state == STACK_LIVE && !place.in_guard);
    CHECK(t, kernel_stack_locate(virt_make(top - STACK_BYTES - 24), &place));
    CHECK(t, place.in_guard && place.bytes_below == 24);
    CHECK_EQUAL(t, stats_now().live, before.live + 1);
    kernel_stack_free(top);
    CHECK_EQUAL(t, stats_now().live, before.live);
    CHECK(t, kernel_stack_locate(virt_make(top - STACK_BYTES - 24), &place));
    CHECK(t, !place.in_guard && place.state != STACK_LIVE);
    kernel_stack_verify();
}

/* Kept stacks come back zero; what is too much goes back, and its pages with it. */
void test_stack_reuse(struct selftest *t)
{
    enum { MANY = STACKS_KEPT_MAX + 5 };
    static u64 top[MANY];
    kernel_stack_trim();
    u64 frames = stack_frames(), groups = stats_now().groups;
    for (u32 i = 0; i < MANY; i++) {
        top[i] = stack_take(t, "a test's stack");
        memset((void *)(top[i] - 1000), 0x5A, 1000);
        CHECK_EQUAL(t, kernel_stack_depth(top[i]), 1000);
    }
    groups = stats_now().groups - groups;
    CHECK_EQUAL(t, stack_frames(), frames + groups + MANY * 4);
    for (u32 i = 0; i < MANY; i++)
        kernel_stack_free(top[i]);
    CHECK_EQUAL(t, stats_now().kept, STACKS_KEPT_MAX);
    CHECK(t, stats_now().deepest >= 1000);
    CHECK_EQUAL(t, stack_frames(), frames + groups + STACKS_KEPT_MAX * 4);
    kernel_stack_verify();
    u64 again = stack_take(t, "a test's stack");
    CHECK_EQUAL(t, stats_now().kept, STACKS_KEPT_MAX - 1);
    CHECK_EQUAL(t, kernel_stack_depth(again), 0);
    pages_check(t, again);
    kernel_stack_free(again);
    kernel_stack_trim();
    CHECK_EQUAL(t, stats_now().kept, 0);
    CHECK_EQUAL(t, stack_frames(), frames + groups);
    kernel_stack_verify();
}

/* More than a group of 64 slots: its table is made, and stays. */
void test_stack_groups(struct selftest *t)
{
    static u64 top[70];
    struct pmm_stats frames;
    pmm_stats_get(&frames);
    if (frames.free < 1000) {
        selftest_skip(t, "fewer than 1000 free frames");
        return;
    }
    for (u32 i = 0; i < ARRAY_COUNT(top); i++)
        top[i] = stack_take(t, "a test's stack");
    CHECK(t, stats_now().groups >= 2);
    for (u32 i = 0; i < ARRAY_COUNT(top); i++) {
        *(volatile u64 *)(top[i] - STACK_BYTES) = i;
        CHECK_EQUAL(t, kernel_stack_depth(top[i]), i ? STACK_BYTES : 0);
    }
    kernel_stack_verify();
    for (u32 i = 0; i < ARRAY_COUNT(top); i++)
        kernel_stack_free(top[i]);
    kernel_stack_trim();
    kernel_stack_verify();
}

static void deep_use(void *argument)
{
    u8 room[900];
    memset(room, 1, sizeof(room));
    __asm__ volatile("" : : "r"(room) : "memory"); /* all of it is needed */
    *(u64 *)argument = (u64)(uintptr_t)__builtin_frame_address(0);
}

/* Code runs on it, and what it used is known afterwards. */
void test_stack_runs(struct selftest *t)
{
    u64 at = 0, top = stack_take(t, "a test's stack");
    stack_call(deep_use, &at, top);
    CHECK(t, at < top && at >= top - STACK_BYTES);
    CHECK(t, kernel_stack_depth(top) >= 900 && kernel_stack_depth(top) < 2000);
    kernel_stack_free(top);
}

/* The stacks that kernel/early made are known by name, and how deep they went. */
void test_stack_names(struct selftest *t)
{
    u64 top;
    const char *name;
    u32 slot = 0, seen = 0;
    while (kernel_stack_next(&slot, &top, &name)) {
        seen++;
        CHECK(t, name[0] != 0 && kernel_stack_depth(top) <= STACK_BYTES);
        if (top == stack_slot_top(STACK_SLOT_BOOT))
            CHECK(t, strcmp(name, "the kernel stack of CPU 0") == 0 &&
                         kernel_stack_depth(top) > 500);
    }
    CHECK_EQUAL(t, seen, stats_now().live);
    CHECK(t, seen >= STACK_SLOTS_AT_BOOT);
    CHECK_EQUAL(t, kernel_stack_depth(0), 0);
    CHECK_EQUAL(t, kernel_stack_depth(STACKS_BASE), 0);
    CHECK_EQUAL(t, kernel_stack_depth(STACKS_BASE + 17), 0);
    CHECK_EQUAL(t, kernel_stack_depth(STACKS_BASE + STACKS_BYTES), 0);
}

/* --- deaths --- */

static void must_not_return(struct selftest *t)
{
    selftest_fail(t, __FILE__, __LINE__, "the kernel lives on");
}

void test_die_stack_freed_twice(struct selftest *t)
{
    u64 top = stack_take(t, "the kernel stack of thread 8");
    kernel_stack_free(top);
    kernel_stack_free(top);
    must_not_return(t);
}

static void free_own(void *top)
{
    kernel_stack_free((u64)(uintptr_t)top);
}

void test_die_stack_freed_in_use(struct selftest *t)
{
    u64 top = stack_take(t, "the kernel stack of thread 9");
    stack_call(free_own, (void *)top, top);
    must_not_return(t);
}

void test_die_stack_guard(struct selftest *t)
{
    pfn_t frame;
    u64 top = stack_take(t, "the kernel stack of thread 6");
    virt_t guard = virt_make(top - STACK_BYTES - PAGE_BYTES);
    CHECK_EQUAL(t, pmm_alloc(0, OWNER_STACK, &frame), STATUS_OK);
    CHECK_EQUAL(t,
                page_table_map(&kernel_page_space, guard, pfn_to_phys(frame),
                               PAGE_BYTES, PTE_W | PTE_NX),
                STATUS_OK);
    kernel_stack_free(top);
    must_not_return(t);
}

static NOINLINE u64 descend(u64 depth)
{
    volatile u64 here[32];
    here[0] = depth;
    return depth == ~0UL ? 0 : descend(depth + 1) + here[0];
}

static void descend_all(void *unused)
{
    (void)unused;
    (void)descend(0);
}

void test_die_thread_overflow(struct selftest *t)
{
    stack_call(descend_all, NULL, stack_take(t, "the kernel stack of thread 5"));
    must_not_return(t);
}
