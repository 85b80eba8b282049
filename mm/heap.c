/* SPDX-License-Identifier: MIT
 *
 * The heap's front: requests become a class or a run, pointers become descriptors
 * again.
 */
#include "mm/heap.h"

#include "kernel/base/atomic.h"
#include "kernel/base/bits.h"
#include "kernel/base/panic.h"
#include "kernel/base/string.h"
#include "mm/heap_internal.h"
#include "mm/page_table.h"

struct heap heap;

void heap_init(void)
{
    memset(&heap, 0, sizeof(heap));
    spin_init(&heap.lock, "heap");
    heap.taken[0] = 1; /* page 0 stays a guard for ever, and 0 means "none" in links */
    heap.search_from = 1;
}

/* --- allocation --- */

void *heap_alloc_aligned(u64 bytes, u64 align)
{
    if (!bits_is_power_of_two(align) || align > HEAP_ALIGN_MAX || bytes == 0) {
        atomic_fetch_add_u64(&heap.stats.refused, 1);
        return NULL;
    }
    u32 class_index = heap_class_for(bytes, align);
    u64 flags = spin_lock_irqsave(&heap.lock);
    void *object = class_index < HEAP_CLASSES ? heap_slab_alloc(class_index)
                                              : heap_run_alloc(bytes, align);
    if (!object)
        atomic_fetch_add_u64(&heap.stats.refused, 1);
    spin_unlock_irqrestore(&heap.lock, flags);
    return object;
}

void *heap_alloc(u64 bytes)
{
    return heap_alloc_aligned(bytes, HEAP_ALIGN);
}

/* Fresh pages are zero frames and freed objects are zeroed, so there is nothing left to
 * do. */
void *heap_alloc_zeroed(u64 bytes)
{
    return heap_alloc(bytes);
}

void *heap_alloc_zeroed_aligned(u64 bytes, u64 align)
{
    return heap_alloc_aligned(bytes, align);
}

/* --- pointers back to descriptors --- */

u64 heap_object_page(u64 address)
{
    if (address < HEAP_WINDOW || address - HEAP_WINDOW >= HEAP_BYTES)
        panic_code(CODE_HP_03, "V:%#lx is not in the heap at V:%#lx", address,
                   (u64)HEAP_WINDOW);
    u64 page = (address - HEAP_WINDOW) >> PAGE_SHIFT;
    const struct heap_page *info = heap_page_info(page);
    u64 offset = address & (PAGE_BYTES - 1);
    if (!info || info->kind == HEAP_PAGE_FREE)
        panic_code(
            CODE_HP_01,
            "V:%#lx is in a page that holds no object: freed twice, or never given",
            address);
    if (info->kind == HEAP_PAGE_RUN && offset == 0)
        return page;
    u64 class = info->kind == HEAP_PAGE_SLAB ? heap_class_bytes(info->class_index) : 0;
    if (class == 0 || offset % class != 0 || offset / class >= PAGE_BYTES / class)
        panic_code(CODE_HP_02,
                   "V:%#lx lies inside an object or a guard, not at the start of one",
                   address);
    if (!heap_slot_is_live(info, offset / class))
        panic_code(CODE_HP_01, "the object of %lu bytes at V:%#lx is free already",
                   class, address);
    return page;
}

/* Zeroes a slot unless its page was never touched: no fault, no frame only for zeros.
 */
static void slot_zero(u64 page, u64 address, u64 bytes)
{
    if (pte_is_present(pte_read(heap_page_entry(page))))
        memset((void *)address, 0, bytes);
}

void heap_free(void *object)
{
    u64 address = (u64)(uintptr_t)object;
    if (!object)
        return;
    u64 flags = spin_lock_irqsave(&heap.lock);
    u64 page = heap_object_page(address);
    const struct heap_page *info = heap_page_info(page);
    if (info->kind == HEAP_PAGE_RUN) {
        heap_run_free(page);
    } else {
        /* The object is still the caller's, so nobody else looks at it while it is
         * zeroed. Its page is present or never was touched: no fault under the lock. */
        slot_zero(page, address, heap_class_bytes(info->class_index));
        heap_slab_free(page, address);
    }
    spin_unlock_irqrestore(&heap.lock, flags);
}

/* --- facts --- */

void heap_stats_get(struct heap_stats *out)
{
    u64 flags = spin_lock_irqsave(&heap.lock);
    *out = heap.stats;
    spin_unlock_irqrestore(&heap.lock, flags);
}
