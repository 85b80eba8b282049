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

struct heap heap;

void heap_init(enum heap_mode mode)
{
    memset(&heap, 0, sizeof(heap));
    spin_init(&heap.lock, "heap");
    heap.mode = mode;
    heap.taken[0] = 1; /* page 0 stays a guard for ever, and 0 means "none" in links */
    heap.search_from = 1;
    heap_classes_init();
}

enum heap_mode heap_mode_now(void)
{
    return heap.mode;
}

const char *heap_mode_name(enum heap_mode mode)
{
    static const char *const names[] = {"plain", "guard", "poison"};
    return names[mode];
}

/* --- allocation --- */

static void *object_take(u64 bytes, u64 align, site_t site)
{
    u32 class_index = HEAP_CLASSES;
    if (heap.mode != HEAP_GUARD)
        class_index = heap_class_for(
            bytes + (heap.mode == HEAP_POISON ? HEAP_EDGE_BYTES : 0), align);
    u64 flags = spin_lock_irqsave(&heap.lock);
    void *object = class_index < HEAP_CLASSES
                       ? heap_slab_alloc(class_index, bytes, site)
                       : heap_run_alloc(bytes, align, site);
    spin_unlock_irqrestore(&heap.lock, flags);
    return object;
}

/* Outside the lock: the object is nobody else's, and edges may need a page fault. */
static void object_open(u64 address)
{
    u64 page = heap_page_of(address);
    if (heap_page_info(page)->kind == HEAP_PAGE_SLAB) {
        heap_slot_open(page, address);
    } else if (heap.mode != HEAP_PLAIN) {
        struct heap_extent extent;
        heap_extent_of(page, address, &extent);
        heap_edges_fill(&extent);
    }
}

void *heap_object_alloc(u64 bytes, u64 align, site_t site)
{
    void *object = NULL;
    if (bytes != 0 && bytes < HEAP_BYTES && bits_is_power_of_two(align) &&
        align <= HEAP_ALIGN_MAX)
        object = object_take(bytes, MAX(align, (u64)HEAP_ALIGN), site);
    if (object)
        object_open((u64)(uintptr_t)object);
    else
        atomic_fetch_add_u64(&heap.stats.refused, 1);
    return object;
}

void *heap_alloc(u64 bytes)
{
    return heap_object_alloc(bytes, HEAP_ALIGN, SITE_OF_CALLER());
}

void *heap_alloc_aligned(u64 bytes, u64 align)
{
    return heap_object_alloc(bytes, align, SITE_OF_CALLER());
}

/* Fresh pages are zero frames, and slots are zero when they are given: there is nothing
 * left to do. */
void *heap_alloc_zeroed(u64 bytes)
{
    return heap_object_alloc(bytes, HEAP_ALIGN, SITE_OF_CALLER());
}

void *heap_alloc_zeroed_aligned(u64 bytes, u64 align)
{
    return heap_object_alloc(bytes, align, SITE_OF_CALLER());
}

/* --- pointers back to descriptors --- */

static NORETURN void die_not_live(u64 address)
{
    struct heap_where where;
    char text[HEAP_SITES_BYTES];
    heap_locate(virt_make(address), &where);
    struct heap_extent known = {.alloc_site = where.alloc_site,
                                .free_site = where.free_site,
                                .exact = where.sites_exact};
    if (where.free_site.raw == 0)
        panic_code(CODE_HP_01,
                   "V:%#lx is in a page that holds no object and never did, as far as "
                   "is known",
                   address);
    if (where.place == HEAP_PLACE_FREE)
        panic_code(CODE_HP_01, "the object of %lu bytes at V:%#lx is free already: %s",
                   where.class_bytes, address, heap_sites_text(&known, text));
    panic_code(CODE_HP_01, "the object at V:%#lx is freed twice: %s", address,
               heap_sites_text(&known, text));
}

/* Neither the start of a run's object nor that of a slot. */
static NORETURN void die_inside(u64 address)
{
    struct heap_where where;
    heap_locate(virt_make(address), &where);
    u64 offset = address - where.object;
    if (where.object == 0)
        panic_code(CODE_HP_02, "V:%#lx lies in a %s whose object is not known", address,
                   where.place == HEAP_PLACE_GUARD ? "guard page" : "page of a run");
    if (where.class_bytes != 0 && where.object_bytes < where.class_bytes &&
        where.place == HEAP_PLACE_FREE)
        panic_code(CODE_HP_02,
                   "V:%#lx lies behind the last object of its page, in no object",
                   address);
    if (where.place == HEAP_PLACE_GUARD || offset >= where.object_bytes)
        panic_code(CODE_HP_02, "V:%#lx lies %s the object of %lu bytes at V:%#lx",
                   address,
                   where.place == HEAP_PLACE_GUARD ? "in a guard page of" : "beside",
                   where.object_bytes, where.object);
    panic_code(CODE_HP_02, "V:%#lx lies %lu bytes inside the %s of %lu bytes at V:%#lx",
               address, offset,
               where.place == HEAP_PLACE_OBJECT ? "object" : "free object",
               where.object_bytes, where.object);
}

/* Where the run's object starts: in guard mode not at the page's start. */
static bool is_run_start(const struct heap_page *info, u64 address)
{
    return info->kind == HEAP_PAGE_RUN && address % PAGE_BYTES == info->run.start;
}

static bool is_slot_start(const struct heap_page *info, u64 address)
{
    if (info->kind != HEAP_PAGE_SLAB)
        return false;
    u64 class = heap_class_bytes(info->class_index), offset = address % PAGE_BYTES;
    return offset % class == 0 && offset / class < PAGE_BYTES / class;
}

u64 heap_object_page(u64 address)
{
    if (address < HEAP_WINDOW || address - HEAP_WINDOW >= HEAP_BYTES)
        panic_code(CODE_HP_03, "V:%#lx is not in the heap at V:%#lx", address,
                   (u64)HEAP_WINDOW);
    u64 page = heap_page_of(address);
    const struct heap_page *info = heap_page_info(page);
    if (!info || info->kind == HEAP_PAGE_FREE || info->kind == HEAP_PAGE_DYING)
        die_not_live(address);
    if (is_run_start(info, address))
        return page;
    if (!is_slot_start(info, address))
        die_inside(address);
    if (!heap_slot_is_live(info,
                           address % PAGE_BYTES / heap_class_bytes(info->class_index)))
        die_not_live(address);
    return page;
}

/* --- freeing --- */

static void run_check(u64 first)
{
    struct heap_extent extent;
    heap_extent_of(first, heap_page_address(first), &extent);
    heap_edges_check(&extent);
}

void heap_object_free(u64 address, site_t site)
{
    u64 dying = HEAP_NO_PAGE;
    u64 flags = spin_lock_irqsave(&heap.lock);
    u64 page = heap_object_page(address);
    bool is_run = heap_page_info(page)->kind == HEAP_PAGE_RUN;
    if (is_run) {
        run_check(page);
        heap_run_condemn(page, site);
    } else {
        /* The object is still the caller's, so nobody else looks at it meanwhile. */
        heap_slot_close(page, address);
        dying = heap_slab_free(page, address, site);
    }
    spin_unlock_irqrestore(&heap.lock, flags);
    if (is_run)
        heap_run_retire(page);
    else if (dying != HEAP_NO_PAGE)
        heap_slab_retire(dying);
}

void heap_free(void *object)
{
    if (object)
        heap_object_free((u64)(uintptr_t)object, SITE_OF_CALLER());
}

/* --- facts --- */

void heap_stats_get(struct heap_stats *out)
{
    u64 flags = spin_lock_irqsave(&heap.lock);
    *out = heap.stats;
    spin_unlock_irqrestore(&heap.lock, flags);
}
