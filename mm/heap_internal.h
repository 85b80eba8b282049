/* SPDX-License-Identifier: MIT
 *
 * State shared by the files of the heap: page descriptors and the map of taken pages.
 */
#ifndef PLINTH_MM_HEAP_INTERNAL_H
#define PLINTH_MM_HEAP_INTERNAL_H

#include "kernel/arch/spinlock.h"
#include "mm/heap.h"
#include "mm/pte.h"

/* A host test puts the window where a process can have one. */
#ifndef HEAP_WINDOW
#define HEAP_WINDOW HEAP_BASE
#endif

#define HEAP_PAGES        (HEAP_BYTES >> PAGE_SHIFT)
#define HEAP_REGION_PAGES TABLE_ENTRIES /* one page table */
#define HEAP_REGIONS      (HEAP_PAGES / HEAP_REGION_PAGES)
#define HEAP_CLASSES      22
#define HEAP_NO_PAGE \
    0 /* page 0 of the window is never given: a guard, and "none" in links */

enum heap_page_kind {
    HEAP_PAGE_FREE,
    HEAP_PAGE_SLAB,
    HEAP_PAGE_RUN,   /* first page of a large run */
    HEAP_PAGE_TAIL,  /* further page; `link` is the first */
    HEAP_PAGE_GUARD, /* beside a run; `link` is its first page */
};

/* 64 bytes, one for each page of a region; eight frames a region. */
struct heap_page {
    u8 kind;
    u8 class_index; /* slab */
    u16 used;       /* slab: live objects */
    u32 next, prev; /* slab: the class's list of slabs with room */
    u32 link;       /* tail and guard */
    u64 run_pages;  /* run */
    u64 run_bytes;  /* run: as asked for */
    u64 taken[4];   /* slab: one bit an object */
};

#define HEAP_INFO_ORDER 3
STATIC_ASSERT(sizeof(struct heap_page) * HEAP_REGION_PAGES == (u64)PAGE_BYTES
                                                                  << HEAP_INFO_ORDER,
              "the descriptors of a region fill 2^HEAP_INFO_ORDER frames");

struct heap {
    struct spinlock lock;                 /* guards everything below but the atomics */
    struct heap_page *info[HEAP_REGIONS]; /* NULL: the region has no tables yet */
    pte_t *table[HEAP_REGIONS];           /* read without the lock by heap_fault */
    u64 taken[HEAP_PAGES / 64];           /* one bit a page: slab, run or guard */
    u32 room[HEAP_CLASSES];               /* first slab with room */
    u32 slabs[HEAP_CLASSES];
    u64 search_from;         /* page where the next search starts */
    struct heap_stats stats; /* faults, lost_races, pages_present: atomic */
};

extern struct heap heap;

/* --- heap_pages.c: pages of the window --- */
static inline struct heap_page *heap_page_info(u64 page)
{
    struct heap_page *info = heap.info[page / HEAP_REGION_PAGES];
    return info ? &info[page % HEAP_REGION_PAGES] : NULL;
}
static inline pte_t *heap_page_entry(u64 page)
{
    pte_t *table = heap.table[page / HEAP_REGION_PAGES];
    return table ? &table[page % HEAP_REGION_PAGES] : NULL;
}
static inline u64 heap_page_address(u64 page)
{
    return HEAP_WINDOW + page * PAGE_BYTES;
}

static inline u64 heap_pages_of(u64 bytes)
{
    return ALIGN_UP(bytes, PAGE_BYTES) >> PAGE_SHIFT;
}
static inline bool heap_slot_is_live(const struct heap_page *info, u64 slot)
{
    return info->taken[slot / 64] >> (slot % 64) & 1;
}

/* Finds `before` + pages + `after` free pages so that the middle part is aligned to
 * align_pages, marks all of them taken, promises and arms the middle. *first = first
 * page of the middle. */
MUST_USE enum status heap_pages_take(u64 pages, u64 guard, u64 align_pages, u64 *first);
/* Disarms pages, gives frames and promises back; the pages are still taken. */
void heap_pages_disarm(u64 first, u64 pages);
/* Promises and arms pages that are forbidden now, after making tables and descriptors
 * for the (wider) range that will be taken. Nothing is armed or promised on failure. */
MUST_USE enum status heap_pages_arm(u64 first, u64 pages, u64 tables_first,
                                    u64 tables_pages);
/* Marks pages as not taken. */
void heap_pages_release(u64 first, u64 pages);
void heap_pages_mark(u64 first, u64 pages);
bool heap_pages_are_free(u64 first, u64 pages);

/* --- heap.c --- */
/* The page of a live object that starts at `address`, or death with a code. Needs
 * heap.lock. */
u64 heap_object_page(u64 address);

/* --- heap_run.c; all need heap.lock --- */
void *heap_run_alloc(u64 bytes, u64 align);
void heap_run_free(u64 first);
/* Gives the pages behind `keep` back; a guard stays right behind what is left. */
void heap_run_shrink(u64 first, u64 keep, u64 bytes);
/* Grows into the pages behind, if they are free and can be promised. */
bool heap_run_grow(u64 first, u64 want, u64 bytes);

/* --- heap_slab.c --- */
u64 heap_class_bytes(u32 class_index);
/* The smallest class that holds bytes and whose slots have the alignment; HEAP_CLASSES
 * if none. */
u32 heap_class_for(u64 bytes, u64 align);
void *heap_slab_alloc(u32 class_index);
void heap_slab_free(u64 page, u64 address);

#endif
