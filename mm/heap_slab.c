/* SPDX-License-Identifier: MIT
 *
 * Small objects: a slab is one page of equal slots, its free slots a bit-field in the
 * page's descriptor. Freed objects are zeroed (poison mode: filled) before their bit is
 * cleared, so that what a free slot holds is known. Each class keeps at most one empty
 * slab.
 */
#include "kernel/base/assert.h"
#include "kernel/base/bits.h"
#include "kernel/base/panic.h"
#include "kernel/base/string.h"
#include "mm/heap_internal.h"
#include "mm/pmm.h"

STATIC_ASSERT(PAGE_BYTES / HEAP_ALIGN * sizeof(struct heap_record) <= PAGE_BYTES,
              "the records of a slab fit into a frame");

/* Steps of at most a quarter, so that little of a slot is wasted. Multiples of 16. */
static const u16 class_bytes[HEAP_CLASSES] = {
    16,  32,  48,  64,  80,  96,  112, 128, 160,  192,  224,
    256, 320, 384, 448, 512, 576, 672, 800, 1024, 1344, 2048,
};

u64 heap_class_bytes(u32 class_index)
{
    return class_bytes[class_index];
}

/* The smallest class for each number of HEAP_ALIGN steps. */
static u8 class_by_steps[HEAP_SMALL_MAX / HEAP_ALIGN + 1];

void heap_classes_init(void)
{
    u8 class_index = 0;
    for (u32 steps = 0; steps < ARRAY_COUNT(class_by_steps); steps++) {
        if (steps * HEAP_ALIGN > class_bytes[class_index])
            class_index++;
        class_by_steps[steps] = class_index;
    }
}

u32 heap_class_for(u64 bytes, u64 align)
{
    if (bytes > HEAP_SMALL_MAX)
        return HEAP_CLASSES;
    u32 i = class_by_steps[ALIGN_UP(bytes, HEAP_ALIGN) / HEAP_ALIGN];
    while (i < HEAP_CLASSES && !IS_ALIGNED(class_bytes[i], align))
        i++;
    return i;
}

static u32 class_slots(u32 class_index)
{
    return PAGE_BYTES / class_bytes[class_index];
}

static void room_add(u32 class_index, u32 page)
{
    struct heap_page *info = heap_page_info(page);
    info->prev = HEAP_NO_PAGE;
    info->next = heap.room[class_index];
    if (info->next != HEAP_NO_PAGE)
        heap_page_info(info->next)->prev = page;
    heap.room[class_index] = page;
}

static void room_remove(u32 class_index, u32 page)
{
    struct heap_page *info = heap_page_info(page);
    if (info->prev != HEAP_NO_PAGE)
        heap_page_info(info->prev)->next = info->next;
    else
        heap.room[class_index] = info->next;
    if (info->next != HEAP_NO_PAGE)
        heap_page_info(info->next)->prev = info->prev;
    info->next = info->prev = HEAP_NO_PAGE;
}

/* A frame of records beside a slab; nothing to do outside poison mode. */
static enum status records_alloc(pfn_t *out)
{
    *out = pfn_make(0);
    return heap.mode == HEAP_POISON ? pmm_alloc(0, OWNER_HEAP_INFO, out) : STATUS_OK;
}

static void records_free(pfn_t records)
{
    if (records.raw == 0)
        return;
    enum status status = pmm_free(records, 0, OWNER_HEAP_INFO);
    ASSERT(status == STATUS_OK);
}

static bool slab_add(u32 class_index)
{
    u64 page;
    pfn_t records;
    if (records_alloc(&records) != STATUS_OK)
        return false;
    if (heap_pages_take(1, 0, 1, &page) != STATUS_OK) {
        records_free(records);
        return false;
    }
    *heap_page_info(page) = (struct heap_page){.kind = HEAP_PAGE_SLAB,
                                               .class_index = (u8)class_index,
                                               .slab.records = records.raw};
    room_add(class_index, (u32)page);
    heap.slabs[class_index]++;
    heap.stats.record_frames += records.raw != 0;
    return true;
}

static void slab_condemn(u32 class_index, u32 page)
{
    struct heap_page *info = heap_page_info(page);
    room_remove(class_index, page);
    heap.slabs[class_index]--;
    heap.stats.record_frames -= info->slab.records != 0;
    heap_pages_condemn(page, 1, info->free_site);
}

void heap_slab_retire(u64 page)
{
    records_free(pfn_make(heap_page_info(page)->slab.records));
    heap_pages_disarm(page, 1);
    u64 flags = spin_lock_irqsave(&heap.lock);
    heap_pages_release(page, 1);
    spin_unlock_irqrestore(&heap.lock, flags);
}

/* The lowest free slot; the slab is known to have one. */
static u32 slot_take(struct heap_page *info)
{
    u64 *taken = info->slab.taken;
    for (u32 i = 0; i < ARRAY_COUNT(info->slab.taken); i++)
        if (~taken[i] != 0) {
            u32 bit = bits_lowest(~taken[i]);
            taken[i] |= 1UL << bit;
            info->used++;
            return i * 64 + bit;
        }
    ASSERT(!"a slab with room has a free slot");
    return 0;
}

void *heap_slab_alloc(u32 class_index, u64 bytes, site_t site)
{
    if (bytes > class_bytes[class_index])
        panic_code(CODE_HP_11,
                   "a request for %lu bytes would get a slot of %u: the object would "
                   "end in its neighbour",
                   bytes, class_bytes[class_index]);
    if (heap.room[class_index] == HEAP_NO_PAGE && !slab_add(class_index))
        return NULL;
    u32 page = heap.room[class_index];
    struct heap_page *info = heap_page_info(page);
    u32 slot = slot_take(info);
    if (info->used == class_slots(class_index))
        room_remove(class_index, page);
    info->alloc_site = site;
    if (info->slab.records) {
        struct heap_record *record = &heap_slab_records(info)[slot];
        record->alloc_site = site;
        record->bytes = (u32)bytes;
    }
    heap.stats.objects++;
    heap.stats.object_bytes += class_bytes[class_index];
    return (void *)(heap_page_address(page) + slot * class_bytes[class_index]);
}

u64 heap_slab_free(u64 page, u64 address, site_t site)
{
    struct heap_page *info = heap_page_info(page);
    u32 class_index = info->class_index;
    u64 slot = (address - heap_page_address(page)) / class_bytes[class_index];
    info->slab.taken[slot / 64] &= ~(1UL << (slot % 64));
    info->free_site = site;
    if (info->slab.records)
        heap_slab_records(info)[slot].free_site = site;
    if (info->used-- == class_slots(class_index))
        room_add(class_index, (u32)page);
    heap.stats.objects--;
    heap.stats.object_bytes -= class_bytes[class_index];
    bool others = heap.room[class_index] != page || info->next != HEAP_NO_PAGE;
    if (info->used != 0 || !others)
        return HEAP_NO_PAGE;
    slab_condemn(class_index, (u32)page);
    return page;
}

/* An empty slab, dying now, or HEAP_NO_PAGE. */
static u32 slab_condemn_empty(u32 class_index)
{
    u32 page = heap.room[class_index];
    while (page != HEAP_NO_PAGE && heap_page_info(page)->used != 0)
        page = heap_page_info(page)->next;
    if (page != HEAP_NO_PAGE)
        slab_condemn(class_index, page);
    return page;
}

void heap_trim(void)
{
    for (u32 i = 0; i < HEAP_CLASSES; i++) {
        u64 flags = spin_lock_irqsave(&heap.lock);
        u32 page = slab_condemn_empty(i);
        spin_unlock_irqrestore(&heap.lock, flags);
        if (page != HEAP_NO_PAGE)
            heap_slab_retire(page);
    }
}
