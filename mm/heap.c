/* SPDX-License-Identifier: MIT
 *
 * The heap's front: requests become a class or a run, pointers become descriptors
 * again.
 */
#include "mm/heap.h"

#include "kernel/arch/instr.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/bits.h"
#include "kernel/base/panic.h"
#include "kernel/base/string.h"
#include "mm/heap_internal.h"
#include "mm/page_table.h"
#include "mm/pmm.h"

#define RUN_GUARD   1       /* pages on each side of a large run */
#define FAULT_TRIES 1000000 /* far longer than another CPU needs for one fault */

struct heap heap;

static u64 pages_of(u64 bytes)
{
    return ALIGN_UP(bytes, PAGE_BYTES) >> PAGE_SHIFT;
}

void heap_init(void)
{
    memset(&heap, 0, sizeof(heap));
    spin_init(&heap.lock, "heap");
    heap.taken[0] = 1; /* page 0 stays a guard for ever, and 0 means "none" in links */
    heap.search_from = 1;
}

/* --- large runs --- */

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
static void *run_alloc(u64 bytes, u64 align)
{
    u64 first;
    u64 align_pages = MAX(align >> PAGE_SHIFT, 1UL);
    if (bytes > HEAP_BYTES ||
        heap_pages_take(pages_of(bytes), RUN_GUARD, align_pages, &first) != STATUS_OK)
        return NULL;
    run_describe(first, pages_of(bytes), bytes);
    heap.stats.objects++;
    heap.stats.object_bytes += bytes;
    return (void *)heap_page_address(first);
}

/* Needs heap.lock. */
static void run_free(u64 first)
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
static void run_shrink(u64 first, u64 keep, u64 bytes)
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
static bool run_grow(u64 first, u64 want, u64 bytes)
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
                                              : run_alloc(bytes, align);
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

static bool slot_is_live(const struct heap_page *info, u64 slot)
{
    return info->taken[slot / 64] >> (slot % 64) & 1;
}

/* The page of a live object that starts at `address`, or death with a code. Needs
 * heap.lock. */
static u64 object_page(u64 address)
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
    if (!slot_is_live(info, offset / class))
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
    u64 page = object_page(address);
    const struct heap_page *info = heap_page_info(page);
    if (info->kind == HEAP_PAGE_RUN) {
        run_free(page);
    } else {
        /* The object is still the caller's, so nobody else looks at it while it is
         * zeroed. Its page is present or never was touched: no fault under the lock. */
        slot_zero(page, address, heap_class_bytes(info->class_index));
        heap_slab_free(page, address);
    }
    spin_unlock_irqrestore(&heap.lock, flags);
}

/* --- resizing --- */

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
    u64 want = pages_of(bytes), had = info->run_pages;
    if (want > had)
        return run_grow(page, want, bytes);
    run_shrink(page, want, bytes);
    tail_zero(address, bytes, want * PAGE_BYTES);
    return true;
}

/* A shrink that found no smaller place: the object stays where it is. */
static void *resize_stay(u64 address, u64 bytes, u64 usable)
{
    if (bytes > usable)
        return NULL;
    u64 flags = spin_lock_irqsave(&heap.lock);
    u64 page = object_page(address);
    if (heap_page_info(page)->kind == HEAP_PAGE_RUN) {
        run_shrink(page, pages_of(bytes), bytes);
        tail_zero(address, bytes, pages_of(bytes) * PAGE_BYTES);
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
    u64 page = object_page((u64)(uintptr_t)object);
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

/* --- the page fault --- */

/* The entry of a page that has a table; NULL outside the window or without one. */
static pte_t *fault_entry(virt_t address)
{
    if (address.raw < HEAP_WINDOW || address.raw - HEAP_WINDOW >= HEAP_BYTES)
        return NULL;
    u64 page = (address.raw - HEAP_WINDOW) >> PAGE_SHIFT;
    pte_t *table = atomic_load_pointer(
        (void *const *)&heap.table[page / HEAP_REGION_PAGES]);
    return table ? &table[page % HEAP_REGION_PAGES] : NULL;
}

/* Somebody else resolved the fault, or took the page away meanwhile. */
static bool fault_lost(const pte_t *entry)
{
    bool there = pte_is_present(pte_read(entry));
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
    for (u32 tries = 0; pte_read(entry).raw == PTE_ARMED; tries++) {
        if (!pmm_take_promised(OWNER_HEAP, &frame)) {
            ASSERT_MSG(tries < FAULT_TRIES, "V:%#lx is armed, but nothing is promised",
                       address.raw);
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
    return fault_lost(entry);
}

/* --- facts --- */

void heap_stats_get(struct heap_stats *out)
{
    u64 flags = spin_lock_irqsave(&heap.lock);
    *out = heap.stats;
    spin_unlock_irqrestore(&heap.lock, flags);
}

static void locate_in_page(const struct heap_page *info, u64 page, u64 address,
                           struct heap_where *out)
{
    if (info->kind == HEAP_PAGE_SLAB) {
        u64 class = heap_class_bytes(info->class_index);
        u64 slot = (address & (PAGE_BYTES - 1)) / class;
        /* Behind the last slot a few bytes belong to none. */
        bool slack = slot >= PAGE_BYTES / class;
        out->object = heap_page_address(page) + slot * class;
        out->object_bytes = slack ? PAGE_BYTES % class : class;
        bool live = !slack && slot_is_live(info, slot);
        out->place = live ? HEAP_PLACE_OBJECT : HEAP_PLACE_FREE;
        return;
    }
    u64 first = info->kind == HEAP_PAGE_RUN ? page : info->link;
    const struct heap_page *head = heap_page_info(first);
    if (!head || info->kind == HEAP_PAGE_FREE)
        return;
    out->place = info->kind == HEAP_PAGE_GUARD ? HEAP_PLACE_GUARD : HEAP_PLACE_OBJECT;
    out->object = heap_page_address(first);
    out->object_bytes = head->run_bytes;
}

void heap_locate(virt_t address, struct heap_where *out)
{
    *out = (struct heap_where){.place = HEAP_PLACE_OUTSIDE};
    if (address.raw < HEAP_WINDOW || address.raw - HEAP_WINDOW >= HEAP_BYTES)
        return;
    out->place = HEAP_PLACE_NEVER;
    u64 page = (address.raw - HEAP_WINDOW) >> PAGE_SHIFT;
    const struct heap_page *info = heap_page_info(page);
    if (info)
        locate_in_page(info, page, address.raw, out);
}
