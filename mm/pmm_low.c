/* SPDX-License-Identifier: MIT
 *
 * Frames below 1 MiB: reserved since boot, given by range and to whoever asks for a
 * place there. Their bits say taken for ever and no pool counts them: whose they are,
 * their words alone tell, under a lock.
 */
#include "kernel/base/atomic.h"
#include "kernel/base/string.h"
#include "mm/pmm_internal.h"
#include "mm/ram.h"

void pmm_loader_reclaim(void)
{
    for (u64 n = 1; n < LOADER_END_PHYS >> PAGE_SHIFT; n++) {
        struct frame *frame = frame_at(pfn_make(n));
        if (!ram_contains(pfn_to_phys(pfn_make(n)), PAGE_BYTES))
            continue;
        ASSERT(frame_owner_of(*frame) == OWNER_LOADER);
        frame_set(frame, frame_make(OWNER_LOW, FRAME_RESERVED, 0, 1));
        pmm.owned[OWNER_LOADER]--;
        pmm.owned[OWNER_LOW]++;
    }
}

static bool low_range_is(pfn_t first, u64 frames, struct frame expected)
{
    for (u64 i = 0; i < frames; i++)
        if ((pmm_frame(pfn_add(first, i)).word & ~FRAME_NODE_MASK) != expected.word)
            return false;
    return true;
}

static void low_range_set(pfn_t first, u64 frames, struct frame word)
{
    for (u64 i = 0; i < frames; i++)
        frame_set(frame_at(pfn_add(first, i)), word);
}

static enum status low_range_move(pfn_t first, u64 frames, struct frame from,
                                  struct frame to)
{
    u64 end = HIGH_MEMORY_PHYS >> PAGE_SHIFT;
    if (frames == 0 || first.raw == 0 || first.raw >= end || frames > end - first.raw)
        return STATUS_RANGE;
    u64 flags = spin_lock_irqsave(&pmm.low_lock);
    enum status status = low_range_is(first, frames, from) ? STATUS_OK : STATUS_BUSY;
    if (status == STATUS_OK) {
        low_range_set(first, frames, to);
        atomic_fetch_sub_u64(&pmm.owned[frame_owner_of(from)], frames);
        atomic_fetch_add_u64(&pmm.owned[frame_owner_of(to)], frames);
    }
    spin_unlock_irqrestore(&pmm.low_lock, flags);
    return status;
}

/* Owners that low frames can go to and come back from. */
static bool owner_may_hold_low(enum frame_owner owner)
{
    return (u32)owner < OWNER_COUNT && owner != OWNER_NONE && owner != OWNER_LOW &&
           owner != OWNER_FIRMWARE && owner != OWNER_LOADER;
}

enum status pmm_low_take(pfn_t first, u64 frames, enum frame_owner owner)
{
    if (!owner_may_hold_low(owner))
        return STATUS_INVALID;
    enum status status = low_range_move(first, frames,
                                        frame_make(OWNER_LOW, FRAME_RESERVED, 0, 1),
                                        frame_make(owner, FRAME_RESERVED, 0, 1));
    if (status == STATUS_OK)
        memset(pfn_to_ptr(first), 0, frames * PAGE_BYTES);
    return status;
}

enum status pmm_low_give(pfn_t first, u64 frames, enum frame_owner owner)
{
    if (!owner_may_hold_low(owner))
        return STATUS_INVALID;
    return low_range_move(first, frames, frame_make(owner, FRAME_RESERVED, 0, 1),
                          frame_make(OWNER_LOW, FRAME_RESERVED, 0, 1));
}
