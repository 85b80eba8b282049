/* SPDX-License-Identifier: MIT
 *
 * Physical memory as a list: runs of neighbouring frames that have one owner.
 *
 * Context: any that may read the frame table; what changes meanwhile is seen half.
 * Cost: one step a frame of an open area, one step for an area that nobody used.
 */
#ifndef PLINTH_MM_FRAME_RUNS_H
#define PLINTH_MM_FRAME_RUNS_H

#include "mm/frame.h"

struct frame_run {
    pfn_t first;
    u64 frames;
    enum frame_owner owner; /* OWNER_NONE: free */
};

/* The first run of RAM at or above `from`, which may begin inside it; false when there is
 * none. Go on at first + frames. */
bool frame_run_next(pfn_t from, struct frame_run *out);

#endif
