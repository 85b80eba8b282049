/* SPDX-License-Identifier: MIT
 *
 * Streams of operations on the heap, each checked against the oracle, in the mode that
 * world_mode says.
 */
#ifndef PLINTH_TESTS_HOST_HEAP_MIXTURE_H
#define PLINTH_TESTS_HOST_HEAP_MIXTURE_H

#include "mm/heap.h"

struct heap_stats stats_now(void);

/* World and oracle. close_all frees all objects; everything must go back then, but for
 * what regions keep. */
void open_all(u64 frames);
void close_all(void);

/* What a caller does who looks at every result: some of everything. */
void scenario(void);

/* Random operations on at most `live` objects in a machine of `frames`. */
void mixture(u64 seed, u64 frames, u32 live, u32 steps);

#endif
