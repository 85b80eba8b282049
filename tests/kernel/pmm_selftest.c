/* SPDX-License-Identifier: MIT
 *
 * The frame allocator in the live machine.
 */
#include "kernel/base/string.h"
#include "kernel/early/handover.h"
#include "mm/frame_table.h"
#include "mm/heap.h"
#include "mm/page_ops.h"
#include "mm/page_table.h"
#include "mm/pmm.h"
#include "mm/pmm_stack.h"
#include "mm/ram.h"
#include "tests/kernel/cases.h"

static u64 free_frames(void)
{
    struct pmm_stats stats;
    pmm_stats_get(&stats);
    return stats.free;
}

static u64 refused_frees(void)
{
    struct pmm_stats stats;
    pmm_stats_get(&stats);
    return stats.refused;
}

void test_frames_exact(struct selftest *t)
{
    struct pmm_stats stats;
    u64 sum = 0;
    pmm_verify(); /* panics on a difference */
    pmm_stats_get(&stats);
    for (u32 i = 0; i < OWNER_COUNT; i++)
        sum += stats.owned[i];
    CHECK_EQUAL(t, sum + stats.free, stats.total);
    CHECK_EQUAL(t, stats.total, ram_bytes() / PAGE_BYTES);
    CHECK_EQUAL(t, stats.owned[OWNER_IMAGE], handover.info.kernel_bytes / PAGE_BYTES);
}

static bool block_is_free(u64 first, u32 order)
{
    for (u64 pfn = first; pfn < first + (1UL << order); pfn++) {
        enum frame_state state = frame_state_of(pmm_frame(pfn_make(pfn)));
        if (state != FRAME_NEW && state != FRAME_ZERO)
            return false;
    }
    return true;
}

/* Frame by frame, not by the allocator's word. Frames below 1 MiB are not given. */
static bool free_block_exists(u32 order)
{
    struct phys_range range;
    u64 step = 1UL << order;
    for (u32 i = 0; ram_range(i, &range); i++) {
        u64 base = MAX(range.base.raw, (u64)HIGH_MEMORY_PHYS);
        u64 end = (range.base.raw + range.bytes) >> PAGE_SHIFT;
        for (u64 pfn = ALIGN_UP(base >> PAGE_SHIFT, step); pfn + step <= end;
             pfn += step)
            if (block_is_free(pfn, order))
                return true;
    }
    return false;
}

void test_frames_orders(struct selftest *t)
{
    pfn_t block[FRAME_ORDER_MAX + 1];
    u64 before = free_frames();
    u32 top = 0;
    /* RAM in small pieces has no large blocks: then the orders stop where RAM does. */
    for (u32 order = 0; order <= FRAME_ORDER_MAX; order++) {
        enum status status = pmm_alloc(order, OWNER_TEST, &block[order]);
        if (status == STATUS_NO_MEMORY && !free_block_exists(order))
            break;
        CHECK_EQUAL(t, status, STATUS_OK);
        if (status != STATUS_OK)
            break;
        top = order + 1;
        CHECK(t, IS_ALIGNED(block[order].raw, 1UL << order));
        struct frame head = pmm_frame(block[order]);
        CHECK_EQUAL(t, frame_state_of(head), FRAME_USED);
        CHECK_EQUAL(t, frame_owner_of(head), OWNER_TEST);
        CHECK_EQUAL(t, frame_order_of(head), order);
        CHECK_EQUAL(t, frame_count_of(head), 1);
        if (order != 0)
            CHECK_EQUAL(t, frame_state_of(pmm_frame(pfn_add(block[order], 1))),
                        FRAME_TAIL);
    }
    CHECK(t, top > 0);
    CHECK_EQUAL(t, before - free_frames(), (1UL << top) - 1);
    for (u32 order = 0; order < top; order++)
        CHECK_EQUAL(t, pmm_free(block[order], order, OWNER_TEST), STATUS_OK);
    CHECK_EQUAL(t, free_frames(), before);
}

static bool frame_is_zero(pfn_t pfn)
{
    return page_is_zero(pfn_to_ptr(pfn));
}

void test_frames_zeroed(struct selftest *t)
{
    pfn_t pfn, again;
    struct pmm_stats stats;
    pmm_stats_get(&stats);
    for (u32 round = 0; round < 4; round++) {
        CHECK_EQUAL(t, pmm_alloc(2, OWNER_TEST, &pfn), STATUS_OK);
        for (u32 i = 0; i < 4; i++)
            CHECK(t, frame_is_zero(pfn_add(pfn, i)));
        memset(pfn_to_ptr(pfn), 0xA5, 4 * PAGE_BYTES);
        CHECK_EQUAL(t, pmm_free(pfn, 2, OWNER_TEST), STATUS_OK);
        CHECK(t,
              frame_is_zero(
                  pfn)); /* zeroed when it is freed, not when it is asked for again */
        CHECK_EQUAL(t, frame_state_of(pmm_frame(pfn)), FRAME_ZERO);
    }
    /* Released without zeroing, a frame counts as NEW and is zeroed for its next owner.
     */
    CHECK_EQUAL(t, pmm_alloc_raw(0, OWNER_TEST, &pfn), STATUS_OK);
    memset(pfn_to_ptr(pfn), 0x5A, PAGE_BYTES);
    CHECK_EQUAL(t, pmm_free_raw(pfn, 0, OWNER_TEST), STATUS_OK);
    CHECK_EQUAL(t, frame_state_of(pmm_frame(pfn)), FRAME_NEW);
    CHECK_EQUAL(t, pmm_alloc(0, OWNER_TEST, &again), STATUS_OK);
    if (stats.colours == 0)
        CHECK_EQUAL(t, again.raw, pfn.raw);
    CHECK(t, frame_is_zero(again));
    CHECK_EQUAL(t, pmm_free(again, 0, OWNER_TEST), STATUS_OK);
}

void test_frames_refuse(struct selftest *t)
{
    pfn_t pfn, none;
    CHECK_EQUAL(t, pmm_alloc(FRAME_ORDER_MAX + 1, OWNER_TEST, &none), STATUS_INVALID);
    CHECK_EQUAL(t, pmm_alloc(0, OWNER_NONE, &none), STATUS_INVALID);
    CHECK_EQUAL(t, pmm_alloc(0, OWNER_COUNT, &none), STATUS_INVALID);

    u64 refused = refused_frees(), before = free_frames();
    CHECK_EQUAL(t, pmm_alloc(3, OWNER_TEST, &pfn), STATUS_OK);
    CHECK_EQUAL(t, pmm_free(pfn, 2, OWNER_TEST), STATUS_INVALID); /* wrong order */
    CHECK_EQUAL(t, pmm_free(pfn, 4, OWNER_TEST), STATUS_INVALID);
    CHECK_EQUAL(t, pmm_free(pfn, 3, OWNER_HEAP), STATUS_INVALID); /* wrong owner */
    CHECK_EQUAL(t, pmm_free(pfn_add(pfn, 1), 0, OWNER_TEST),
                STATUS_INVALID); /* inside */
    CHECK_EQUAL(t, pmm_free(pfn_add(pfn, 1), 3, OWNER_TEST),
                STATUS_INVALID); /* unaligned */
    CHECK_EQUAL(t, pmm_free(pfn, 3, OWNER_TEST), STATUS_OK);
    CHECK_EQUAL(t, pmm_free(pfn, 3, OWNER_TEST), STATUS_INVALID); /* double */
    CHECK_EQUAL(t, pmm_free(pfn_make(0), 0, OWNER_TEST), STATUS_INVALID);
    CHECK_EQUAL(t, pmm_free(phys_to_pfn(phys_make(0xB8000)), 0, OWNER_TEST),
                STATUS_INVALID);
    CHECK_EQUAL(
        t, pmm_free(phys_to_pfn(phys_make(handover.info.kernel_phys)), 0, OWNER_IMAGE),
        STATUS_INVALID);
    CHECK_EQUAL(t, pmm_free(pfn_make(1UL << 50), 0, OWNER_TEST), STATUS_INVALID);
    CHECK_EQUAL(t, pmm_free(pfn_make((1UL << 52) + 8192), 0, OWNER_TEST),
                STATUS_INVALID);
    CHECK_EQUAL(t, frame_state_of(pmm_frame(pfn_make((1UL << 52) + 8192))),
                FRAME_ABSENT);
    CHECK_EQUAL(t, refused_frees() - refused, 11);
    CHECK_EQUAL(t, free_frames(), before);
    pmm_verify();
}

void test_frames_low(struct selftest *t)
{
    pfn_t first = pfn_make(16);
    CHECK_EQUAL(t, pmm_low_take(pfn_make(0), 1, OWNER_TEST), STATUS_RANGE);
    CHECK_EQUAL(t, pmm_low_take(pfn_make(1), 0, OWNER_TEST), STATUS_RANGE);
    CHECK_EQUAL(t, pmm_low_take(pfn_make(255), 2, OWNER_TEST), STATUS_RANGE);
    CHECK_EQUAL(t, pmm_low_take(pfn_make(0x9F), 2, OWNER_TEST),
                STATUS_BUSY); /* VGA is not RAM */
    CHECK_EQUAL(t, pmm_low_take(first, 4, OWNER_LOW), STATUS_INVALID);
    CHECK_EQUAL(t, pmm_low_take(first, 4, OWNER_COUNT), STATUS_INVALID);
    CHECK_EQUAL(t, pmm_low_give(first, 4, OWNER_LOADER), STATUS_INVALID);
    CHECK_EQUAL(t, pmm_low_take(first, 4, OWNER_TEST), STATUS_OK);
    CHECK(t, frame_is_zero(first));
    CHECK_EQUAL(t, pmm_low_take(pfn_add(first, 3), 1, OWNER_TEST), STATUS_BUSY);
    CHECK_EQUAL(t, pmm_low_give(first, 4, OWNER_HEAP), STATUS_BUSY);
    CHECK_EQUAL(t, pmm_low_give(first, 4, OWNER_TEST), STATUS_OK);
    pmm_verify();
}

void test_frames_promises(struct selftest *t)
{
    struct pmm_stats before, now;
    pmm_stats_get(&before);
    CHECK_EQUAL(t, pmm_promise(before.free - before.promised + 1), STATUS_NO_MEMORY);
    pmm_stats_get(&now);
    CHECK_EQUAL(t, now.untouched,
                before.untouched); /* refused without opening an area */
    CHECK_EQUAL(t, pmm_promise(100), STATUS_OK);
    pmm_stats_get(&now);
    CHECK_EQUAL(t, now.promised - before.promised, 100);
    CHECK_EQUAL(t, now.free, before.free);
    pfn_t pfn;
    CHECK(t, pmm_take_promised(OWNER_TEST, &pfn));
    CHECK(t, frame_is_zero(pfn));
    CHECK_EQUAL(t, pmm_free_to_promise(pfn, OWNER_TEST), STATUS_OK);
    pmm_stats_get(&now);
    CHECK_EQUAL(t, now.promised - before.promised, 100);
    pmm_promise_return(100);
    pmm_stats_get(&now);
    CHECK_EQUAL(t, now.promised, before.promised);
    CHECK_EQUAL(t, now.free, before.free);
    pmm_verify();
}

/* Where the frame number goes may itself be heap memory without a frame: the page fault
 * takes one in the middle of the allocation, and it must be another. */
static void out_faults(struct selftest *t, u32 order, bool raw, bool from_areas)
{
    struct heap_stats before, now;
    phys_t behind;
    pfn_t *out = heap_alloc(4 * PAGE_BYTES);
    CHECK(t, out != NULL);
    u64 flags = irq_save();
    if (from_areas)
        (void)stack_drain(percpu_frames());
    irq_restore(flags);
    heap_stats_get(&before);
    CHECK_EQUAL(t,
                raw ? pmm_alloc_raw(order, OWNER_TEST, out)
                    : pmm_alloc(order, OWNER_TEST, out),
                STATUS_OK);
    heap_stats_get(&now);
    CHECK_EQUAL(t, now.faults - before.faults, 1);
    CHECK_EQUAL(t, page_table_phys_of(virt_of(out), &behind), STATUS_OK);
    CHECK(t, phys_to_pfn(behind).raw != out->raw);
    CHECK_EQUAL(t, frame_owner_of(pmm_frame(phys_to_pfn(behind))), OWNER_HEAP);
    CHECK_EQUAL(t, frame_owner_of(pmm_frame(*out)), OWNER_TEST);
    CHECK_EQUAL(t, pmm_free(*out, order, OWNER_TEST), STATUS_OK);
    heap_free(out);
    pmm_verify();
}

void test_frames_out_faults(struct selftest *t)
{
    for (u32 i = 0; i < 4; i++)
        out_faults(t, 0, i & 1, i & 2);
    out_faults(t, 3, false, true);
}

/* Colour by colour, whatever is on the stack: needs a boot with colour=N. */
void test_frames_colours(struct selftest *t)
{
    static pfn_t taken[8 * PMM_COLOURS_MAX];
    struct pmm_stats before, after;
    pmm_stats_get(&before);
    if (before.colours == 0) {
        selftest_skip(t, "colour=N is not set");
        return;
    }
    for (u64 i = 0; i < 8 * before.colours; i++)
        CHECK_EQUAL(t, pmm_alloc(0, OWNER_TEST, &taken[i]), STATUS_OK);
    pmm_stats_get(&after);
    if (after.colour_missed == before.colour_missed)
        for (u64 i = 1; i < 8 * before.colours; i++)
            CHECK_EQUAL(t, taken[i].raw % before.colours,
                        (taken[i - 1].raw + 1) % before.colours);
    else /* memory this small may lack a colour; then the allocator says so */
        CHECK(t, before.total < MIB(32) / PAGE_BYTES);
    selftest_note("%lu colours in turn, %lu missed", before.colours,
                  after.colour_missed);
    for (u64 i = 0; i < 8 * before.colours; i++)
        CHECK_EQUAL(t, pmm_free(taken[i], 0, OWNER_TEST), STATUS_OK);
    pmm_verify();
}

/* Runs of any length and place, and a block of 1 GiB where there is one. */
void test_frames_runs(struct selftest *t)
{
    struct pmm_stats before, now;
    pfn_t run, none;
    pmm_stats_get(&before);
    struct pmm_request request = {.frames = 77,
                                  .align_frames = 16,
                                  .low = pfn_make(0x200),
                                  .high = pfn_make(0x100000),
                                  .node = 0,
                                  .owner = OWNER_TEST};
    CHECK_EQUAL(t, pmm_run_alloc(&request, &run), STATUS_OK);
    CHECK(t, IS_ALIGNED(run.raw, 16UL) && run.raw >= 0x200 && run.raw + 77 <= 0x100000);
    for (u32 i = 0; i < 77; i++)
        CHECK(t, frame_is_zero(pfn_add(run, i)) &&
                     frame_owner_of(pmm_frame(pfn_add(run, i))) == OWNER_TEST);
    pmm_stats_get(&now);
    CHECK_EQUAL(t, before.free - now.free, 77);
    CHECK_EQUAL(t, pmm_run_free(run, 70, OWNER_TEST), STATUS_INVALID);
    CHECK_EQUAL(t, pmm_run_free(pfn_add(run, 1), 76, OWNER_TEST), STATUS_INVALID);
    CHECK_EQUAL(t, pmm_run_free(run, 77, OWNER_HEAP), STATUS_INVALID);
    CHECK_EQUAL(t, pmm_run_free(run, 77, OWNER_TEST), STATUS_OK);
    CHECK_EQUAL(t, pmm_run_free(run, 77, OWNER_TEST), STATUS_INVALID);
    request.frames = 0;
    CHECK_EQUAL(t, pmm_run_alloc(&request, &none), STATUS_INVALID);
    request.frames = before.total + 1;
    CHECK_EQUAL(t, pmm_run_alloc(&request, &none), STATUS_NO_MEMORY);
    request.frames = 1;
    request.align_frames = 3;
    CHECK_EQUAL(t, pmm_run_alloc(&request, &none), STATUS_INVALID);
    request.align_frames = 1;
    request.node = 1; /* there is only node 0 */
    CHECK_EQUAL(t, pmm_run_alloc(&request, &none), STATUS_NO_MEMORY);
    request.low = request.high;
    CHECK_EQUAL(t, pmm_run_alloc(&request, &none), STATUS_RANGE);
    pmm_stats_get(&now);
    CHECK_EQUAL(t, now.free, before.free);
    pmm_verify();
}

void test_frames_giant(struct selftest *t)
{
    pfn_t pfn;
    struct pmm_stats before, now;
    pmm_stats_get(&before);
    CHECK_EQUAL(t, pmm_alloc_raw(FRAME_ORDER_MAX + 1, OWNER_TEST, &pfn),
                STATUS_INVALID);
    enum status status = pmm_alloc_raw(FRAME_ORDER_GIANT, OWNER_TEST, &pfn);
    if (status == STATUS_NO_MEMORY && !free_block_exists(FRAME_ORDER_GIANT)) {
        selftest_skip(t, "no free GiB that is aligned");
        return;
    }
    CHECK_EQUAL(t, status, STATUS_OK);
    if (status != STATUS_OK)
        return;
    CHECK(t, IS_ALIGNED(pfn.raw, 1UL << FRAME_ORDER_GIANT));
    CHECK(t, ram_contains(pfn_to_phys(pfn), GIB(1)));
    CHECK_EQUAL(t, frame_order_of(pmm_frame(pfn)), FRAME_ORDER_GIANT);
    pmm_stats_get(&now);
    CHECK_EQUAL(t, before.free - now.free, 1UL << FRAME_ORDER_GIANT);
    CHECK_EQUAL(t, pmm_free_raw(pfn, FRAME_ORDER_MAX, OWNER_TEST), STATUS_INVALID);
    CHECK_EQUAL(t, pmm_free_raw(pfn, FRAME_ORDER_GIANT, OWNER_TEST), STATUS_OK);
    pmm_stats_get(&now);
    CHECK_EQUAL(t, now.free, before.free);
    pmm_verify();
}

/* Arrays beside RAM: 8 bytes of words, 1/8 of bits, and a little; rounding to pages is
 * more than that only in small machines. */
void test_frames_metadata(struct selftest *t)
{
    struct pmm_stats stats;
    pmm_stats_get(&stats);
    u64 bytes = stats.metadata * PAGE_BYTES;
    selftest_note("frame metadata %lu bytes for %lu frames: %lu.%03lu each", bytes,
                  stats.total, bytes / stats.total, bytes * 1000 / stats.total % 1000);
    /* Every area with RAM in it has its words, and every span ends in parts of pages.
     */
    u64 areas = 0, spans = area_span_count();
    for (u32 i = 0; i < spans; i++)
        areas += area_span_at(i)->end - area_span_at(i)->first;
    u64 most = areas * (PAGE_BYTES + 64 + 2 + 2) + spans * 3 * 2 * PAGE_BYTES;
    CHECK(t, bytes <= most);
    bool solid = stats.total >= MIB(500) / PAGE_BYTES &&
                 areas * AREA_FRAMES - stats.total < stats.total / 256;
    CHECK(t, !solid || bytes * 10 <= stats.total * 82);
}

/* Every way that may be chosen does the same, and nothing beside its page. */
static void page_way_check(struct selftest *t, enum page_way way, u64 *const page[4])
{
    for (u64 i = 0; i < 4 * PAGE_BYTES / 8; i++)
        page[0][i] = i * 0x0101010101010101UL + 1;
    page_op_run(PAGE_COPY, way, page[1], page[2], PAGE_BYTES);
    CHECK(t, memcmp(page[1], page[2], PAGE_BYTES) == 0);
    page_op_run(PAGE_ZERO, way, page[2], NULL, PAGE_BYTES);
    for (u32 i = 0; i < PAGE_BYTES / 8; i++)
        if (page[2][i] != 0)
            selftest_fail(t, __FILE__, __LINE__, "word %u by %s is not zero", i,
                          page_way_name(PAGE_ZERO, way));
    CHECK_EQUAL(t, page[0][511], 511 * 0x0101010101010101UL + 1);
    CHECK_EQUAL(t, page[1][0], 1024 * 0x0101010101010101UL + 1);
    CHECK_EQUAL(t, page[3][0], 1536 * 0x0101010101010101UL + 1);
}

/* The ways that were chosen, and the look at the result: it sees every word. */
static void page_chosen_check(struct selftest *t, u64 *const page[4])
{
    for (u64 i = 0; i < 2 * PAGE_BYTES / 8; i++)
        page[0][i] = ~i;
    page_copy(page[2], page[0], PAGE_BYTES);
    page_copy_cold(page[3], page[1], PAGE_BYTES);
    CHECK(t, memcmp(page[2], page[0], 2 * PAGE_BYTES) == 0);
    page_zero(page[2], PAGE_BYTES);
    page_zero_cold(page[3], PAGE_BYTES);
    for (u32 i = 0; i < PAGE_BYTES / 8; i++) {
        CHECK(t, page_is_zero(page[2]) && page_is_zero(page[3]));
        page[2][i] = 1UL << i % 64;
        CHECK(t, !page_is_zero(page[2]));
        page[2][i] = 0;
    }
}

void test_page_ops(struct selftest *t)
{
    pfn_t block;
    u64 *page[4];
    CHECK_EQUAL(t, pmm_alloc(2, OWNER_TEST, &block), STATUS_OK);
    for (u32 i = 0; i < 4; i++)
        page[i] = pfn_to_ptr(pfn_add(block, i));
    for (u32 way = 0; way < WAY_COUNT; way++)
        page_way_check(t, way, page);
    page_chosen_check(t, page);
    CHECK_EQUAL(t, pmm_free(block, 2, OWNER_TEST), STATUS_OK);
    for (u32 op = 0; op < PAGE_OP_COUNT; op++)
        CHECK(t, page_ops_chosen(op, PAGE_WARM) != WAY_PAST_CACHE);
}

/* --- all frames --- */

/* Beyond this much the machine's own memory would be used up by frame words alone. */
#define ALL_FRAMES_MAX (GIB(64) >> PAGE_SHIFT)

static bool overlaps(u64 base, u64 bytes, u64 with, u64 with_bytes)
{
    return base < with + with_bytes && with < base + bytes;
}

/* What no frame may ever be taken from: said by the handover, not by the allocator. */
static bool block_is_forbidden(u64 base, u64 bytes)
{
    const struct boot_info *info = &handover.info;
    if (base < HIGH_MEMORY_PHYS ||
        overlaps(base, bytes, RECORDER_PHYS, RECORDER_BYTES) ||
        overlaps(base, bytes, info->kernel_phys,
                 info->payload_end - info->kernel_phys) ||
        !ram_contains(phys_make(base), bytes))
        return true;
    for (u32 i = 0; i < handover.use_count; i++)
        if (overlaps(base, bytes, handover.uses[i].phys,
                     handover.uses[i].frames * PAGE_BYTES))
            return true;
    return false;
}

static u64 blocks_take(struct selftest *t, u32 order)
{
    pfn_t pfn;
    u64 frames = 0;
    while (frames < ALL_FRAMES_MAX &&
           pmm_alloc_raw(order, OWNER_TEST, &pfn) == STATUS_OK) {
        frames += 1UL << order;
        if (block_is_forbidden(pfn_to_phys(pfn).raw, (u64)PAGE_BYTES << order)) {
            selftest_fail(t, __FILE__, __LINE__,
                          "order %u block at P:%#lx is not free memory", order,
                          pfn_to_phys(pfn).raw);
            return frames;
        }
    }
    return frames;
}

/* Frees every block that belongs to OWNER_TEST, found through the frame table. */
static u64 blocks_give(struct selftest *t)
{
    u64 frames = 0;
    for (u32 i = 0; i < area_span_count(); i++) {
        u64 pfn = area_span_at(i)->first << AREA_ORDER,
            end = area_span_at(i)->end << AREA_ORDER;
        while (pfn < end) {
            u64 step = 1;
            if (*area_counter(pfn >> AREA_ORDER) == (AREA_UNTOUCHED | AREA_FRAMES)) {
                step = AREA_FRAMES; /* never opened */
            } else {
                struct frame frame = *frame_at(pfn_make(pfn));
                if (frame_owner_of(frame) == OWNER_TEST &&
                    frame_state_of(frame) == FRAME_USED) {
                    step = 1UL << frame_order_of(frame);
                    CHECK_EQUAL(t,
                                pmm_free_raw(pfn_make(pfn), frame_order_of(frame),
                                             OWNER_TEST),
                                STATUS_OK);
                    frames += step;
                }
            }
            pfn += step;
        }
    }
    return frames;
}

void test_frames_all(struct selftest *t)
{
    struct pmm_stats before, now;
    u64 taken = 0;
    pmm_stats_get(&before);
    for (u32 order = FRAME_ORDER_MAX + 1; order-- > 0 && taken < ALL_FRAMES_MAX;)
        taken += blocks_take(t, order);
    pmm_stats_get(&now);
    CHECK_EQUAL(t, before.free - now.free, taken);
    if (taken < ALL_FRAMES_MAX)
        CHECK_EQUAL(t, now.free,
                    now.promised); /* not one frame is left but what was promised */
    u64 given = blocks_give(t);
    CHECK_EQUAL(t, given, taken);
    selftest_note("took and gave back %lu frames of %lu", taken, before.free);
    pmm_stats_get(&now);
    CHECK_EQUAL(t, now.free, before.free);
    CHECK_EQUAL(t, now.owned[OWNER_TEST], 0);
    pmm_verify();
}
