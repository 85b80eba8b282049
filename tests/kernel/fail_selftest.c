/* SPDX-License-Identifier: MIT
 *
 * Every request for memory fails once. For each scenario of mm the first request fails,
 * then the second, and so on until one run needs fewer: each time nothing dies, the
 * scenario ends as a whole, all counts are what they were, and the audit is clean.
 *
 * Tables and descriptors of a region of the heap and of a group of stacks stay once
 * they are there; those are counted.
 */
#include "kernel/arch/cpu_features.h"
#include "kernel/base/string.h"
#include "kernel/early/handover.h"
#include "mm/audit.h"
#include "mm/heap.h"
#include "mm/kernel_space.h"
#include "mm/kernel_stack.h"
#include "mm/pmm.h"
#include "mm/pmm_fail.h"
#include "mm/ram.h"
#include "tests/kernel/cases.h"
#include "tests/kernel/program_space.h"

#define FAIL_MOST    400 /* more requests than any scenario has */
#define REGION_PAGES TABLE_ENTRIES

/* True when all of it was done; whatever it did is undone in both cases. */
typedef bool (*scenario_fn)(void);

struct books {
    struct pmm_stats frames;
    struct heap_stats heap;
    struct kernel_stack_stats stacks;
};

static void books_take(struct books *books)
{
    heap_trim();
    kernel_stack_trim();
    kernel_stack_stats_get(&books->stacks);
    pmm_stats_get(&books->frames);
    heap_stats_get(&books->heap);
}

static void books_compare(struct selftest *t, const char *name, u64 n,
                          const struct books *before)
{
    struct books now;
    struct audit_sums sums;
    books_take(&now);
    u64 regions = now.heap.regions - before->heap.regions;
    u64 groups = now.stacks.groups - before->stacks.groups;
    u64 more[OWNER_COUNT] = {[OWNER_HEAP_INFO] = 8 * regions,
                             [OWNER_STACK] = groups,
                             [OWNER_PAGE_TABLE] = regions + groups};
    for (u32 i = 0; i < OWNER_COUNT; i++)
        CHECK_MSG(t, now.frames.owned[i] == before->frames.owned[i] + more[i],
                  "%s, request %lu fails: %s has %lu frames, expected %lu", name, n,
                  frame_owner_name((enum frame_owner)i), now.frames.owned[i],
                  before->frames.owned[i] + more[i]);
    CHECK_MSG(t, now.frames.free == before->frames.free - 9 * regions - 2 * groups,
              "%s, request %lu fails: %lu frames free, %lu before", name, n,
              now.frames.free, before->frames.free);
    CHECK_EQUAL(t, now.frames.promised, before->frames.promised);
    CHECK_EQUAL(t, now.heap.objects, before->heap.objects);
    CHECK_EQUAL(t, now.heap.pages, before->heap.pages);
    CHECK_EQUAL(t, now.stacks.live, before->stacks.live);
    audit_or_die(AUDIT_QUICK, name, &sums);
}

static void fail_in_turn(struct selftest *t, const char *name, scenario_fn run)
{
    struct books before;
    bool happened = true;
    u64 n;
    for (n = 1; happened && n < FAIL_MOST && t->failures == 0; n++) {
        books_take(&before);
        pmm_fail_after(n);
        bool done = run();
        happened = pmm_fail_happened();
        pmm_fail_after(0);
        CHECK_MSG(t, happened != done, "%s, request %lu: %s, yet the scenario %s", name,
                  n, happened ? "failed" : "none failed", done ? "is done" : "gave up");
        books_compare(t, name, n, &before);
    }
    CHECK(t, !happened || t->failures != 0);
    selftest_note("%s: each of %lu requests failed once", name, n - 2);
}

static void fail_each(struct selftest *t, const char *name, scenario_fn run)
{
    if (run()) {
        fail_in_turn(t, name, run);
        return;
    }
    /* A machine without one whole area that is free. */
    CHECK(t, ram_bytes() < MIB(32));
    selftest_note("%s: not enough memory for it here", name);
}

/* --- frames --- */

static bool blocks_of_all_kinds(void)
{
    static const u32 orders[] = {0, 3, FRAME_ORDER_MAX, 0};
    pfn_t block[ARRAY_COUNT(orders)], run;
    u32 count = 0;
    struct pmm_request request = {
        .frames = 5, .align_frames = 4, .node = PMM_NODE_ANY, .owner = OWNER_TEST};
    while (count < ARRAY_COUNT(orders) &&
           pmm_alloc_raw(orders[count], OWNER_TEST, &block[count]) == STATUS_OK)
        count++;
    bool done = count == ARRAY_COUNT(orders) &&
                pmm_run_alloc(&request, &run) == STATUS_OK &&
                pmm_run_free(run, request.frames, OWNER_TEST) == STATUS_OK;
    while (count-- > 0)
        if (pmm_free_raw(block[count], orders[count], OWNER_TEST) != STATUS_OK)
            return false;
    return done;
}

void test_fail_frames(struct selftest *t)
{
    fail_each(t, "blocks and runs", blocks_of_all_kinds);
}

/* --- the heap --- */

static bool objects_of(const u64 *bytes, u32 count)
{
    u8 *object[32];
    u32 got = 0;
    bool done = true;
    for (; done && got < count; got += done) {
        object[got] = heap_alloc(bytes[got]);
        done = object[got] != NULL;
        if (done)
            object[got][0] = object[got][bytes[got] - 1] = 1;
    }
    while (got-- > 0)
        heap_free(object[got]);
    return done;
}

static bool heap_objects(void)
{
    static const u64 bytes[] = {1, 24, 40, 64, 100, 200, 300, 500, 700, 1000, 2048};
    return objects_of(bytes, ARRAY_COUNT(bytes));
}

static bool heap_large(void)
{
    static const u64 bytes[] = {2049, PAGE_BYTES, 3 * PAGE_BYTES, 100000};
    return objects_of(bytes, ARRAY_COUNT(bytes));
}

/* As long as all regions there are: it reaches into one that has no tables yet. */
static bool heap_new_region(void)
{
    struct heap_stats stats;
    heap_stats_get(&stats);
    u64 bytes = MAX(stats.regions, 1UL) * REGION_PAGES * PAGE_BYTES;
    return objects_of(&bytes, 1);
}

/* A resize that fails leaves the object as it was. A shrink never fails: it stays where
 * it is when there is no smaller place, and the failure is survived. */
static bool heap_grows(void)
{
    static const u64 sizes[] = {20, 100, 1500, 9000, 70000, 300, 30};
    u8 *object = NULL;
    u64 held = 0;
    bool done = true;
    for (u32 i = 0; done && i < ARRAY_COUNT(sizes); i++) {
        u8 *moved = heap_resize(object, sizes[i]);
        done = moved != NULL;
        if (!done)
            break;
        object = moved;
        done = held == 0 || object[0] == 0x77;
        held = sizes[i];
        object[0] = 0x77;
    }
    done = done && object[0] == 0x77;
    heap_free(object);
    return done && !pmm_fail_happened();
}

static bool heap_shrinks(void)
{
    u8 *object = heap_alloc(2000);
    if (!object)
        return false;
    object[0] = 0x77;
    u8 *moved = heap_resize(object, 16);
    bool done = moved != NULL && moved[0] == 0x77;
    heap_free(moved ? moved : object);
    return done && !pmm_fail_happened();
}

void test_fail_heap(struct selftest *t)
{
    fail_each(t, "heap objects", heap_objects);
    fail_each(t, "heap runs", heap_large);
    fail_each(t, "heap resize", heap_grows);
    fail_each(t, "heap shrink", heap_shrinks);
    fail_each(t, "heap region", heap_new_region);
}

/* --- stacks --- */

#define GROUP_SLOTS (PAGE_2M_BYTES / STACK_SLOT_BYTES) /* stacks of one table */

static bool stacks_some(void)
{
    u64 top[3];
    u32 count = 0;
    while (count < ARRAY_COUNT(top) &&
           kernel_stack_alloc("a test's stack", &top[count]) == STATUS_OK)
        count++;
    bool done = count == ARRAY_COUNT(top);
    while (count-- > 0)
        kernel_stack_free(top[count]);
    kernel_stack_verify();
    return done;
}

static u64 slots_left(void)
{
    struct kernel_stack_stats stats;
    kernel_stack_stats_get(&stats);
    return stats.groups * GROUP_SLOTS - stats.live;
}

/* Then all slots that have tables are taken: one stack more needs some. */
void test_fail_stacks(struct selftest *t)
{
    static u64 held[GROUP_SLOTS];
    u32 count = 0;
    if (ram_bytes() < MIB(32)) {
        selftest_skip(t, "less than 32 MiB of RAM");
        return;
    }
    fail_each(t, "stacks", stacks_some);
    while (slots_left() != 0 && count < GROUP_SLOTS)
        if (kernel_stack_alloc("a test's stack", &held[count]) == STATUS_OK)
            count++;
    fail_in_turn(t, "stacks of a new group", stacks_some);
    while (count-- > 0)
        kernel_stack_free(held[count]);
    kernel_stack_trim();
}

/* --- tables --- */

/* Addresses that no RAM has, and pages that cannot be large: several tables. */
static bool device_window(void)
{
    u64 phys = (1UL << cpu_phys_bits()) - 4 * PAGE_2M_BYTES + PAGE_BYTES;
    volatile void *device;
    return mmio_map(phys_make(phys), 2 * PAGE_2M_BYTES, PAGE_CACHE_UC, &device) ==
               STATUS_OK &&
           aperture_unmap(device) == STATUS_OK;
}

static bool module_window(void)
{
    const void *module;
    u64 bytes = PAGE_2M_BYTES;
    return module_map(phys_make(handover.info.kernel_phys + PAGE_BYTES), bytes,
                      &module) == STATUS_OK &&
           page_table_unmap(&kernel_page_space, virt_of(module), bytes, NULL, NULL) ==
               STATUS_OK;
}

/* A program's space with two runs of pages and a large page that is cut twice. */
static bool program_space(void)
{
    struct program_space program;
    struct page_space *space = &program.space;
    virt_t low = virt_make(0x400000 - PAGE_BYTES), large = virt_make(0x40000000);
    pfn_t block;
    if (!program_space_create(&program))
        return false;
    bool got = pmm_alloc_raw(FRAME_ORDER_MAX, OWNER_TEST, &block) == STATUS_OK;
    phys_t phys = pfn_to_phys(block);
    bool done = got &&
                page_table_map(space, large, phys, PAGE_2M_BYTES,
                               PTE_W | PTE_U | PTE_NX) == STATUS_OK &&
                page_table_map(space, low, phys, 3 * PAGE_BYTES, PTE_U | PTE_NX) ==
                    STATUS_OK &&
                page_table_protect(space, virt_add(large, PAGE_BYTES), PAGE_BYTES,
                                   PTE_U | PTE_NX) == STATUS_OK &&
                page_table_protect(space, large, PAGE_2M_BYTES,
                                   PTE_W | PTE_U | PTE_NX) == STATUS_OK &&
                page_table_merge(space, large, PAGE_2M_BYTES) == STATUS_OK &&
                page_table_unmap(space, virt_add(large, PAGE_BYTES), PAGE_BYTES, NULL,
                                 NULL) == STATUS_OK;
    program_space_destroy(&program);
    return (!got || pmm_free_raw(block, FRAME_ORDER_MAX, OWNER_TEST) == STATUS_OK) &&
           done;
}

void test_fail_tables(struct selftest *t)
{
    fail_each(t, "device window", device_window);
    fail_each(t, "module window", module_window);
    fail_each(t, "program space", program_space);
}
