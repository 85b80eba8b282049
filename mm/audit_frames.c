/* SPDX-License-Identifier: MIT
 *
 * Counting holders without memory for it: each holder that is met adds one to the tally
 * in the frame's own word, three bits that mean something only now. Then one pass over
 * all words compares and takes the tallies away again.
 *
 *   holders of a frame = its tally + the kernel itself, for what it keeps since boot
 *
 * A tally stops at TALLY_MAX. A count that high is settled by walking all tables for
 * this frame alone, and so is every disagreement, to name an entry.
 */
#include "kernel/base/string.h"
#include "mm/audit_internal.h"
#include "mm/frame_table.h"
#include "mm/pmm_internal.h"
#include "mm/ram.h"

#define QUICK_ZEROES 1024 /* free frames that AUDIT_QUICK reads */

/* Kept since boot for no other reason than that it was there: no table maps them in a
 * window of their own, nobody gives them back. */
#define HELD_SINCE_BOOT                                                           \
    (OWNER_BIT(OWNER_LOW) | OWNER_BIT(OWNER_FIRMWARE) | OWNER_BIT(OWNER_LOADER) | \
     OWNER_BIT(OWNER_SYMBOLS))
/* Held by a window's entry once it is mapped there, until then by whoever has it: boot
 * modules that could not be mapped, a test's frames. */
#define HELD_OR_MAPPED (OWNER_BIT(OWNER_MODULE) | OWNER_BIT(OWNER_TEST))

static bool area_is_open(u64 area)
{
    return !(*area_counter(area) & (AREA_UNTOUCHED | AREA_OPENING));
}

static bool pfn_is_ram(pfn_t pfn, u64 frames)
{
    return pfn.raw < DIRECT_MAP_BYTES >> PAGE_SHIFT &&
           ram_contains(pfn_to_phys(pfn), frames * PAGE_BYTES);
}

static void report_frame(struct audit *audit, enum code code, const char *what,
                         pfn_t pfn, u64 expected, u64 found)
{
    audit_report(audit, &(struct audit_finding){.code = code,
                                                .what = what,
                                                .frame = pfn_to_phys(pfn),
                                                .word = pmm_frame(pfn),
                                                .expected = expected,
                                                .found = found});
}

static void report_held(struct audit *audit, enum code code, const char *what,
                        const struct audit_entry *by, pfn_t pfn, u64 owners,
                        u64 expected, u64 found)
{
    struct audit_finding finding = {.code = code,
                                    .what = what,
                                    .frame = pfn_to_phys(pfn),
                                    .word = pmm_frame(pfn),
                                    .owners = owners,
                                    .holder = by ? NULL : audit->holder,
                                    .expected = expected,
                                    .found = found};
    if (by) {
        finding.virt = by->virt;
        finding.entry_at = by->at;
        finding.entry = by->bits;
        if (code == CODE_AU_02)
            finding.part = audit_part_of(by);
    }
    audit_report(audit, &finding);
}

/* --- holders --- */

/* One frame more that `by` reaches. False: it has been reported. */
static bool hold_one(struct audit *audit, const struct audit_entry *by, pfn_t pfn,
                     u64 owners)
{
    struct frame *frame = frame_at(pfn);
    bool open = area_is_open(area_of(pfn));
    if (!open || frame_is_free(*frame)) {
        report_held(audit, CODE_AU_02, "a free frame is reachable", by, pfn, 0, 0, 1);
        return false;
    }
    if (frame_tally_of(*frame) < FRAME_TALLY_MAX)
        frame->word += FRAME_TALLY;
    enum frame_owner owner = frame_owner_of(*frame);
    if (owner < OWNER_COUNT && (owners & OWNER_BIT(owner)))
        return true;
    report_held(audit, CODE_AU_14, "an entry reaches a frame of another owner", by, pfn,
                owners, 0, owner);
    return false;
}

void audit_hold_frames(struct audit *audit, const struct audit_entry *by, pfn_t first,
                       u64 frames, u64 owners)
{
    if (!pfn_is_ram(first, frames)) {
        report_held(audit, CODE_AU_14, "an entry reaches outside RAM", by, first, 0, 0,
                    1);
        return;
    }
    for (u64 i = 0; i < frames; i++)
        if (!hold_one(audit, by, pfn_add(first, i), owners))
            return;
}

/* --- comparing --- */

/* Each frame of a block is held as often as the block, whose count is in its head. */
static u64 count_of(pfn_t pfn, struct frame frame)
{
    if (frame_state_of(frame) != FRAME_TAIL)
        return frame_count_of(frame);
    u64 block = 1UL << frame_order_of(frame);
    return frame_count_of(pmm_frame(pfn_make(ALIGN_DOWN(pfn.raw, block))));
}

static void count_check(struct audit *audit, pfn_t pfn, struct frame frame, u64 tally)
{
    u64 bit = OWNER_BIT(frame_owner_of(frame));
    u64 kept = (bit & HELD_SINCE_BOOT) || ((bit & HELD_OR_MAPPED) && tally == 0);
    u64 count = count_of(pfn, frame);
    struct audit_entry by;
    if (count == tally + kept && tally < FRAME_TALLY_MAX)
        return;
    u64 entries = audit_count_entries(pfn, &by);
    u64 found = MAX(entries, tally) + kept;
    if (count != found && count != FRAME_COUNT_MAX)
        report_held(audit, CODE_AU_01,
                    "a frame's count is not the number of its holders",
                    by.at.raw ? &by : NULL, pfn, 0, found, count);
}

static void zero_check(struct audit *audit, pfn_t pfn)
{
    const u64 *word = pfn_to_ptr(pfn);
    u64 any = 0;
    audit->sums.zeroes++;
    for (u32 i = 0; i < PAGE_BYTES / sizeof(*word); i += 8)
        any |= word[i] | word[i + 1] | word[i + 2] | word[i + 3] | word[i + 4] |
               word[i + 5] | word[i + 6] | word[i + 7];
    if (any == 0)
        return;
    for (u32 i = 0; i < PAGE_BYTES / sizeof(*word); i++)
        if (word[i] != 0) {
            report_frame(audit, CODE_AU_11, "a free frame was written", pfn, 0,
                         word[i]);
            return;
        }
}

struct frame_sums {
    u64 free, owned[OWNER_COUNT];
};

static void frame_check(struct audit *audit, pfn_t pfn, bool zeroes,
                        struct frame_sums *sums)
{
    struct frame *frame = frame_at(pfn);
    u64 tally = frame_tally_of(*frame);
    enum frame_state state = frame_state_of(*frame);
    enum frame_owner owner = frame_owner_of(*frame);
    frame->word &= ~(FRAME_TALLY * FRAME_TALLY_MAX);
    if (state == FRAME_ABSENT)
        return;
    audit->sums.frames++;
    if (frame_is_free(*frame)) {
        sums->free++;
        if (zeroes && state == FRAME_ZERO)
            zero_check(audit, pfn);
    } else if (owner == OWNER_NONE || owner >= OWNER_COUNT) {
        report_frame(audit, CODE_AU_12, "a used frame has no owner", pfn, OWNER_COUNT,
                     owner);
    } else {
        sums->owned[owner]++;
        count_check(audit, pfn, *frame, tally);
    }
}

/* Free and owned frames are all of RAM, and as many as the allocator says. */
static void sums_check(struct audit *audit, const struct frame_sums *sums,
                       u64 untouched)
{
    struct pmm_stats stats;
    u64 total = sums->free + untouched;
    pmm_stats_get(&stats);
    for (u32 i = 0; i < OWNER_COUNT; i++) {
        total += sums->owned[i];
        if (sums->owned[i] != stats.owned[i])
            audit_report(audit, &(struct audit_finding){.code = CODE_AU_12,
                                                        .what = frame_owner_name(
                                                            (enum frame_owner)i),
                                                        .expected = sums->owned[i],
                                                        .found = stats.owned[i]});
    }
    if (total != ram_bytes() >> PAGE_SHIFT || sums->free + untouched != stats.free)
        audit_report(audit, &(struct audit_finding){
                                .code = CODE_AU_12,
                                .what = "free and owned frames are not all of RAM",
                                .expected = ram_bytes() >> PAGE_SHIFT,
                                .found = total});
}

/* Whether the free frames of an area are read this time. quick_from: where the last
 * AUDIT_QUICK stopped; 0 once it came to the end. */
static u64 quick_from;

static bool area_is_read(const struct audit *audit, u64 area)
{
    return audit->depth == AUDIT_FULL ||
           (area >= quick_from && audit->sums.zeroes < QUICK_ZEROES);
}

static void area_check(struct audit *audit, u64 area, struct frame_sums *sums)
{
    bool zeroes = area_is_read(audit, area);
    audit->sums.areas++;
    for (u32 i = 0; i < AREA_FRAMES; i++)
        frame_check(audit, pfn_make((area << AREA_ORDER) + i), zeroes, sums);
}

void audit_check_frames(struct audit *audit)
{
    struct frame_sums sums;
    u64 untouched = 0, stopped = 0;
    memset(&sums, 0, sizeof(sums));
    for (u32 i = 0; i < area_span_count(); i++)
        for (u64 area = area_span_at(i)->first; area < area_span_at(i)->end; area++) {
            if (!area_is_open(area)) {
                untouched += *area_counter(area) & ~AREA_UNTOUCHED;
                continue;
            }
            if (area_is_read(audit, area))
                stopped = area + 1;
            area_check(audit, area, &sums);
        }
    if (audit->depth == AUDIT_QUICK)
        quick_from = audit->sums.zeroes >= QUICK_ZEROES ? stopped : 0;
    sums_check(audit, &sums, untouched);
}

u64 audit_open_areas(void)
{
    u64 open = 0;
    for (u32 i = 0; i < area_span_count(); i++)
        for (u64 area = area_span_at(i)->first; area < area_span_at(i)->end; area++)
            open += area_is_open(area);
    return open;
}
