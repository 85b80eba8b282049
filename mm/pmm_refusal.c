/* SPDX-License-Identifier: MIT
 *
 * What is wrong with a free that is refused: decided from the frame's word, told by a
 * code of its own.
 */
#include "kernel/base/atomic.h"
#include "kernel/base/refusal.h"
#include "mm/pmm_internal.h"
#include "mm/ram.h"

/* The head of the block that a tail belongs to: blocks are aligned to their size. */
static pfn_t head_of(pfn_t pfn, struct frame tail)
{
    return pfn_make(ALIGN_DOWN(pfn.raw, 1UL << frame_order_of(tail)));
}

static void explain_inside(pfn_t pfn, struct frame frame)
{
    pfn_t head = head_of(pfn, frame);

    refusal_note(CODE_FR_07,
                 "frame P:%#lx cannot be freed: it is inside the block of order %u at "
                 "P:%#lx; expected its first frame",
                 pfn.raw << PAGE_SHIFT, frame_order_of(frame), head.raw << PAGE_SHIFT);
}

static void explain_used(pfn_t pfn, u32 order, enum frame_owner owner,
                         struct frame frame)
{
    u64 phys = pfn.raw << PAGE_SHIFT;

    if (frame_owner_of(frame) != owner)
        refusal_note(CODE_FR_05,
                     "frame P:%#lx is freed as owner %s, but it belongs to %s", phys,
                     frame_owner_name(owner), frame_owner_name(frame_owner_of(frame)));
    else if (frame_order_of(frame) != order)
        refusal_note(CODE_FR_06,
                     "frame P:%#lx of %s is freed with order %u, but it was given with "
                     "order %u",
                     phys, frame_owner_name(owner), order, frame_order_of(frame));
    else
        refusal_note(CODE_FR_06,
                     "frame P:%#lx of %s is freed with order %u while %u still hold it",
                     phys, frame_owner_name(owner), order, frame_count_of(frame));
}

enum status pmm_refuse(pfn_t pfn, u32 order, enum frame_owner owner)
{
    struct frame frame = pmm_frame(pfn);
    u64 phys = pfn.raw << PAGE_SHIFT;

    atomic_fetch_add_u64(&pmm.refused, 1);
    switch (frame_state_of(frame)) {
    case FRAME_NEW:
    case FRAME_ZERO:
        refusal_note(CODE_FR_04,
                     "frame P:%#lx is free already: freed twice, or never given; owner "
                     "named %s, order %u",
                     phys, frame_owner_name(owner), order);
        break;
    case FRAME_USED:
        explain_used(pfn, order, owner, frame);
        break;
    case FRAME_TAIL:
        explain_inside(pfn, frame);
        break;
    case FRAME_RESERVED:
        refusal_note(CODE_FR_05,
                     "frame P:%#lx is freed as owner %s, but it is reserved by %s",
                     phys, frame_owner_name(owner),
                     frame_owner_name(frame_owner_of(frame)));
        break;
    case FRAME_ABSENT:
        refusal_note(CODE_FR_07, "frame P:%#lx cannot be freed: it is not RAM", phys);
        break;
    }
    return STATUS_INVALID;
}
