/* SPDX-License-Identifier: MIT
 *
 * Large objects: runs of whole pages with a guard page on each side.
 */
#include "mm/heap_internal.h"

#define RUN_GUARD 1 /* pages on each side */

static void run_describe(u64 first, u64 pages, u64 bytes)
{
    for (u64 page = first - RUN_GUARD; page < first + pages + RUN_GUARD; page++) {
        bool inside = page >= first && page < first + pages;
        *heap_page_info(page) = (struct heap_page){
            .kind = inside ? HEAP_PAGE_TAIL : HEAP_PAGE_GUARD, .link = (u32)first};
    }
    struct heap_page *head = heap_page_info(first);
    head->kind = HEAP_PAGE_RUN;
    head->run_pages = pages;
    head->run_bytes = bytes;
}

/* Needs heap.lock. */
void *heap_run_alloc(u64 bytes, u64 align)
{
    u64 first;
    u64 align_pages = MAX(align >> PAGE_SHIFT, 1UL);
    if (bytes > HEAP_BYTES || heap_pages_take(heap_pages_of(bytes), RUN_GUARD,
                                              align_pages, &first) != STATUS_OK)
        return NULL;
    run_describe(first, heap_pages_of(bytes), bytes);
    heap.stats.objects++;
    heap.stats.object_bytes += bytes;
    return (void *)heap_page_address(first);
}

/* Needs heap.lock. */
void heap_run_free(u64 first)
{
    struct heap_page *head = heap_page_info(first);
    u64 pages = head->run_pages;
    heap.stats.objects--;
    heap.stats.object_bytes -= head->run_bytes;
    heap_pages_disarm(first, pages);
    heap_pages_release(first - RUN_GUARD, pages + 2 * RUN_GUARD);
}

/* Gives the pages behind `keep` back; a guard stays right behind what is left. Needs
 * heap.lock. */
void heap_run_shrink(u64 first, u64 keep, u64 bytes)
{
    struct heap_page *head = heap_page_info(first);
    u64 had = head->run_pages;
    heap.stats.object_bytes -= head->run_bytes - bytes;
    if (keep < had) {
        heap_pages_disarm(first + keep, had - keep);
        heap_pages_release(first + keep + RUN_GUARD, had - keep);
    }
    run_describe(first, keep, bytes);
}

/* Grows into the pages behind, if they are free and can be promised. Needs heap.lock.
 */
bool heap_run_grow(u64 first, u64 want, u64 bytes)
{
    struct heap_page *head = heap_page_info(first);
    u64 had = head->run_pages;
    u64 new_guard = first + had + RUN_GUARD;
    if (!heap_pages_are_free(new_guard, want - had) ||
        heap_pages_arm(first + had, want - had, new_guard, want - had) != STATUS_OK)
        return false;
    heap_pages_mark(new_guard, want - had);
    heap.stats.object_bytes += bytes - head->run_bytes;
    run_describe(first, want, bytes);
    return true;
}
