/* SPDX-License-Identifier: MIT
 *
 * What the frame allocator is measured against: a bitmap that is scanned from where the
 * last search ended, and a buddy with free lists, as textbooks have them. Written for
 * the bench only: 2^RIVAL_FRAMES_LOG frames from number 0, orders 0..9, one lock each.
 */
#ifndef PLINTH_TESTS_BENCH_FRAME_RIVALS_H
#define PLINTH_TESTS_BENCH_FRAME_RIVALS_H

#include "kernel/base/types.h"

#define RIVAL_FRAMES_LOG 20 /* 4 GiB */
#define RIVAL_FRAMES     (1UL << RIVAL_FRAMES_LOG)
#define RIVAL_ORDER_MAX  9
#define RIVAL_NONE       (~0UL)

/* A frame allocator as the bench sees it. */
struct rival {
    const char *name;
    void (*open)(void);
    u64 (*alloc)(u32 order); /* RIVAL_NONE: no memory */
    void (*free)(u64 frame, u32 order);
    u64 (*whole_areas)(void); /* free, aligned 2 MiB blocks */
};

extern const struct rival rival_bitmap, rival_buddy;

#endif
