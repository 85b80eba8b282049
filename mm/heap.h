/* SPDX-License-Identifier: MIT
 *
 * The kernel heap: 1 GiB of addresses, no frame until touched.
 *
 *   request -> size class (a slab is one page)
 *              or large run (whole pages, a guard on each side)
 *           -> pages of the window; their entries go 0 -> ARMED, the pages are promised
 *           -> first touch -> page fault -> heap_fault
 *           -> one frame, one compare-and-swap
 *
 * The state of a page is in its page-table entry: 0 = forbidden, ARMED = promised,
 * present = has a frame. What the heap knows about a page lies outside the window, in
 * frames reached through the direct map, so neither the allocator nor the explainer of
 * a fault ever faults itself.
 *
 * Contents: all memory handed out is zero; what is freed is zeroed on the way.
 * Refuses:  a pointer that is no live object is a death with a code (HP-01 double free,
 *           HP-02 not the start of an object, HP-03 not of the heap), never a silent
 *           return.
 *
 * Finds:    a write after free (HP-08) when the slot is given again, a write past an end
 *           (HP-09) or before a start (HP-10) when the object is freed or resized, all
 *           three in heap_verify. How much of them is seen depends on the mode:
 *
 *             plain   free slots are zero, and so is what a run's last page has behind
 *                     the object; past the end of a small object nothing is seen
 *
 *             guard   each object is a run that ends at a page end: past it a write
 *                     faults at once, but for what alignment adds (up to 15 bytes, more
 *                     where a larger alignment was asked for). These bytes and those
 *                     before the object in its page hold a pattern. Freed objects fault
 *
 *             poison  small objects have HEAP_EDGE_BYTES and more of a pattern behind
 *                     them, freed ones hold another, and a frame beside each slab tells
 *                     who allocated and who freed each slot
 *
 *           Writing the pattern itself is never seen. In plain mode a slab knows its
 *           last two sites only, not those of each slot.
 *
 * Locking:  one spinlock with interrupts off; no heap memory that could fault is touched
 *           while it is held.
 *
 * Context:  anything but NMI, #MC, #DF and the fatal path. Does not sleep.
 */
#ifndef PLINTH_MM_HEAP_H
#define PLINTH_MM_HEAP_H

#include "kernel/base/site.h"
#include "kernel/base/status.h"
#include "mm/addr.h"

#define HEAP_ALIGN      16   /* of every object */
#define HEAP_SMALL_MAX  2048 /* larger requests are runs of pages */
#define HEAP_ALIGN_MAX  PAGE_2M_BYTES

#define HEAP_EDGE_BYTES 16 /* at least so many behind each object in poison mode */
/* Eight of either are no canonical address. */
#define HEAP_EDGE_FILL  0xED
#define HEAP_FREED_FILL 0xF4

enum heap_mode { HEAP_PLAIN, HEAP_GUARD, HEAP_POISON, HEAP_MODE_COUNT };

/* After pmm_init. The mode is for ever. */
void heap_init(enum heap_mode mode);
enum heap_mode heap_mode_now(void);
/* "plain", "guard", "poison". */
const char *heap_mode_name(enum heap_mode mode);

/* Zeroed memory for at least bytes, aligned to HEAP_ALIGN. NULL: bytes is 0, more than
 * can ever fit, or memory cannot be promised. */
MUST_USE void *heap_alloc(u64 bytes);
/* The same, said aloud: for callers that rely on the zeros. */
MUST_USE void *heap_alloc_zeroed(u64 bytes);
/* align: a power of two up to HEAP_ALIGN_MAX, otherwise NULL. */
MUST_USE void *heap_alloc_aligned(u64 bytes, u64 align);
MUST_USE void *heap_alloc_zeroed_aligned(u64 bytes, u64 align);

/* Grows or shrinks, in place when possible; a shrink never fails. NULL leaves the
 * object as it was. object NULL allocates, bytes 0 frees and returns NULL. Bytes beyond
 * the old size are zero. An object that moves is aligned to HEAP_ALIGN, whatever it was
 * before. */
MUST_USE void *heap_resize(void *object, u64 bytes);

/* NULL is allowed and does nothing. */
void heap_free(void *object);

/* Gives back the one empty slab that each size class keeps. */
void heap_trim(void);

struct heap_stats {
    u64 objects;       /* live */
    u64 object_bytes;  /* as they were asked for in runs, by class size in slabs */
    u64 pages;         /* in slabs and runs, without guards */
    u64 pages_present; /* of them, with a frame */
    u64 faults;        /* frames installed by page faults since boot */
    u64 lost_races;    /* faults that found the page installed already */
    u64 refused;       /* requests that got NULL */
    u64 regions;       /* 2 MiB regions that have tables */
    u64 record_frames; /* beside slabs, in poison mode */
};
void heap_stats_get(struct heap_stats *out);

/* The page fault's part: true when the page is there now. No lock, no heap, no new
 * table, never fails for an ARMED page. Ring 0, not-present, no fetch: the caller has
 * checked. */
bool heap_fault(virt_t address);

/* What a heap address is, for explanations. Any context, faults never. */
enum heap_place {
    HEAP_PLACE_OUTSIDE,
    HEAP_PLACE_NEVER, /* not given, and nothing is known of what was there */
    HEAP_PLACE_FREED, /* in a page that was given back */
    HEAP_PLACE_GUARD, /* beside a run */
    HEAP_PLACE_FREE,  /* a free slot of a slab */
    HEAP_PLACE_OBJECT,
};
struct heap_where {
    enum heap_place place;
    bool armed; /* promised, without a frame yet */
    u64 object; /* start of the object or slot that is or was there, or of the one a
                   guard belongs to; 0: not known */
    u64 object_bytes;  /* as asked for, or all of its slot; 0: not known */
    u64 class_bytes;   /* of the slab; 0: a run */
    site_t alloc_site; /* who allocated and freed it, as far as known */
    site_t free_site;
    bool sites_exact; /* else they are the last ones of its slab */
};
void heap_locate(virt_t address, struct heap_where *out);

/* Checks every descriptor against entries and counters, every edge and every free slot;
 * dies on a difference. No other CPU may be in the heap. */
void heap_verify(void);

#endif
