/* SPDX-License-Identifier: MIT */
#include "mm/frame_runs.h"

#include "mm/frame_table.h"
#include "mm/pmm_internal.h"
#include "mm/ram.h"

/* How far one look reaches: what the frame is, and how many frames from it on are known
 * to be the same. An area that nobody used is one look. */
static u64 look(u64 pfn, u64 end, enum frame_owner *owner)
{
    if (*area_counter(pfn >> AREA_ORDER) & AREA_UNTOUCHED) {
        *owner = OWNER_NONE;
        return MIN(end, ALIGN_DOWN(pfn, AREA_FRAMES) + AREA_FRAMES) - pfn;
    }
    struct frame frame = *frame_at(pfn_make(pfn));
    *owner = frame_is_free(frame) ? OWNER_NONE : frame_owner_of(frame);
    return 1;
}

bool frame_run_next(pfn_t from, struct frame_run *out)
{
    struct phys_range range;
    u64 first = 0, end = 0;
    for (u32 i = 0; ram_range(i, &range); i++) {
        first = MAX(from.raw, phys_to_pfn(range.base).raw);
        end = phys_to_pfn(phys_add(range.base, range.bytes)).raw;
        if (first < end)
            break;
    }
    if (first >= end)
        return false;
    enum frame_owner owner;
    u64 next = first + look(first, end, &out->owner);
    while (next < end) {
        u64 reach = look(next, end, &owner);
        if (owner != out->owner)
            break;
        next += reach;
    }
    out->first = pfn_make(first);
    out->frames = next - first;
    return true;
}
