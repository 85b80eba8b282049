/* SPDX-License-Identifier: MIT
 *
 * State shared by the files of the heap: page descriptors and the map of taken pages.
 */
#ifndef PLINTH_MM_HEAP_INTERNAL_H
#define PLINTH_MM_HEAP_INTERNAL_H

#include "kernel/arch/spinlock.h"
#include "mm/heap.h"
#include "mm/pte.h"
#include "mm/ram.h"

/* A host test puts the window where a process can have one. */
#ifndef HEAP_WINDOW
#define HEAP_WINDOW HEAP_BASE
#endif

#define HEAP_PAGES        (HEAP_BYTES >> PAGE_SHIFT)
#define HEAP_REGION_PAGES TABLE_ENTRIES /* one page table */
#define HEAP_REGIONS      (HEAP_PAGES / HEAP_REGION_PAGES)
#define HEAP_CLASSES      22
#define HEAP_RUN_GUARD    1 /* pages on each side of a run */
#define HEAP_NO_PAGE \
    0 /* page 0 of the window is never given: a guard, and "none" in links */

enum heap_page_kind {
    HEAP_PAGE_FREE,
    HEAP_PAGE_SLAB,
    HEAP_PAGE_RUN,   /* first page of a run */
    HEAP_PAGE_TAIL,  /* further page; `link` is the first */
    HEAP_PAGE_GUARD, /* beside a run; `link` is its first page */
    HEAP_PAGE_DYING, /* given back, until its frame is gone and the TLBs know it */
};

/* Poison mode: what is known of one slot of a slab. */
struct heap_record {
    site_t alloc_site;
    site_t free_site; /* known: the slot was given before and is poisoned now */
    u32 bytes;        /* as asked for */
};

/* 64 bytes, one for each page of a region; eight frames a region. Sites and the parts
 * of a run stay when the page is free again: they are what a use after free is named
 * by. */
struct heap_page {
    u8 kind;
    u8 class_index; /* slab */
    u16 used;       /* slab: live objects */
    u32 next, prev; /* slab: the class's list of slabs with room */
    u32 link;       /* run, tail and guard: the run's first page; slab: HEAP_NO_PAGE */
    site_t alloc_site; /* of the run; of the object of the slab that was given last */
    site_t free_site;
    union {
        struct {
            u64 records;  /* poison mode: frame number of heap_records, else 0 */
            u64 taken[4]; /* one bit an object */
        } slab;
        struct {
            u64 pages; /* in the first page's descriptor only, as the next two */
            u64 bytes; /* as asked for */
            u64 start; /* guard mode: offset of the object in its first page */
            u64 frame; /* dying: frame number that waits for the flush, 0: none */
        } run;
    };
};

#define HEAP_INFO_ORDER 3
STATIC_ASSERT(sizeof(struct heap_page) * HEAP_REGION_PAGES == (u64)PAGE_BYTES
                                                                  << HEAP_INFO_ORDER,
              "the descriptors of a region fill 2^HEAP_INFO_ORDER frames");

struct heap {
    struct spinlock lock; /* guards everything below but mode and the atomics */
    enum heap_mode mode;
    struct heap_page *info[HEAP_REGIONS]; /* NULL: the region has no tables yet */
    pte_t *table[HEAP_REGIONS];           /* read without the lock by heap_fault */
    u64 taken[HEAP_PAGES / 64];           /* one bit a page: all but free ones */
    u32 room[HEAP_CLASSES];               /* first slab with room */
    u32 slabs[HEAP_CLASSES];
    u64 search_from;         /* page where the next search starts */
    /* Under the lock, but for faults, lost_races, pages_present and refused: those are
     * atomic, for page faults and refusals take no lock. */
    struct heap_stats stats;
};

extern struct heap heap;

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
static inline u64 heap_page_of(u64 address)
{
    return (address - HEAP_WINDOW) >> PAGE_SHIFT;
}
static inline u64 heap_pages_of(u64 bytes)
{
    return ALIGN_UP(bytes, PAGE_BYTES) >> PAGE_SHIFT;
}
static inline struct heap_record *heap_slab_records(const struct heap_page *info)
{
    return info->slab.records ? pfn_to_ptr(pfn_make(info->slab.records)) : NULL;
}
static inline bool heap_slot_is_live(const struct heap_page *info, u64 slot)
{
    return info->slab.taken[slot / 64] >> (slot % 64) & 1;
}

/* --- heap_pages.c: pages of the window --- */
/* Finds guard + pages + guard free pages so that the middle part is aligned to
 * align_pages, marks all of them taken, promises and arms the middle. *first = first
 * page of the middle. Needs heap.lock. */
MUST_USE enum status heap_pages_take(u64 pages, u64 guard, u64 align_pages, u64 *first);
/* Promises and arms pages that are forbidden now, after making tables and descriptors
 * for the (wider) range that will be taken. Nothing is armed or promised on failure.
 * Needs heap.lock. */
MUST_USE enum status heap_pages_arm(u64 first, u64 pages, u64 tables_first,
                                    u64 tables_pages);
/* Says that pages are dying: still taken, but nobody's. Needs heap.lock. */
void heap_pages_condemn(u64 first, u64 pages, site_t site);
/* Takes frames and promises of dying pages away, with one flush for all of them.
 * Without heap.lock: nobody else looks at them, and neither the flush nor the zeroing
 * of frames should make others wait. */
void heap_pages_disarm(u64 first, u64 pages);
/* Marks pages as not taken and taken. Need heap.lock. */
void heap_pages_release(u64 first, u64 pages);
void heap_pages_mark(u64 first, u64 pages);
bool heap_pages_are_free(u64 first, u64 pages);

/* --- heap.c --- */
/* The page of a live object that starts at `address`, or death with a code. Needs
 * heap.lock. */
u64 heap_object_page(u64 address);
void *heap_object_alloc(u64 bytes, u64 align, site_t site);
void heap_object_free(u64 address, site_t site);

/* --- heap_run.c --- */
/* Need heap.lock. */
void *heap_run_alloc(u64 bytes, u64 align, site_t site);
void heap_run_condemn(u64 first, site_t site);
/* Sets a new size; the pages behind `keep` are dying, and their number is returned. */
u64 heap_run_cut(u64 first, u64 keep, u64 bytes, site_t site);
/* Grows into the pages behind, if they are free and can be promised. */
bool heap_run_grow(u64 first, u64 want, u64 bytes);
/* What must follow without it. */
void heap_run_retire(u64 first);
void heap_run_retire_cut(u64 first, u64 keep, u64 cut);

/* --- heap_slab.c --- */
void heap_classes_init(void);
u64 heap_class_bytes(u32 class_index);
/* The smallest class that holds bytes and whose slots have the alignment; HEAP_CLASSES
 * if none. */
u32 heap_class_for(u64 bytes, u64 align);
/* Need heap.lock. heap_slab_free returns the page when it is dying now, for
 * heap_slab_retire, else HEAP_NO_PAGE. */
void *heap_slab_alloc(u32 class_index, u64 bytes, site_t site);
u64 heap_slab_free(u64 page, u64 address, site_t site);
void heap_slab_retire(u64 page);

/* --- heap_edge.c: what lies around an object, and in what nobody has --- */
struct heap_extent {
    u64 base, end;     /* what it occupies: a slot, or the pages of a run */
    u64 object, bytes; /* bytes: as asked for; all of a slot in plain mode */
    site_t alloc_site, free_site;
    bool exact; /* the sites are the object's own, not the last ones of its slab */
};
/* Of the live or free slot, or of the run, that address lies in; page is its slab or
 * the first page of its run. */
void heap_extent_of(u64 page, u64 address, struct heap_extent *out);
/* The edges of an object are what it occupies and did not ask for. */
void heap_edges_fill(const struct heap_extent *extent);
/* Dies when an edge was written to. */
void heap_edges_check(const struct heap_extent *extent);
/* Dies when a free slot was written to. `given` whether it was ever given before. */
void heap_slot_check(const struct heap_extent *extent, bool given);
/* A slot just taken becomes an object: checked, zero, with its edges. */
void heap_slot_open(u64 page, u64 address);
/* An object becomes a free slot: its edges checked, its contents gone. */
void heap_slot_close(u64 page, u64 address);
/* "allocated by f+0x12, freed by g+0x34". */
#define HEAP_SITES_BYTES (2 * SITE_TEXT_BYTES + 64)
const char *heap_sites_text(const struct heap_extent *extent, char *out);

#endif
