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
#include "mm/pmm_internal.h"
#include "mm/ram.h"

struct pmm_sums {
    u64 free; /* in open areas */
    u64 untouched;
    u64 owned[OWNER_COUNT];
};

static void area_check(bool ok, u64 area, const char *what, u64 found, u64 expected)
{
    if (!ok)
        panic_code(CODE_FR_03, "area P:%#lx: %s: found %lu, expected %lu",
                   area << PAGE_2M_SHIFT, what, found, expected);
}

/* A free frame that is not zero was written after it was freed. */
static bool frame_is_zero(pfn_t pfn)
{
    const u64 *word = pfn_to_ptr(pfn);
    for (u32 i = 0; i < PAGE_BYTES / sizeof(*word); i++)
        if (word[i] != 0)
            return false;
    return true;
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
        area_check(taken != free, area, "bit and state of a frame disagree", state,
                   taken);
        clear += !taken;
        if (state == FRAME_ZERO)
            area_check(frame_is_zero(pfn), area,
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

void pmm_verify(void)
{
    struct pmm_sums sums;
    memset(&sums, 0, sizeof(sums));
    for (u32 i = 0; i < area_span_count(); i++)
        for (u64 area = area_span_at(i)->first; area < area_span_at(i)->end; area++)
            area_sum(area, &sums);

    u64 total = sums.free + sums.untouched;
    for (u32 i = 0; i < OWNER_COUNT; i++) {
        total += sums.owned[i];
        if (sums.owned[i] != atomic_load_u64(&pmm.owned[i]))
            panic_code(CODE_FR_03, "owner %s has %lu frames, its counter says %lu",
                       frame_owner_name((enum frame_owner)i), sums.owned[i],
                       pmm.owned[i]);
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
