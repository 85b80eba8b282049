/* SPDX-License-Identifier: MIT
 *
 * Small objects: a slab is one page of equal slots, its free slots a bit-field in the
 * page's descriptor. Freed objects are zeroed before their bit is cleared, so a slot is
 * zero whenever it is free. Each class keeps at most one empty slab.
 */
#include "kernel/base/assert.h"
#include "kernel/base/bits.h"
#include "kernel/base/panic.h"
#include "kernel/base/string.h"
#include "mm/heap_internal.h"

/* Steps of at most a quarter, so that little of a slot is wasted. Multiples of 16. */
static const u16 class_bytes[HEAP_CLASSES] = {
    16,  32,  48,  64,  80,  96,  112, 128, 160,  192,  224,
    256, 320, 384, 448, 512, 576, 672, 800, 1024, 1344, 2048,
};

u64 heap_class_bytes(u32 class_index)
{
    return class_bytes[class_index];
}

u32 heap_class_for(u64 bytes, u64 align)
{
    u32 i = 0;
    while (i < HEAP_CLASSES &&
           (class_bytes[i] < bytes || !IS_ALIGNED(class_bytes[i], align)))
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

static bool slab_add(u32 class_index)
{
    u64 page;
    if (heap_pages_take(1, 0, 1, &page) != STATUS_OK)
        return false;
    struct heap_page *info = heap_page_info(page);
    memset(info, 0, sizeof(*info));
    info->kind = HEAP_PAGE_SLAB;
    info->class_index = (u8)class_index;
    room_add(class_index, (u32)page);
    heap.slabs[class_index]++;
    return true;
}

static void slab_remove(u32 class_index, u32 page)
{
    room_remove(class_index, page);
    heap_pages_disarm(page, 1);
    heap_pages_release(page, 1);
    heap.slabs[class_index]--;
}

/* The lowest free slot; the slab is known to have one. */
static u32 slot_take(struct heap_page *info)
{
    for (u32 i = 0; i < ARRAY_COUNT(info->taken); i++)
        if (~info->taken[i] != 0) {
            u32 bit = bits_lowest(~info->taken[i]);
            info->taken[i] |= 1UL << bit;
            info->used++;
            return i * 64 + bit;
        }
    ASSERT(!"a slab with room has a free slot");
    return 0;
}

/* Needs heap.lock. */
void *heap_slab_alloc(u32 class_index)
{
    if (heap.room[class_index] == HEAP_NO_PAGE && !slab_add(class_index))
        return NULL;
    u32 page = heap.room[class_index];
    struct heap_page *info = heap_page_info(page);
    u32 slot = slot_take(info);
    if (info->used == class_slots(class_index))
        room_remove(class_index, page);
    heap.stats.objects++;
    heap.stats.object_bytes += class_bytes[class_index];
    return (void *)(heap_page_address(page) + slot * class_bytes[class_index]);
}

/* Needs heap.lock; the object is zero already and known to be live. */
void heap_slab_free(u64 page, u64 address)
{
    struct heap_page *info = heap_page_info(page);
    u32 class_index = info->class_index;
    u64 slot = (address - heap_page_address(page)) / class_bytes[class_index];
    info->taken[slot / 64] &= ~(1UL << (slot % 64));
    if (info->used-- == class_slots(class_index))
        room_add(class_index, (u32)page);
    heap.stats.objects--;
    heap.stats.object_bytes -= class_bytes[class_index];
    bool others = heap.room[class_index] != page || info->next != HEAP_NO_PAGE;
    if (info->used == 0 && others)
        slab_remove(class_index, (u32)page);
}

void heap_trim(void)
{
    u64 flags = spin_lock_irqsave(&heap.lock);
    for (u32 i = 0; i < HEAP_CLASSES; i++)
        for (u32 page = heap.room[i]; page != HEAP_NO_PAGE;) {
            u32 next = heap_page_info(page)->next;
            if (heap_page_info(page)->used == 0)
                slab_remove(i, page);
            page = next;
        }
    spin_unlock_irqrestore(&heap.lock, flags);
}
