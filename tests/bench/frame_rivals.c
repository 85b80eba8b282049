/* SPDX-License-Identifier: MIT */
#include "tests/bench/frame_rivals.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_spinlock_t lock;

/* --- the bitmap: one bit a frame, next fit --- */

static u64 *bitmap, bitmap_next;

static void bitmap_open(void)
{
    pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE);
    free(bitmap);
    bitmap = calloc(RIVAL_FRAMES / 64, sizeof(u64));
    bitmap_next = 0;
}

static u64 bitmap_mask(u64 frame, u64 count)
{
    return (count == 64 ? ~0UL : (1UL << count) - 1) << frame % 64;
}

static bool bitmap_is_free(u64 frame, u64 count)
{
    if (count < 64)
        return !(bitmap[frame / 64] & bitmap_mask(frame, count));
    for (u64 i = 0; i < count / 64; i++)
        if (bitmap[frame / 64 + i] != 0)
            return false;
    return true;
}

static void bitmap_set(u64 frame, u64 count, bool taken)
{
    for (u64 i = 0; i < count; i += 64) {
        u64 mask = bitmap_mask(frame, MIN(count, 64UL));
        if (taken)
            bitmap[(frame + i) / 64] |= mask;
        else
            bitmap[(frame + i) / 64] &= ~mask;
    }
}

static u64 bitmap_find(u64 count, u64 from, u64 end)
{
    for (u64 frame = ALIGN_UP(from, count); frame + count <= end; frame += count)
        if (bitmap_is_free(frame, count))
            return frame;
    return RIVAL_NONE;
}

static u64 bitmap_alloc(u32 order)
{
    u64 count = 1UL << order;
    pthread_spin_lock(&lock);
    u64 frame = bitmap_find(count, bitmap_next, RIVAL_FRAMES);
    if (frame == RIVAL_NONE)
        frame = bitmap_find(count, 0, RIVAL_FRAMES);
    if (frame != RIVAL_NONE) {
        bitmap_set(frame, count, true);
        bitmap_next = frame + count;
    }
    pthread_spin_unlock(&lock);
    return frame;
}

static void bitmap_free(u64 frame, u32 order)
{
    pthread_spin_lock(&lock);
    bitmap_set(frame, 1UL << order, false);
    pthread_spin_unlock(&lock);
}

static u64 bitmap_whole(void)
{
    u64 whole = 0;
    for (u64 frame = 0; frame < RIVAL_FRAMES; frame += 512)
        whole += bitmap_is_free(frame, 512);
    return whole;
}

const struct rival rival_bitmap = {"bitmap", bitmap_open, bitmap_alloc, bitmap_free,
                                   bitmap_whole};

/* --- the buddy: a free list for each order, last in first out --- */

struct buddy {
    u32 next, previous; /* frame numbers; 0 is the list's head, frames count from 1 */
    u8 order;
    bool free; /* head of a free block */
};

static struct buddy *buddies;
static u32 buddy_list[RIVAL_ORDER_MAX + 1];

static void buddy_link(u32 at, u32 order)
{
    struct buddy *block = &buddies[at];
    *block = (struct buddy){.next = buddy_list[order],
                            .order = (u8)order,
                            .free = true};
    if (block->next != 0)
        buddies[block->next].previous = at;
    buddy_list[order] = at;
}

static void buddy_unlink(u32 at)
{
    struct buddy *block = &buddies[at];
    if (block->previous != 0)
        buddies[block->previous].next = block->next;
    else
        buddy_list[block->order] = block->next;
    if (block->next != 0)
        buddies[block->next].previous = block->previous;
    block->free = false;
}

static void buddy_open(void)
{
    pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE);
    free(buddies);
    buddies = calloc(RIVAL_FRAMES + 1, sizeof(*buddies));
    memset(buddy_list, 0, sizeof(buddy_list));
    for (u64 frame = RIVAL_FRAMES; frame > 0; frame -= 512)
        buddy_link((u32)(frame - 512 + 1), RIVAL_ORDER_MAX);
}

static u64 buddy_alloc(u32 order)
{
    u32 have = order;
    pthread_spin_lock(&lock);
    while (have <= RIVAL_ORDER_MAX && buddy_list[have] == 0)
        have++;
    u64 frame = RIVAL_NONE;
    if (have <= RIVAL_ORDER_MAX) {
        u32 at = buddy_list[have];
        buddy_unlink(at);
        while (have-- > order)
            buddy_link(at + (1u << have), have);
        buddies[at].order = (u8)order;
        frame = at - 1;
    }
    pthread_spin_unlock(&lock);
    return frame;
}

static void buddy_free(u64 frame, u32 order)
{
    pthread_spin_lock(&lock);
    for (; order < RIVAL_ORDER_MAX; order++) {
        u32 other = (u32)(frame ^ 1UL << order) + 1;
        if (!buddies[other].free || buddies[other].order != order)
            break;
        buddy_unlink(other);
        frame &= ~(1UL << order);
    }
    buddy_link((u32)frame + 1, order);
    pthread_spin_unlock(&lock);
}

static u64 buddy_whole(void)
{
    u64 whole = 0;
    for (u32 at = buddy_list[RIVAL_ORDER_MAX]; at != 0; at = buddies[at].next)
        whole++;
    return whole;
}

const struct rival rival_buddy = {"buddy", buddy_open, buddy_alloc, buddy_free,
                                  buddy_whole};
