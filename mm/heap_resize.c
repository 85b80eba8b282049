/* SPDX-License-Identifier: MIT
 *
 * Growing and shrinking objects, in place when possible.
 */
#include "kernel/base/string.h"
#include "mm/heap_internal.h"
#include "mm/page_table.h"

/* Bytes of a page behind `from` become zero, if it has a frame. */
static void tail_zero(u64 address, u64 from, u64 to)
{
    u64 page = (address + from - HEAP_WINDOW) >> PAGE_SHIFT;
    if (from < to && pte_is_present(pte_read(heap_page_entry(page))))
        memset((void *)(address + from), 0, to - from);
}

/* An object that would waste three quarters of its slot may as well move. */
static bool slab_resize_in_place(u64 address, u64 bytes, u64 usable)
{
    if (bytes > usable || bytes <= usable / 4)
        return false;
    tail_zero(address, bytes, usable);
    return true;
}

/* In place, or false. Needs heap.lock. *usable = bytes the object holds now. */
static bool resize_in_place(u64 page, u64 address, u64 bytes, u64 *usable)
{
    struct heap_page *info = heap_page_info(page);
    if (info->kind == HEAP_PAGE_SLAB) {
        *usable = heap_class_bytes(info->class_index);
        return slab_resize_in_place(address, bytes, *usable);
    }
    *usable = info->run_bytes;
    if (bytes <= HEAP_SMALL_MAX || bytes > HEAP_BYTES)
        return false;
    u64 want = heap_pages_of(bytes), had = info->run_pages;
    if (want > had)
        return heap_run_grow(page, want, bytes);
    heap_run_shrink(page, want, bytes);
    tail_zero(address, bytes, want * PAGE_BYTES);
    return true;
}

/* A shrink that found no smaller place: the object stays where it is. */
static void *resize_stay(u64 address, u64 bytes, u64 usable)
{
    if (bytes > usable)
        return NULL;
    u64 flags = spin_lock_irqsave(&heap.lock);
    u64 page = heap_object_page(address);
    if (heap_page_info(page)->kind == HEAP_PAGE_RUN) {
        heap_run_shrink(page, heap_pages_of(bytes), bytes);
        tail_zero(address, bytes, heap_pages_of(bytes) * PAGE_BYTES);
    } else {
        tail_zero(address, bytes, usable);
    }
    spin_unlock_irqrestore(&heap.lock, flags);
    return (void *)address;
}

void *heap_resize(void *object, u64 bytes)
{
    u64 usable;
    if (!object)
        return heap_alloc(bytes);
    if (bytes == 0) {
        heap_free(object);
        return NULL;
    }
    u64 flags = spin_lock_irqsave(&heap.lock);
    u64 page = heap_object_page((u64)(uintptr_t)object);
    bool done = resize_in_place(page, (u64)(uintptr_t)object, bytes, &usable);
    spin_unlock_irqrestore(&heap.lock, flags);
    if (done)
        return object;
    void *moved = heap_alloc(bytes);
    if (!moved)
        return resize_stay((u64)(uintptr_t)object, bytes, usable);
    memcpy(moved, object, MIN(bytes, usable));
    heap_free(object);
    return moved;
}
