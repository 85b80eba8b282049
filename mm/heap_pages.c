/* SPDX-License-Identifier: MIT
 *
 * Pages of the heap window: finding free ones, giving them tables, arming and
 * disarming.
 */
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/panic.h"
#include "mm/heap_internal.h"
#include "mm/page_table.h"
#include "mm/pmm.h"
#include "mm/ram.h"
#include "mm/tlb.h"

static bool page_is_taken(u64 page)
{
    return heap.taken[page / 64] >> (page % 64) & 1;
}

void heap_pages_mark(u64 first, u64 pages)
{
    for (u64 page = first; page < first + pages; page++) {
        ASSERT(!page_is_taken(page));
        heap.taken[page / 64] |= 1UL << (page % 64);
    }
}

void heap_pages_release(u64 first, u64 pages)
{
    for (u64 page = first; page < first + pages; page++) {
        ASSERT(page_is_taken(page));
        heap.taken[page / 64] &= ~(1UL << (page % 64));
        heap_page_info(page)->kind = HEAP_PAGE_FREE;
    }
}

/* The first taken page at or above `page`, end if none below it. Whole words at a time.
 */
static u64 taken_next(u64 page, u64 end)
{
    while (page < end) {
        u64 word = heap.taken[page / 64] >> (page % 64);
        if (word != 0)
            return MIN(page + (u64)__builtin_ctzl(word), end);
        page = ALIGN_DOWN(page, 64) + 64;
    }
    return end;
}

static u64 free_next(u64 page, u64 end)
{
    while (page < end) {
        u64 word = ~heap.taken[page / 64] >> (page % 64);
        if (word != 0)
            return MIN(page + (u64)__builtin_ctzl(word), end);
        page = ALIGN_DOWN(page, 64) + 64;
    }
    return end;
}

bool heap_pages_are_free(u64 first, u64 pages)
{
    return first + pages <= HEAP_PAGES &&
           taken_next(first, first + pages) == first + pages;
}

/* The lowest start >= from, below end, of `total` free pages whose page start + guard
 * is aligned. */
static u64 run_find(u64 from, u64 end, u64 total, u64 guard, u64 align_pages)
{
    u64 start = from;
    while (start + total <= end) {
        start = ALIGN_UP(free_next(start, end) + guard, align_pages) - guard;
        if (start + total > end)
            break;
        u64 blocked = taken_next(start, start + total);
        if (blocked == start + total)
            return start;
        start = blocked + 1;
    }
    return HEAP_NO_PAGE;
}

static enum status region_prepare(u64 region)
{
    phys_t table;
    pfn_t info;
    virt_t base = virt_make(HEAP_WINDOW + region * HEAP_REGION_PAGES * PAGE_BYTES);
    if (heap.info[region])
        return STATUS_OK;
    ASSERT(region == heap.stats.regions); /* upwards and without a gap */
    if (pmm_alloc(HEAP_INFO_ORDER, OWNER_HEAP_INFO, &info) != STATUS_OK)
        return STATUS_NO_MEMORY;
    if (page_table_prepare(&kernel_page_space, base, &table) != STATUS_OK) {
        enum status status = pmm_free(info, HEAP_INFO_ORDER, OWNER_HEAP_INFO);
        ASSERT(status == STATUS_OK);
        return STATUS_NO_MEMORY;
    }
    heap.info[region] = pfn_to_ptr(info);
    atomic_store_pointer((void **)&heap.table[region], phys_to_ptr(table));
    heap.stats.regions++;
    return STATUS_OK;
}

static enum status regions_prepare(u64 first, u64 pages)
{
    enum status status = STATUS_OK;
    for (u64 region = first / HEAP_REGION_PAGES;
         status == STATUS_OK && region <= (first + pages - 1) / HEAP_REGION_PAGES;
         region++)
        status = region_prepare(region);
    return status;
}

enum status heap_pages_arm(u64 first, u64 pages, u64 tables_first, u64 tables_pages)
{
    /* The promise first: a request that memory cannot meet must not have made tables
     * for it, which stay for ever. */
    enum status status = pmm_promise(pages);
    if (status != STATUS_OK)
        return status;
    status = regions_prepare(tables_first, tables_pages);
    if (status != STATUS_OK) {
        pmm_promise_return(pages);
        return status;
    }
    for (u64 page = first; page < first + pages; page++) {
        bool armed = pte_arm(heap_page_entry(page));
        ASSERT_MSG(armed, "heap page V:%#lx is given twice", heap_page_address(page));
    }
    heap.stats.pages += pages;
    return STATUS_OK;
}

void heap_pages_condemn(u64 first, u64 pages, site_t site)
{
    for (u64 page = first; page < first + pages; page++) {
        struct heap_page *info = heap_page_info(page);
        info->kind = HEAP_PAGE_DYING;
        info->free_site = site;
    }
    heap.stats.pages -= pages;
}

/* Clears the entries; frames wait in the descriptors. Returns how many there are. */
static u64 entries_clear(u64 first, u64 pages, struct tlb_gather *gather)
{
    u64 present = 0;
    for (u64 page = first; page < first + pages; page++) {
        pte_t was = pte_clear(heap_page_entry(page));
        u64 *frame = &heap_page_info(page)->run.frame;
        *frame = 0;
        if (!pte_is_present(was)) {
            ASSERT_MSG(was.raw == PTE_ARMED, "heap page V:%#lx freed with entry %#lx",
                       heap_page_address(page), was.raw);
            continue;
        }
        *frame = phys_to_pfn(pte_phys(was, 1)).raw;
        tlb_gather_page(gather, virt_make(heap_page_address(page)));
        present++;
    }
    return present;
}

static void frames_give(u64 first, u64 pages)
{
    for (u64 page = first; page < first + pages; page++) {
        u64 frame = heap_page_info(page)->run.frame;
        if (frame == 0)
            continue;
        enum status status = pmm_free(pfn_make(frame), 0, OWNER_HEAP);
        ASSERT(status == STATUS_OK);
    }
}

void heap_pages_disarm(u64 first, u64 pages)
{
    struct tlb_gather gather;
    tlb_gather_init(&gather);
    u64 present = entries_clear(first, pages, &gather);
    tlb_gather_flush(&gather);
    frames_give(first, pages);
    pmm_promise_return(pages - present);
    atomic_fetch_sub_u64(&heap.stats.pages_present, present);
}

enum status heap_pages_take(u64 pages, u64 guard, u64 align_pages, u64 *first)
{
    u64 total = pages + 2 * guard;
    if (pages == 0 || pages >= HEAP_PAGES || total >= HEAP_PAGES)
        return STATUS_NO_SPACE;
    /* Where tables are first: what a new region takes never comes back, so a heap that
     * holds little must not wander through its window. */
    u64 known = heap.stats.regions * HEAP_REGION_PAGES;
    u64 start = run_find(heap.search_from, known, total, guard, align_pages);
    if (start == HEAP_NO_PAGE)
        start = run_find(1, known, total, guard, align_pages);
    if (start == HEAP_NO_PAGE)
        start = run_find(1, HEAP_PAGES, total, guard, align_pages);
    if (start == HEAP_NO_PAGE)
        return STATUS_NO_SPACE;
    enum status status = heap_pages_arm(start + guard, pages, start, total);
    if (status != STATUS_OK)
        return status;
    heap_pages_mark(start, total);
    heap.search_from = start + total < HEAP_PAGES ? start + total : 1;
    *first = start + guard;
    return STATUS_OK;
}
