/* SPDX-License-Identifier: MIT
 *
 * What an address of the window is: for the page fault, which gives it a frame, and for
 * explanations. Neither takes a lock.
 */
#include "kernel/arch/instr.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "mm/heap_internal.h"
#include "mm/page_table.h"
#include "mm/pmm.h"

/* The entry of a page that has a table; NULL outside the window or without one. */
static pte_t *fault_entry(virt_t address)
{
    if (address.raw < HEAP_WINDOW || address.raw - HEAP_WINDOW >= HEAP_BYTES)
        return NULL;
    u64 page = heap_page_of(address.raw);
    pte_t *table = atomic_load_pointer(
        (void *const *)&heap.table[page / HEAP_REGION_PAGES]);
    return table ? &table[page % HEAP_REGION_PAGES] : NULL;
}

/* Somebody else resolved the fault, or took the page away meanwhile. What the CPU walks
 * counts, not only our entry: were a table above it broken, this fault would be called
 * resolved for ever. */
static bool fault_lost(virt_t address, const pte_t *entry)
{
    phys_t phys;
    bool there = pte_is_present(pte_read(entry)) &&
                 page_table_phys_of(address, &phys) == STATUS_OK;
    atomic_fetch_add_u64(&heap.stats.lost_races, there);
    return there;
}

bool heap_fault(virt_t address)
{
    pfn_t frame;
    pte_t *entry = fault_entry(address);
    if (!entry)
        return false;
    /* Two CPUs may fault on one page whose promise only one of them can take: the other
     * finds the entry present a moment later. */
    for (u64 tries = 0; pte_read(entry).raw == PTE_ARMED; tries++) {
        if (!pmm_take_promised(OWNER_HEAP, &frame)) {
            ASSERT_MSG(tries < SPIN_ROUNDS_MAX,
                       "V:%#lx is armed, but nothing is promised", address.raw);
            cpu_pause();
            continue;
        }
        if (pte_install_armed(entry, pfn_to_phys(frame))) {
            atomic_fetch_add_u64(&heap.stats.faults, 1);
            atomic_fetch_add_u64(&heap.stats.pages_present, 1);
            return true;
        }
        enum status status = pmm_free_to_promise(frame, OWNER_HEAP);
        ASSERT(status == STATUS_OK);
    }
    return fault_lost(address, entry);
}

/* --- explanations --- */

static void locate_in_slab(const struct heap_page *info, u64 page, u64 address,
                           struct heap_where *out)
{
    struct heap_extent extent;
    u64 class = heap_class_bytes(info->class_index);
    u64 slot = address % PAGE_BYTES / class;
    /* Behind the last slot a few bytes belong to none. */
    bool slack = slot >= PAGE_BYTES / class;
    bool live = !slack && heap_slot_is_live(info, slot);
    heap_extent_of(page, address, &extent);
    out->place = live ? HEAP_PLACE_OBJECT : HEAP_PLACE_FREE;
    out->object = extent.object;
    out->object_bytes = slack ? PAGE_BYTES % class : live ? extent.bytes : class;
    out->class_bytes = class;
    out->alloc_site = extent.alloc_site;
    out->free_site = extent.free_site;
    out->sites_exact = extent.exact;
}

/* Page, tail or guard of a run that lives. */
static void locate_in_run(const struct heap_page *info, struct heap_where *out)
{
    struct heap_extent extent;
    const struct heap_page *head = heap_page_info(info->link);
    out->place = info->kind == HEAP_PAGE_GUARD ? HEAP_PLACE_GUARD : HEAP_PLACE_OBJECT;
    if (!head || head->kind != HEAP_PAGE_RUN)
        return;
    heap_extent_of(info->link, heap_page_address(info->link), &extent);
    out->object = extent.object;
    out->object_bytes = extent.bytes;
    out->alloc_site = extent.alloc_site;
    out->sites_exact = true;
}

/* What is still known of a page that was given back. Its run's head may have another
 * life by now. */
static void locate_freed(const struct heap_page *info, u64 page, u64 address,
                         struct heap_where *out)
{
    if (info->free_site.raw == 0)
        return;
    out->place = HEAP_PLACE_FREED;
    out->alloc_site = info->alloc_site;
    out->free_site = info->free_site;
    out->sites_exact = info->link != HEAP_NO_PAGE;
    if (info->link == HEAP_NO_PAGE) {
        out->class_bytes = heap_class_bytes(info->class_index);
        out->object = address - address % PAGE_BYTES % out->class_bytes;
        out->object_bytes = out->class_bytes;
        return;
    }
    const struct heap_page *head = heap_page_info(info->link);
    if (head->kind != info->kind || head->link != info->link ||
        head->free_site.raw != info->free_site.raw ||
        page - info->link >= head->run.pages)
        return;
    out->object = heap_page_address(info->link) + head->run.start;
    out->object_bytes = head->run.bytes;
}

void heap_locate(virt_t address, struct heap_where *out)
{
    *out = (struct heap_where){.place = HEAP_PLACE_OUTSIDE};
    if (address.raw < HEAP_WINDOW || address.raw - HEAP_WINDOW >= HEAP_BYTES)
        return;
    out->place = HEAP_PLACE_NEVER;
    u64 page = heap_page_of(address.raw);
    const struct heap_page *info = heap_page_info(page);
    if (!info)
        return;
    out->armed = pte_read(heap_page_entry(page)).raw == PTE_ARMED;
    if (info->kind == HEAP_PAGE_SLAB)
        locate_in_slab(info, page, address.raw, out);
    else if (info->kind == HEAP_PAGE_FREE || info->kind == HEAP_PAGE_DYING)
        locate_freed(info, page, address.raw, out);
    else
        locate_in_run(info, out);
}
