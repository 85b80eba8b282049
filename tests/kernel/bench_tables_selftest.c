/* SPDX-License-Identifier: MIT
 *
 * What changes of page tables cost; see tests/kernel/bench_selftest.c for how. Nobody
 * touches what is mapped here: the physical addresses are beyond all RAM, and out of
 * step with the virtual ones where pages shall be small.
 */
#include "kernel/arch/cpu_features.h"
#include "kernel/arch/instr.h"
#include "mm/page_runs.h"
#include "mm/tlb.h"
#include "tests/kernel/cases.h"

#define SCRATCH (APERTURE_BASE + (384UL << 30))
#define BITS    (PTE_W | PTE_NX | PTE_G)
#define ROUNDS  64

static u64 device(void)
{
    return 1UL << (cpu_phys_bits() - 1);
}

static enum status map(u64 virt, u64 phys, u64 bytes)
{
    return page_table_map(&kernel_page_space, virt_make(virt), phys_make(phys), bytes,
                          BITS);
}

static enum status unmap(u64 virt, u64 bytes)
{
    return page_table_unmap(&kernel_page_space, virt_make(virt), bytes, NULL, NULL);
}

/* The least of rounds: map in [0], unmap in [1]. */
static void pair_least(struct selftest *t, u64 pages, u32 rounds, u64 least[2])
{
    least[0] = least[1] = ~0UL;
    for (u32 i = 0; i < rounds; i++) {
        u64 start = rdtsc();
        enum status mapped = map(SCRATCH, device() + PAGE_BYTES, pages * PAGE_BYTES);
        u64 middle = rdtsc();
        enum status unmapped = unmap(SCRATCH, pages * PAGE_BYTES);
        u64 end = rdtsc();
        CHECK(t, mapped == STATUS_OK && unmapped == STATUS_OK);
        least[0] = MIN(least[0], middle - start);
        least[1] = MIN(least[1], end - middle);
    }
}

/* One page whose tables come and go with it; the same beside a page that keeps them;
 * then many. */
void test_bench_map(struct selftest *t)
{
    static const u64 counts[] = {512, 262144};
    u64 least[2];
    pair_least(t, 1, ROUNDS, least);
    selftest_note("bench map_with_tables=%lu instructions", least[0]);
    selftest_note("bench unmap_with_tables=%lu instructions", least[1]);
    CHECK_EQUAL(t, map(SCRATCH + PAGE_2M_BYTES - PAGE_BYTES, device(), PAGE_BYTES),
                STATUS_OK);
    pair_least(t, 1, ROUNDS, least);
    selftest_note("bench map_1=%lu instructions a page", least[0]);
    selftest_note("bench unmap_1=%lu instructions a page", least[1]);
    CHECK_EQUAL(t, unmap(SCRATCH + PAGE_2M_BYTES - PAGE_BYTES, PAGE_BYTES), STATUS_OK);
    for (u32 i = 0; i < ARRAY_COUNT(counts); i++) {
        u64 half = counts[i] / 2;
        pair_least(t, counts[i], i == 0 ? ROUNDS : 2, least);
        selftest_note("bench map_%lu=%lu instructions a page", counts[i],
                      (least[0] + half) / counts[i]);
        selftest_note("bench unmap_%lu=%lu instructions a page", counts[i],
                      (least[1] + half) / counts[i]);
    }
}

void test_bench_split(struct selftest *t)
{
    u64 split = ~0UL, merge = ~0UL, protect = ~0UL;
    CHECK_EQUAL(t, map(SCRATCH, device(), 2 * PAGE_2M_BYTES), STATUS_OK);
    for (u32 i = 0; i < ROUNDS; i++) {
        virt_t virt = virt_make(SCRATCH);
        u64 start = rdtsc();
        enum status a = page_table_split(&kernel_page_space, virt, PAGE_BYTES,
                                         PAGE_BYTES);
        u64 now = rdtsc();
        split = MIN(split, now - start);
        start = rdtsc();
        enum status b = page_table_protect(&kernel_page_space, virt, PAGE_BYTES,
                                           PTE_NX);
        enum status c = page_table_protect(&kernel_page_space, virt, PAGE_BYTES,
                                           PTE_W | PTE_NX);
        now = rdtsc();
        protect = MIN(protect, now - start);
        start = rdtsc();
        enum status d = page_table_merge(&kernel_page_space, virt, PAGE_2M_BYTES);
        now = rdtsc();
        merge = MIN(merge, now - start);
        CHECK(t, a == STATUS_OK && b == STATUS_OK && c == STATUS_OK && d == STATUS_OK);
    }
    CHECK_EQUAL(t, unmap(SCRATCH, 2 * PAGE_2M_BYTES), STATUS_OK);
    selftest_note("bench split_2m=%lu instructions", split);
    selftest_note("bench merge_2m=%lu instructions", merge);
    selftest_note("bench protect_pair=%lu instructions", protect);
}

static bool leaf_add(const struct pt_leaf *leaf, void *context)
{
    (void)leaf;
    ++*(u64 *)context;
    return true;
}

static bool run_add(const struct page_run *run, void *context)
{
    (void)run;
    ++*(u64 *)context;
    return true;
}

void test_bench_dump(struct selftest *t)
{
    u64 leaves = 0, runs = 0;
    page_table_for_each(read_cr3(), 0, ~0UL, leaf_add, &leaves);
    u64 start = rdtsc();
    page_runs_for_each(read_cr3(), 0, ~0UL, run_add, &runs);
    u64 ticks = rdtsc() - start;
    CHECK(t, runs != 0 && leaves >= runs);
    selftest_note("bench dump=%lu instructions for %lu leaves in %lu runs", ticks,
                  leaves, runs);
}

/* What the flush itself costs; what it costs afterwards is the refill. */
void test_bench_flush(struct selftest *t)
{
    virt_t pages[TLB_GATHER_PAGES];
    u64 each = ~0UL, all = ~0UL;
    for (u32 i = 0; i < TLB_GATHER_PAGES; i++)
        pages[i] = virt_make(SCRATCH + i * PAGE_BYTES);
    for (u32 i = 0; i < ROUNDS; i++) {
        u64 start = rdtsc();
        tlb_ops->flush_pages(pages, TLB_GATHER_PAGES);
        u64 middle = rdtsc();
        tlb_ops->flush_all();
        u64 end = rdtsc();
        each = MIN(each, middle - start);
        all = MIN(all, end - middle);
    }
    CHECK(t, each != 0 && all != 0);
    selftest_note("bench flush_%u_pages=%lu instructions", TLB_GATHER_PAGES, each);
    selftest_note("bench flush_all=%lu instructions", all);
}
