/* SPDX-License-Identifier: MIT
 *
 * The frame allocator.
 *
 *   clean map -> trees of 64 MiB (32 areas), each held by one CPU at a time
 *             -> areas of 2 MiB (512 frames):
 *                one counter (u16), 512 bits, 512 struct frame
 *
 *   FRAME_TABLE_BASE  struct frame by frame number; the 4 KiB page of one area
 *   + 128 GiB         bit-field, 64 bytes an area: 1 = taken
 *   + 192 GiB         counter, 2 bytes an area: free frames, and UNTOUCHED
 *   + 224 GiB         tree, a cache line each
 *
 * Only places that describe RAM are backed by frames. An area's bits and words are not
 * written before the area is first used: until then its counter says UNTOUCHED, so boot
 * does not pay for memory nobody asked for. Areas are opened from the highest RAM
 * downwards, low memory last, and the fullest are used first, so that whole areas last.
 *
 * Single frames go over a small stack of each CPU, last in first out, with interrupts
 * off; it is filled from a 64-bit word of an area at a time (mm/pmm_stack.h).
 *
 * Two pools make one promise. `unpromised` counts free frames of open areas that nobody
 * was promised; the heap's commit takes from it before any page is touched, so that the
 * page fault, which takes a promised frame, cannot fail, opens no area and takes no
 * lock. Frames on the CPUs' stacks are in neither pool.
 *
 * Owns:     every frame of RAM: owner, state, exact counts per owner.
 * Does not: sleep, touch the heap, map anything after pmm_init.
 * Locking:  none but for frames below 1 MiB: bits, counters and words change by
 *           compare-and-swap, and a CPU's own part is used with interrupts off.
 * Context:  any but NMI, #MC, #DF and the fatal path.
 * Contents: every frame given out is zero. NEW frames are zeroed on allocation, freed
 *           ones when they are freed.
 * Refuses:  double frees, frees by another owner, of another order, unaligned, of what
 *           is not RAM: STATUS_INVALID, counted in pmm_stats.refused, state unchanged.
 */
#ifndef PLINTH_MM_PMM_H
#define PLINTH_MM_PMM_H

#include "kernel/base/status.h"
#include "mm/frame.h"

struct percpu;

/* Frames that early code used, for pmm_init. */
struct pmm_use {
    phys_t base;
    u64 frames;
    enum frame_owner owner;
};

struct pmm_stats {
    u64 total;         /* frames of RAM */
    u64 free;          /* allocatable by pmm_alloc, promised ones included */
    u64 promised;      /* of them, promised to the heap */
    u64 untouched;     /* of them, in areas not opened yet */
    u64 stacked;       /* of them, on the stacks of the CPUs */
    u64 refused;       /* frees that were refused */
    u64 colours;       /* 0: off */
    u64 colour_missed; /* frames given out of another colour than was wanted */
    u64 metadata;      /* frames of the frame table and its bits, without page tables */
    u64 owned[OWNER_COUNT];
};

#define PMM_COLOURS_MAX 32
#define PMM_NODE_ANY    (~0u)

/* Contiguous frames. Zero means "no matter" where that makes sense. */
struct pmm_request {
    u64 frames;
    u64 align_frames; /* a power of two; the first frame's number is a multiple of it */
    pfn_t low;        /* all frames lie in [low, high), never below 1 MiB */
    pfn_t high;
    u32 node; /* or PMM_NODE_ANY */
    enum frame_owner owner;
};

/* Before pmm_init. colours: single frames are handed out in the order of their numbers
 * modulo it; 0 or 1: as they come. check: every frame that should be zero is looked at
 * when it is allocated, and FR-03 ends the kernel when it is not. STATUS_INVALID when
 * colours is no power of two up to PMM_COLOURS_MAX. */
MUST_USE enum status pmm_configure(u64 colours, bool check);

/* Builds the frame table under root from RAM itself and opens the areas that are partly
 * taken. `uses` names all that is not free; overlaps of two uses are a panic. Once,
 * after ram_init. */
void pmm_init(phys_t root, const struct pmm_use *uses, u32 use_count);

/* Gives a further CPU its part of the allocator. By whoever starts it, before it runs.
 */
MUST_USE enum status pmm_cpu_start(struct percpu *cpu);

/* 2^order zeroed frames, aligned to their size, order 0..9 and 18. STATUS_NO_MEMORY
 * when unpromised memory has no such block, STATUS_INVALID for a wrong order or owner.
 */
MUST_USE enum status pmm_alloc(u32 order, enum frame_owner owner, pfn_t *out);

/* Gives back exactly what pmm_alloc gave. Zeroes it. */
MUST_USE enum status pmm_free(pfn_t pfn, u32 order, enum frame_owner owner);

/* The same with unknown contents, for callers that overwrite all of it or look at none
 * of it: the memory is touched neither now nor on release, and counts as NEW again
 * afterwards. */
MUST_USE enum status pmm_alloc_raw(u32 order, enum frame_owner owner, pfn_t *out);
MUST_USE enum status pmm_free_raw(pfn_t pfn, u32 order, enum frame_owner owner);

/* Zeroed frames as requested, the highest that fit. STATUS_INVALID: no frames, no power
 * of two, no owner; STATUS_RANGE: low is not below high; STATUS_NO_MEMORY. They belong
 * to the owner as the largest aligned blocks they consist of. */
MUST_USE enum status pmm_run_alloc(const struct pmm_request *request, pfn_t *out);
/* Gives a run or some whole blocks of it back, or nothing when any of it is refused. */
MUST_USE enum status pmm_run_free(pfn_t first, u64 frames, enum frame_owner owner);

/* Takes given frames below 1 MiB, all of them OWNER_LOW, and gives them to owner;
 * contents are zeroed. STATUS_BUSY when one is not to be had, STATUS_RANGE
 * outside 1..255, STATUS_INVALID for an owner that cannot hold them; nothing changes
 * then. pmm_low_give returns them; contents are left alone. */
MUST_USE enum status pmm_low_take(pfn_t first, u64 frames, enum frame_owner owner);
MUST_USE enum status pmm_low_give(pfn_t first, u64 frames, enum frame_owner owner);

/* Promises frames to later pmm_take_promised calls. STATUS_NO_MEMORY: nothing is
 * promised. */
MUST_USE enum status pmm_promise(u64 frames);
/* Takes a promise back that was not used. */
void pmm_promise_return(u64 frames);
/* One promised frame, zeroed. No lock, no new area. Whoever holds a promise gets a
 * frame; false only when there is no promise left, which for a page fault means that
 * another CPU has just resolved it. */
MUST_USE bool pmm_take_promised(enum frame_owner owner, pfn_t *out);
/* Frees a frame and turns it into a promise again, in one step. */
MUST_USE enum status pmm_free_to_promise(pfn_t pfn, enum frame_owner owner);

/* The loader's memory goes to OWNER_LOW. Once, when nothing points into it any more. */
void pmm_loader_reclaim(void);

void pmm_stats_get(struct pmm_stats *out);

/* What a frame is; FRAME_ABSENT for what is not RAM, and for all before pmm_init. Reads
 * only, any context. */
struct frame pmm_frame(pfn_t pfn);

/* Walks every area and compares all counters with bits and words; panics on a
 * difference. Slow. */
void pmm_verify(void);

#endif
