/* SPDX-License-Identifier: MIT
 *
 * Measurements for `make bench`. Where the TSC counts instructions (QEMU's icount,
 * Bochs) the numbers are instructions, the same in every run; elsewhere they are cycles
 * of a noisy machine. Each is the least of many, less what the two readings of the
 * counter cost.
 */
#include "kernel/arch/instr.h"
#include "mm/heap.h"
#include "mm/kernel_stack.h"
#include "mm/page_ops.h"
#include "mm/pmm_single.h"
#include "tests/kernel/cases.h"

#define ROUNDS 256

static u64 stamp_cost(void)
{
    u64 least = ~0UL;
    for (u32 i = 0; i < ROUNDS; i++) {
        u64 start = rdtsc();
        u64 ticks = rdtsc() - start;
        least = MIN(least, ticks);
    }
    return least;
}

static u64 touch_least(volatile u8 *run)
{
    u64 least = ~0UL;
    for (u32 page = 0; page < ROUNDS; page++) {
        u64 start = rdtsc();
        run[page * PAGE_BYTES] = 1;
        u64 ticks = rdtsc() - start;
        least = MIN(least, ticks);
    }
    return least;
}

/* The first pass takes frames that nobody used before and zeroes them in the fault;
 * they come back zeroed, so the second pass shows the fault alone. */
void test_bench_heap_fault(struct selftest *t)
{
    u64 cost = stamp_cost();
    for (u32 pass = 0; pass < 2; pass++) {
        u8 *run = heap_alloc(ROUNDS * PAGE_BYTES);
        CHECK(t, run != NULL);
        if (!run)
            return;
        u64 least = touch_least(run);
        selftest_note("bench %s=%lu instructions",
                      pass == 0 ? "heap_fault_with_zeroing" : "heap_fault",
                      least - cost);
        heap_free(run);
    }
}

/* One frame, taken and given back: inline, by call, with its contents zeroed. The frame
 * is the same every time; zeroing has a row of its own, because it costs far more. */
static u64 pair_inline(struct selftest *t)
{
    pfn_t pfn = pfn_make(0);
    u64 start = rdtsc();
    bool took = single_alloc_raw(OWNER_TEST, &pfn);
    bool gave = single_free_raw(pfn, OWNER_TEST);
    u64 ticks = rdtsc() - start;
    CHECK(t, took && gave);
    return ticks;
}

static u64 pair_raw(struct selftest *t, u32 order)
{
    pfn_t pfn;
    u64 start = rdtsc();
    enum status took = pmm_alloc_raw(order, OWNER_TEST, &pfn);
    enum status gave = pmm_free_raw(pfn, order, OWNER_TEST);
    u64 ticks = rdtsc() - start;
    CHECK(t, took == STATUS_OK && gave == STATUS_OK);
    return ticks;
}

static u64 pair_zeroed(struct selftest *t)
{
    pfn_t pfn;
    u64 start = rdtsc();
    enum status took = pmm_alloc(0, OWNER_TEST, &pfn);
    enum status gave = pmm_free(pfn, 0, OWNER_TEST);
    u64 ticks = rdtsc() - start;
    CHECK(t, took == STATUS_OK && gave == STATUS_OK);
    return ticks;
}

/* So many frames that the stack is filled and emptied on the way. */
static u64 batch_per_frame(struct selftest *t)
{
    static pfn_t batch[4 * ROUNDS];
    u64 bad = 0, start = rdtsc();
    for (u32 i = 0; i < ARRAY_COUNT(batch); i++)
        bad += pmm_alloc_raw(0, OWNER_TEST, &batch[i]) != STATUS_OK;
    for (u32 i = 0; i < ARRAY_COUNT(batch); i++)
        bad += pmm_free_raw(batch[i], 0, OWNER_TEST) != STATUS_OK;
    u64 ticks = rdtsc() - start;
    CHECK_EQUAL(t, bad, 0);
    return ticks / ARRAY_COUNT(batch);
}

void test_bench_frames(struct selftest *t)
{
    u64 cost = stamp_cost(), least[4] = {~0UL, ~0UL, ~0UL, ~0UL}, batch = ~0UL;
    for (u32 i = 0; i < ROUNDS; i++) {
        (void)pair_raw(t, 0);
        least[0] = MIN(least[0], pair_inline(t));
        least[1] = MIN(least[1], pair_raw(t, 0));
        least[2] = MIN(least[2], pair_raw(t, FRAME_ORDER_MAX));
        least[3] = MIN(least[3], pair_zeroed(t));
    }
    for (u32 i = 0; i < 8; i++)
        batch = MIN(batch, batch_per_frame(t));
    selftest_note("bench frame_pair_inline_unzeroed=%lu instructions", least[0] - cost);
    selftest_note("bench frame_pair_4k_unzeroed=%lu instructions", least[1] - cost);
    selftest_note("bench frame_pair_4k_zeroed=%lu instructions", least[3] - cost);
    selftest_note("bench frame_batch_of_1024_per_pair=%lu instructions", batch);
    selftest_note("bench frame_pair_2m_unzeroed=%lu instructions", least[2] - cost);
}

/* What the calibration at boot found. */
void test_bench_page_ops(struct selftest *t)
{
    static const char *const kinds[PAGE_OP_COUNT][PAGE_WARMTH_COUNT] = {
        {"zero_warm", "zero_cold"}, {"copy_warm", "copy_cold"}};
    static const char *const ways[WAY_COUNT] = {"stores", "rep_words", "rep_bytes",
                                                "movnti"};
    for (u32 op = 0; op < PAGE_OP_COUNT; op++)
        for (u32 warmth = 0; warmth < PAGE_WARMTH_COUNT; warmth++) {
            u64 least = ~0UL;
            for (u32 way = 0; way < WAY_COUNT; way++) {
                u64 ticks = page_ops_ticks(op, warmth, way);
                if (way != WAY_PAST_CACHE)
                    least = MIN(least, ticks);
                selftest_note("bench page_%s_%s=%lu instructions%s", kinds[op][warmth],
                              ways[way], ticks,
                              page_ops_chosen(op, warmth) == way ? " (chosen)" : "");
            }
            u64 chosen = page_ops_ticks(op, warmth, page_ops_chosen(op, warmth));
            CHECK(t, least != 0 && chosen <= least + least / 16);
        }
}

/* Each object is written to, so that it must be zeroed; small ones lie in a page that
 * has its frame. Rows of the modes that watch say so: heap_guard_pair_64. */
void test_bench_heap(struct selftest *t)
{
    static const char *const modes[] = {"", "guard_", "poison_"};
    static const u64 sizes[] = {16, 64, 256, 1024, 2048, 8192};
    u64 cost = stamp_cost();
    for (u32 s = 0; s < ARRAY_COUNT(sizes); s++) {
        u64 least = ~0UL;
        for (u32 i = 0; i < ROUNDS; i++) {
            u64 start = rdtsc();
            u8 *object = heap_alloc(sizes[s]);
            if (object)
                *(volatile u8 *)object = 1;
            heap_free(object);
            u64 ticks = rdtsc() - start;
            CHECK(t, object != NULL);
            least = MIN(least, ticks);
        }
        selftest_note("bench heap_%spair_%lu=%lu instructions", modes[heap_mode_now()],
                      sizes[s], least - cost);
    }
}

/* A stack that is kept for reuse, and one that is mapped and unmapped each time. */
void test_bench_stack(struct selftest *t)
{
    u64 top, cost = stamp_cost(), kept = ~0UL, mapped = ~0UL;
    for (u32 i = 0; i < 2 * ROUNDS; i++) {
        bool fresh = i % 2;
        if (fresh)
            kernel_stack_trim();
        u64 start = rdtsc();
        enum status status = kernel_stack_alloc("a bench's stack", &top);
        CHECK_EQUAL(t, status, STATUS_OK);
        if (status != STATUS_OK)
            return;
        kernel_stack_free(top);
        if (fresh)
            kernel_stack_trim();
        u64 ticks = rdtsc() - start;
        if (fresh)
            mapped = MIN(mapped, ticks);
        else if (i > 0)
            kept = MIN(kept, ticks);
        if (fresh) { /* one to be kept for the next round */
            CHECK_EQUAL(t, kernel_stack_alloc("a bench's stack", &top), STATUS_OK);
            kernel_stack_free(top);
        }
    }
    selftest_note("bench stack_pair_kept=%lu instructions", kept - cost);
    selftest_note("bench stack_pair_mapped=%lu instructions", mapped - cost);
}
