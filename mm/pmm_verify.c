/* SPDX-License-Identifier: MIT
 *
 * The frame allocator's own audit: every open area's counter against its bits and its
 * words, every pool against the areas, every owner's count against the words.
 */
#include "kernel/base/atomic.h"
#include "kernel/base/bits.h"
#include "kernel/base/panic.h"
#include "kernel/base/string.h"
#include "mm/frame_table.h"
#include "mm/page_ops.h"
#include "mm/pmm_stack.h"
#include "mm/ram.h"

struct pmm_sums {
    u64 free; /* in open areas */
    u64 untouched;
    u64 stacked; /* free by their words, taken by their bits */
    u64 owned[OWNER_COUNT];
};

static void area_check(bool ok, u64 area, const char *what, u64 found, u64 expected)
{
    if (!ok)
        panic_code(CODE_FR_03, "area P:%#lx: %s: found %lu, expected %lu",
                   area << PAGE_2M_SHIFT, what, found, expected);
}

static void area_sum(u64 area, struct pmm_sums *sums)
{
    u16 counter = *area_counter(area);
    if (counter & AREA_UNTOUCHED) {
        sums->untouched += counter & ~AREA_UNTOUCHED;
        return;
    }
    u64 clear = 0;
    for (u32 i = 0; i < AREA_FRAMES; i++) {
        pfn_t pfn = pfn_make((area << AREA_ORDER) + i);
        struct frame frame = *frame_at(pfn);
        enum frame_state state = frame_state_of(frame);
        bool taken = area_bits(area)[i / 64] >> (i % 64) & 1;
        bool free = state == FRAME_NEW || state == FRAME_ZERO;
        area_check(taken || free, area, "bit and state of a frame disagree", state,
                   taken);
        clear += !taken;
        sums->stacked += taken && free;
        if (state == FRAME_ZERO)
            /* One that is not was written after it was freed. */
            area_check(page_is_zero(pfn_to_ptr(pfn)), area,
                       "words of a free frame that are not zero", 1, 0);
        if (state == FRAME_ABSENT || free)
            continue;
        area_check(frame_owner_of(frame) < OWNER_COUNT, area, "owner",
                   frame_owner_of(frame), OWNER_COUNT);
        sums->owned[frame_owner_of(frame)]++;
    }
    area_check(clear == counter, area, "counter against clear bits", counter, clear);
    sums->free += clear;
}

/* A tree's counts against its areas'; every tree of a span, some of them twice. */
static void trees_check(const struct area_span *span)
{
    for (u64 tree = span->first >> TREE_ORDER; tree <= (span->end - 1) >> TREE_ORDER;
         tree++) {
        u32 free = 0, untouched = 0;
        for (u32 i = 0; i < TREE_AREAS; i++) {
            u64 area = (tree << TREE_ORDER) + i;
            free += area_free(area);
            untouched += (*area_counter(area) & AREA_UNTOUCHED) != 0;
        }
        area_check(free == tree_at(tree)->free, tree << TREE_ORDER,
                   "free frames of its tree", tree_at(tree)->free, free);
        area_check(untouched == tree_at(tree)->untouched_areas, tree << TREE_ORDER,
                   "untouched areas of its tree", tree_at(tree)->untouched_areas,
                   untouched);
    }
}

/* What lies on a stack is free by its word and taken by its bit. Their number tells
 * that nothing lies there twice, or in two places. */
static void stacks_check(u64 expected)
{
    u64 stacked = 0;
    for (u32 cpu = 0; cpu < CPU_MAX; cpu++)
        if (pmm.cpu[cpu])
            stacked += stack_frames(pmm.cpu[cpu]);
    if (stacked != expected)
        panic_code(CODE_FR_03,
                   "%lu frames lie on the CPUs' stacks, %lu look as if they did",
                   stacked, expected);
}

void pmm_verify(void)
{
    struct pmm_sums sums;
    memset(&sums, 0, sizeof(sums));
    for (u32 i = 0; i < area_span_count(); i++) {
        for (u64 area = area_span_at(i)->first; area < area_span_at(i)->end; area++)
            area_sum(area, &sums);
        trees_check(area_span_at(i));
    }
    stacks_check(sums.stacked);

    struct pmm_stats stats;
    pmm_stats_get(&stats);
    u64 total = sums.free + sums.untouched + sums.stacked;
    for (u32 i = 0; i < OWNER_COUNT; i++) {
        total += sums.owned[i];
        if (sums.owned[i] != stats.owned[i])
            panic_code(CODE_FR_03, "owner %s has %lu frames, its counter says %lu",
                       frame_owner_name((enum frame_owner)i), sums.owned[i],
                       stats.owned[i]);
    }
    if (sums.untouched != pmm.untouched || sums.free != pmm.unpromised + pmm.promised)
        panic_code(CODE_FR_03,
                   "pools: %lu untouched, %lu free; counters say %lu, %lu + %lu",
                   sums.untouched, sums.free, pmm.untouched, pmm.unpromised,
                   pmm.promised);
    if (total != pmm.total)
        panic_code(CODE_FR_03, "%lu frames accounted for, RAM has %lu", total,
                   pmm.total);
}
