/* SPDX-License-Identifier: MIT
 *
 * Contiguous frames by request: any number, aligned, inside given borders; and blocks
 * of 1 GiB. Not a fast path: candidates are tried from the highest downwards, and each
 * frame in the way moves the next candidate below itself, so every word of bits is
 * looked at about once.
 *
 * A run is owned as the largest aligned blocks that make it up, so that nothing else in
 * the allocator needs to know that there are runs.
 */
#include "kernel/base/bits.h"
#include "mm/pmm_stack.h"
#include "mm/ram.h"

/* Another CPU may take a frame between the look and the claim. */
#define RUN_TRIES 16

/* The part of a run that lies in the area of its first frame. */
static u32 piece_in_area(pfn_t first, u64 frames)
{
    return (u32)MIN(frames, AREA_FRAMES - first.raw % AREA_FRAMES);
}

/* The order of the largest block that may start here. */
static u32 piece_order(pfn_t first, u64 frames)
{
    return MIN(MIN(bits_lowest(first.raw), bits_highest(frames)), (u32)FRAME_ORDER_MAX);
}

/* --- the search --- */

/* The lowest frame of a run, all of it RAM, that is in the way; false: none is. */
static bool run_blocked(pfn_t first, const struct pmm_request *request, u64 *at)
{
    for (u64 done = 0; done < request->frames;) {
        pfn_t pfn = pfn_add(first, done);
        u32 n = piece_in_area(pfn, request->frames - done);
        u32 blocked = area_blocked(pfn, n);
        if (request->node != PMM_NODE_ANY && request->node != area_node(area_of(pfn)))
            blocked = 0;
        *at = pfn.raw + blocked;
        if (blocked < n)
            return true;
        done += n;
    }
    return false;
}

/* The highest free run inside [low, end), all of it RAM. */
static bool run_find_below(const struct pmm_request *request, u64 low, u64 end,
                           pfn_t *out)
{
    while (end > low && end - low >= request->frames) {
        u64 first = ALIGN_DOWN(end - request->frames, request->align_frames);
        if (first < low)
            return false;
        *out = pfn_make(first);
        if (!run_blocked(*out, request, &end))
            return true;
    }
    return false;
}

static bool run_find(const struct pmm_request *request, u64 below, pfn_t *out)
{
    struct phys_range range;
    u32 count = 0;
    while (ram_range(count, &range))
        count++;
    while (count-- > 0) {
        (void)ram_range(count, &range);
        u64 low = MAX(range.base.raw, (u64)HIGH_MEMORY_PHYS) >> PAGE_SHIFT;
        u64 end = (range.base.raw + range.bytes) >> PAGE_SHIFT;
        if (run_find_below(request, MAX(low, request->low.raw), MIN(end, below), out))
            return true;
    }
    return false;
}

/* --- the claim --- */

static void run_give_bits(pfn_t first, u64 frames)
{
    for (u64 done = 0; done < frames;) {
        u32 n = piece_in_area(pfn_add(first, done), frames - done);
        tree_give_exact(pfn_add(first, done), n);
        done += n;
    }
}

/* Sets the bits of all frames, or of none. */
static bool run_take_bits(pfn_t first, u64 frames)
{
    for (u64 done = 0; done < frames;) {
        pfn_t pfn = pfn_add(first, done);
        u32 n = piece_in_area(pfn, frames - done);
        if (!tree_take_exact(pfn, n)) {
            run_give_bits(first, done);
            return false;
        }
        done += n;
    }
    return true;
}

/* Interrupts are off while an area is being opened: whoever allocates meanwhile waits
 * for it, and must not do so on this CPU. */
static void run_open(pfn_t first, u64 frames)
{
    for (u64 done = 0; done < frames;
         done += piece_in_area(pfn_add(first, done), frames - done)) {
        u64 flags = irq_save();
        (void)area_open(area_of(pfn_add(first, done)));
        irq_restore(flags);
    }
}

/* Charges the pool. What was promised may be covered by frames of the run: then others
 * are opened to cover it. */
static bool run_charge(u64 frames)
{
    u64 flags = irq_save();
    bool charged = unpromised_take(percpu_frames(), frames);
    irq_restore(flags);
    return charged;
}

/* Finds and claims; the words still say that the frames are free. */
static enum status run_claim(const struct pmm_request *request, pfn_t *out)
{
    u64 below = request->high.raw ? request->high.raw : ~0UL;
    for (u32 tries = 0; tries < RUN_TRIES; tries++) {
        if (!run_find(request, below, out))
            return STATUS_NO_MEMORY;
        run_open(*out, request->frames);
        if (!run_charge(request->frames))
            return STATUS_NO_MEMORY;
        if (run_take_bits(*out, request->frames))
            return STATUS_OK;
        atomic_fetch_add_u64(&pmm.unpromised, request->frames);
    }
    return STATUS_NO_MEMORY;
}

static enum status run_alloc(const struct pmm_request *request, pfn_t *out)
{
    u64 flags = irq_save();
    (void)stack_drain(percpu_frames());
    irq_restore(flags);
    return run_claim(request, out);
}

enum status pmm_run_alloc(const struct pmm_request *wanted, pfn_t *out)
{
    struct pmm_request request = *wanted;
    request.align_frames = MAX(request.align_frames, 1UL);
    if (request.frames == 0 || !bits_is_power_of_two(request.align_frames) ||
        !owner_is_valid(request.owner))
        return STATUS_INVALID;
    if (request.high.raw != 0 && request.low.raw >= request.high.raw)
        return STATUS_RANGE;
    if (request_fails())
        return STATUS_NO_MEMORY;
    enum status status = run_alloc(&request, out);
    if (status != STATUS_OK)
        return status;
    for (u64 done = 0; done < request.frames;) {
        pfn_t pfn = pfn_add(*out, done);
        u32 order = piece_order(pfn, request.frames - done);
        block_own(pfn, order, request.owner, CONTENTS_ZERO);
        done += 1UL << order;
    }
    return STATUS_OK;
}

enum status giant_alloc(enum frame_owner owner, enum contents contents, pfn_t *out)
{
    struct pmm_request request = {.frames = 1UL << FRAME_ORDER_GIANT,
                                  .align_frames = 1UL << FRAME_ORDER_GIANT,
                                  .node = PMM_NODE_ANY};
    enum status status = run_alloc(&request, out);
    if (status == STATUS_OK)
        block_own(*out, FRAME_ORDER_GIANT, owner, contents);
    return status;
}

/* --- release --- */

/* Takes the claims of a run's first frames back. */
static void run_unclaim(pfn_t first, u64 frames, u64 claimed, enum frame_owner owner)
{
    for (u64 done = 0; done < claimed;) {
        pfn_t pfn = pfn_add(first, done);
        u32 order = piece_order(pfn, frames - done);
        struct frame *frame = frame_at(pfn);
        atomic_store_u64(&frame->word,
                         (frame->word & FRAME_NODE_MASK) |
                             frame_make(owner, FRAME_USED, order, 1).word);
        done += 1UL << order;
    }
}

enum status pmm_run_free(pfn_t first, u64 frames, enum frame_owner owner)
{
    if (frames == 0 || frames > pmm.total || first.raw == 0)
        return pmm_refuse(first, 0, owner);
    for (u64 done = 0; done < frames;) {
        pfn_t pfn = pfn_add(first, done);
        u32 order = piece_order(pfn, frames - done);
        if (!block_claim(pfn, order, owner, FRAME_ZERO)) {
            run_unclaim(first, frames, done, owner);
            return pmm_refuse(pfn, order, owner);
        }
        done += 1UL << order;
    }
    for (u64 done = 0; done < frames;) {
        pfn_t pfn = pfn_add(first, done);
        u32 order = piece_order(pfn, frames - done);
        block_clear(pfn, order, owner, FRAME_ZERO);
        block_give(pfn, order, owner, &pmm.unpromised);
        done += 1UL << order;
    }
    return STATUS_OK;
}
