/* SPDX-License-Identifier: MIT
 *
 * Runs: objects of whole pages with a guard page on each side. Large ones, and all of
 * them in guard mode, where an object ends where its last page ends.
 */
#include "mm/heap_internal.h"

/* Fills in the descriptors of pages and guards; sites and start stay in the head. */
static void run_describe(u64 first, u64 pages, u64 bytes)
{
    struct heap_page *head = heap_page_info(first);
    struct heap_page tail = {.kind = HEAP_PAGE_TAIL,
                             .link = (u32)first,
                             .alloc_site = head->alloc_site};
    for (u64 page = first + 1; page < first + pages; page++)
        *heap_page_info(page) = tail;
    struct heap_page guard = {.kind = HEAP_PAGE_GUARD, .link = (u32)first};
    for (u64 i = 0; i < HEAP_RUN_GUARD; i++) {
        *heap_page_info(first - 1 - i) = guard;
        *heap_page_info(first + pages + i) = guard;
    }
    head->run.pages = pages;
    head->run.bytes = bytes;
}

void *heap_run_alloc(u64 bytes, u64 align, site_t site)
{
    u64 first, align_pages = MAX(align >> PAGE_SHIFT, 1UL);
    u64 span = heap.mode == HEAP_GUARD ? ALIGN_UP(bytes, MIN(align, (u64)PAGE_BYTES))
                                       : bytes;
    u64 pages = heap_pages_of(span);
    if (heap_pages_take(pages, HEAP_RUN_GUARD, align_pages, &first) != STATUS_OK)
        return NULL;
    u64 start = heap.mode == HEAP_GUARD ? pages * PAGE_BYTES - span : 0;
    *heap_page_info(first) = (struct heap_page){.kind = HEAP_PAGE_RUN,
                                                .link = (u32)first,
                                                .alloc_site = site,
                                                .run.start = start};
    run_describe(first, pages, bytes);
    heap.stats.objects++;
    heap.stats.object_bytes += bytes;
    return (void *)(heap_page_address(first) + start);
}

void heap_run_condemn(u64 first, site_t site)
{
    struct heap_page *head = heap_page_info(first);
    heap.stats.objects--;
    heap.stats.object_bytes -= head->run.bytes;
    heap_pages_condemn(first, head->run.pages, site);
}

void heap_run_retire(u64 first)
{
    u64 pages = heap_page_info(first)->run.pages;
    heap_pages_disarm(first, pages);
    u64 flags = spin_lock_irqsave(&heap.lock);
    heap_pages_release(first - HEAP_RUN_GUARD, pages + 2 * HEAP_RUN_GUARD);
    spin_unlock_irqrestore(&heap.lock, flags);
}

u64 heap_run_cut(u64 first, u64 keep, u64 bytes, site_t site)
{
    struct heap_page *head = heap_page_info(first);
    u64 cut = head->run.pages - keep;
    heap.stats.object_bytes -= head->run.bytes - bytes;
    head->run.bytes = bytes;
    head->run.pages = keep;
    heap_pages_condemn(first + keep, cut, site);
    return cut;
}

void heap_run_retire_cut(u64 first, u64 keep, u64 cut)
{
    heap_pages_disarm(first + keep, cut);
    u64 flags = spin_lock_irqsave(&heap.lock);
    run_describe(first, keep, heap_page_info(first)->run.bytes);
    heap_pages_release(first + keep + HEAP_RUN_GUARD, cut);
    spin_unlock_irqrestore(&heap.lock, flags);
}

bool heap_run_grow(u64 first, u64 want, u64 bytes)
{
    struct heap_page *head = heap_page_info(first);
    u64 had = head->run.pages;
    u64 new_guard = first + had + HEAP_RUN_GUARD;
    if (!heap_pages_are_free(new_guard, want - had) ||
        heap_pages_arm(first + had, want - had, new_guard, want - had) != STATUS_OK)
        return false;
    heap_pages_mark(new_guard, want - had);
    heap.stats.object_bytes += bytes - head->run.bytes;
    run_describe(first, want, bytes);
    return true;
}
