/* SPDX-License-Identifier: MIT
 *
 * Growing and shrinking objects, in place when possible. Entries and descriptors change
 * under heap.lock; contents and edges, which may need a page fault, after it.
 */
#include "kernel/base/string.h"
#include "mm/heap_internal.h"
#include "mm/page_table.h"

static u64 edge_bytes(void)
{
    return heap.mode == HEAP_POISON ? HEAP_EDGE_BYTES : 0;
}

/* In guard mode an object ends at a page end, so it always moves. Elsewhere one that
 * would waste three quarters of its slot, or that fits a slot now. */
static bool is_better_moved(const struct heap_page *info, u64 bytes)
{
    if (info->kind == HEAP_PAGE_SLAB)
        return bytes <= (heap_class_bytes(info->class_index) - edge_bytes()) / 4;
    return heap.mode == HEAP_GUARD || bytes + edge_bytes() <= HEAP_SMALL_MAX;
}

static bool slot_set(const struct heap_page *info, const struct heap_extent *old,
                     u64 bytes)
{
    u64 class = old->end - old->base;
    if (bytes > class - edge_bytes())
        return false;
    if (info->slab.records)
        heap_slab_records(info)[old->base % PAGE_BYTES / class].bytes = (u32)bytes;
    return true;
}

/* The object gets another size where it is, or false. *cut: pages behind it that are
 * dying now. Needs heap.lock. */
static bool place_set(u64 page, const struct heap_extent *old, u64 bytes, site_t site,
                      u64 *cut)
{
    const struct heap_page *info = heap_page_info(page);
    *cut = 0;
    if (info->kind == HEAP_PAGE_SLAB)
        return slot_set(info, old, bytes);
    u64 want = heap_pages_of(info->run.start + bytes);
    if (want > info->run.pages)
        return heap_run_grow(page, want, bytes);
    *cut = heap_run_cut(page, want, bytes, site);
    return true;
}

static void memory_zero(u64 from, u64 to)
{
    if (from < to && pte_is_present(pte_read(heap_page_entry(heap_page_of(from)))))
        memset((void *)from, 0, to - from);
}

/* What place_set leaves for after the lock: bytes that came are zero, bytes that went
 * are edge. */
static void place_settle(u64 page, const struct heap_extent *old, u64 bytes, u64 cut)
{
    struct heap_extent now;
    if (cut != 0)
        heap_run_retire_cut(page, heap_page_info(page)->run.pages, cut);
    heap_extent_of(page, old->object, &now);
    if (heap.mode == HEAP_PLAIN)
        memory_zero(now.object + bytes, now.end);
    else if (bytes > old->bytes)
        memory_zero(old->object + old->bytes, MIN(old->end, now.object + bytes));
    heap_edges_fill(&now);
}

static bool resize_in_place(u64 address, u64 bytes, site_t site, bool must,
                            struct heap_extent *old)
{
    u64 cut;
    u64 flags = spin_lock_irqsave(&heap.lock);
    u64 page = heap_object_page(address);
    heap_extent_of(page, address, old);
    heap_edges_check(old);
    bool done = bytes < HEAP_BYTES &&
                (must || !is_better_moved(heap_page_info(page), bytes)) &&
                place_set(page, old, bytes, site, &cut);
    spin_unlock_irqrestore(&heap.lock, flags);
    if (done)
        place_settle(page, old, bytes, cut);
    return done;
}

static void *object_resize(u64 address, u64 bytes, site_t site)
{
    struct heap_extent old;
    if (resize_in_place(address, bytes, site, false, &old))
        return (void *)address;
    void *moved = heap_object_alloc(bytes, HEAP_ALIGN, site);
    if (moved) {
        memcpy(moved, (void *)address, MIN(bytes, old.bytes));
        heap_object_free(address, site);
        return moved;
    }
    /* A shrink that found no other place stays where it is. */
    if (bytes <= old.bytes && resize_in_place(address, bytes, site, true, &old))
        return (void *)address;
    return NULL;
}

void *heap_resize(void *object, u64 bytes)
{
    site_t site = SITE_OF_CALLER();
    if (!object)
        return heap_object_alloc(bytes, HEAP_ALIGN, site);
    if (bytes != 0)
        return object_resize((u64)(uintptr_t)object, bytes, site);
    heap_object_free((u64)(uintptr_t)object, site);
    return NULL;
}
