/* SPDX-License-Identifier: MIT
 *
 * The heap's own audit: descriptors, the map of taken pages, entries and counters must
 * agree, and nobody wrote to what nobody has.
 */
#include "kernel/base/bits.h"
#include "kernel/base/panic.h"
#include "mm/heap_internal.h"
#include "mm/page_table.h"

struct heap_sums {
    u64 pages, present, objects, bytes;
};

static void page_check(bool ok, u64 page, const char *what)
{
    if (!ok)
        panic_code(CODE_HP_04, "heap page V:%#lx: %s", heap_page_address(page), what);
}

static void slab_sum(const struct heap_page *info, u64 page, struct heap_sums *sums)
{
    u32 live = 0;
    for (u32 i = 0; i < ARRAY_COUNT(info->slab.taken); i++)
        live += bits_count(info->slab.taken[i]);
    page_check(info->class_index < HEAP_CLASSES, page, "class out of range");
    page_check(live == info->used, page, "used differs from its bits");
    sums->objects += live;
    sums->bytes += live * heap_class_bytes(info->class_index);
}

/* Free slots hold what they should, edges as well. */
static void slots_check(const struct heap_page *info, u64 page)
{
    u64 class = heap_class_bytes(info->class_index);
    struct heap_extent extent;
    for (u64 slot = 0; slot < PAGE_BYTES / class; slot++) {
        heap_extent_of(page, heap_page_address(page) + slot * class, &extent);
        if (heap_slot_is_live(info, slot))
            heap_edges_check(&extent);
        else
            heap_slot_check(&extent, extent.exact && extent.free_site.raw != 0);
    }
}

static void run_edges_check(u64 first)
{
    struct heap_extent extent;
    heap_extent_of(first, heap_page_address(first), &extent);
    heap_edges_check(&extent);
}

/* A run's pages in order: guard, head, tails, guard, all pointing at the head. */
static void run_check(const struct heap_page *head, u64 first)
{
    u64 pages = head->run.pages;
    page_check(pages != 0 && first + pages < HEAP_PAGES, first,
               "run of impossible length");
    page_check(head->run.start + head->run.bytes <= pages * PAGE_BYTES, first,
               "run longer than its pages");
    for (u64 page = first - 1; page <= first + pages; page++) {
        const struct heap_page *info = heap_page_info(page);
        bool inside = page > first && page < first + pages;
        if (page == first)
            continue;
        page_check(info && info->link == first &&
                       info->kind == (inside ? HEAP_PAGE_TAIL : HEAP_PAGE_GUARD),
                   page, "not part of its run");
    }
}

/* The list of slabs with room: linked both ways, each of the class, each with room. */
static void room_check(u32 class_index)
{
    u32 before = HEAP_NO_PAGE, length = 0;
    for (u32 page = heap.room[class_index]; page != HEAP_NO_PAGE; length++) {
        const struct heap_page *info = heap_page_info(page);
        page_check(info && info->kind == HEAP_PAGE_SLAB &&
                       info->class_index == class_index && info->prev == before &&
                       info->used < PAGE_BYTES / heap_class_bytes(class_index) &&
                       length < heap.slabs[class_index],
                   page, "list of slabs with room is broken");
        before = page;
        page = info->next;
    }
}

static void page_sum(u64 page, struct heap_sums *sums)
{
    const struct heap_page *info = heap_page_info(page);
    bool taken = heap.taken[page / 64] >> (page % 64) & 1;
    u64 entry = pte_read(heap_page_entry(page)).raw;
    bool dying = info->kind == HEAP_PAGE_DYING;
    bool owned = info->kind == HEAP_PAGE_SLAB || info->kind == HEAP_PAGE_RUN ||
                 info->kind == HEAP_PAGE_TAIL;
    bool alive = entry == PTE_ARMED || (entry & PTE_P);
    page_check(owned == alive || dying, page, "entry and descriptor disagree");
    page_check(alive || entry == 0, page, "entry is neither 0, ARMED nor present");
    page_check(page == 0 || taken == (info->kind != HEAP_PAGE_FREE), page,
               "taken bit is wrong");
    sums->pages += owned;
    sums->present += entry & PTE_P;
    if (info->kind == HEAP_PAGE_SLAB) {
        slab_sum(info, page, sums);
        slots_check(info, page);
    }
    if (info->kind == HEAP_PAGE_RUN) {
        run_check(info, page);
        run_edges_check(page);
        sums->objects++;
        sums->bytes += info->run.bytes;
    }
}

static void region_untaken_check(u64 first)
{
    /* Page 0 of the window is a guard without a table. */
    for (u64 page = first; page < first + HEAP_REGION_PAGES; page += 64)
        page_check(heap.taken[page / 64] == (page == 0), page, "taken without a table");
}

void heap_verify(void)
{
    struct heap_sums sums = {0};
    u64 flags = spin_lock_irqsave(&heap.lock);
    for (u64 page = 0; page < HEAP_PAGES; page++) {
        if (page % HEAP_REGION_PAGES == 0 && !heap.info[page / HEAP_REGION_PAGES]) {
            region_untaken_check(page);
            page += HEAP_REGION_PAGES - 1;
            continue;
        }
        page_sum(page, &sums);
    }
    for (u32 i = 0; i < HEAP_CLASSES; i++)
        room_check(i);
    const struct heap_stats *stats = &heap.stats;
    if (sums.pages != stats->pages || sums.present != stats->pages_present ||
        sums.objects != stats->objects || sums.bytes != stats->object_bytes)
        panic_code(CODE_HP_04,
                   "heap counters say %lu pages %lu present %lu objects %lu bytes, its "
                   "pages say %lu %lu %lu %lu",
                   stats->pages, stats->pages_present, stats->objects,
                   stats->object_bytes, sums.pages, sums.present, sums.objects,
                   sums.bytes);
    spin_unlock_irqrestore(&heap.lock, flags);
}
