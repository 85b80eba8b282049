/* SPDX-License-Identifier: MIT
 *
 * Measurements for `make bench`. Where the TSC counts instructions (QEMU's icount,
 * Bochs) the numbers are instructions, the same in every run; elsewhere they are cycles
 * of a noisy machine. Each is the least of many, less what the two readings of the
 * counter cost.
 */
#include "kernel/arch/instr.h"
#include "mm/heap.h"
#include "mm/pmm.h"
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

void test_bench_frames(struct selftest *t)
{
    u64 cost = stamp_cost(), least_pair = ~0UL, least_large = ~0UL;
    for (u32 i = 0; i < ROUNDS; i++) {
        pfn_t pfn;
        u64 start = rdtsc();
        enum status took = pmm_alloc_raw(0, OWNER_TEST, &pfn);
        enum status gave = pmm_free_raw(pfn, 0, OWNER_TEST);
        u64 ticks = rdtsc() - start;
        CHECK(t, took == STATUS_OK && gave == STATUS_OK);
        least_pair = MIN(least_pair, ticks);

        start = rdtsc();
        took = pmm_alloc_raw(FRAME_ORDER_MAX, OWNER_TEST, &pfn);
        gave = pmm_free_raw(pfn, FRAME_ORDER_MAX, OWNER_TEST);
        ticks = rdtsc() - start;
        CHECK(t, took == STATUS_OK && gave == STATUS_OK);
        least_large = MIN(least_large, ticks);
    }
    selftest_note("bench frame_pair_4k=%lu instructions", least_pair - cost);
    selftest_note("bench frame_pair_2m=%lu instructions", least_large - cost);
}

void test_bench_heap(struct selftest *t)
{
    static const u64 sizes[] = {16, 64, 256, 1024, 2048, 8192};
    u64 cost = stamp_cost();
    for (u32 s = 0; s < ARRAY_COUNT(sizes); s++) {
        u64 least = ~0UL;
        for (u32 i = 0; i < ROUNDS; i++) {
            u64 start = rdtsc();
            void *object = heap_alloc(sizes[s]);
            heap_free(object);
            u64 ticks = rdtsc() - start;
            CHECK(t, object != NULL);
            least = MIN(least, ticks);
        }
        selftest_note("bench heap_pair_%lu=%lu instructions", sizes[s], least - cost);
    }
}
