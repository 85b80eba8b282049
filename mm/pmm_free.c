/* SPDX-License-Identifier: MIT
 *
 * Release: the steps of mm/pmm.c's head, in the order that needs no lock.
 */
#include "mm/page_ops.h"
#include "mm/pmm_single.h"
#include "mm/ram.h"

/* A block this large, when freed, is zeroed past the caches: nobody will have all of it
 * again while it is still in there. */
#define COLD_ORDER 6

/* Claims a used block for its release: the head word changes in one step, so that of
 * two frees of the same block one is refused. */
bool block_claim(pfn_t pfn, u32 order, enum frame_owner owner, enum frame_state state)
{
    if (!order_is_valid(order) || !owner_is_valid(owner) ||
        !IS_ALIGNED(pfn.raw, 1UL << order) || !pfn_is_open(pfn, 1UL << order))
        return false;
    u64 *word = &frame_at(pfn)->word, have = atomic_load_u64(word);
    do
        if ((have & ~(FRAME_NODE_MASK | FRAME_FLAGS_MASK)) !=
            frame_make(owner, FRAME_USED, order, 1).word)
            return false;
    while (!atomic_compare_exchange_u64(
        word, &have, (have & FRAME_NODE_MASK) | frame_make(owner, state, 0, 0).word));
    return true;
}

/* The memory and the words of a claimed block become free; its bits do not yet. */
void block_clear(pfn_t pfn, u32 order, enum frame_owner owner, enum frame_state state)
{
    struct frame *frame = frame_at(pfn);
    if (state == FRAME_ZERO && order < COLD_ORDER)
        page_zero(pfn_to_ptr(pfn), (u64)PAGE_BYTES << order);
    else if (state == FRAME_ZERO)
        page_zero_cold(pfn_to_ptr(pfn), (u64)PAGE_BYTES << order);
    tails_fill(frame, order,
               (frame->word & FRAME_NODE_MASK) | frame_make(owner, state, 0, 0).word);
}

void block_give(pfn_t pfn, u32 order, enum frame_owner owner, u64 *pool)
{
    u64 flags = irq_save();
    struct pmm_cpu *cpu = percpu_frames();
    cpu->known_area = area_of(pfn);
    atomic_add_own_u64(&cpu->owned[owner], -(1UL << order));
    if (order == 0 && pool == &pmm.unpromised) {
        stack_give(cpu, pfn);
    } else {
        tree_give(pfn, order);
        atomic_fetch_add_u64(pool, 1UL << order);
    }
    irq_restore(flags);
}

enum status block_free(pfn_t pfn, u32 order, enum frame_owner owner,
                       enum frame_state state, u64 *pool)
{
    if (!block_claim(pfn, order, owner, state))
        return pmm_refuse(pfn, order, owner);
    block_clear(pfn, order, owner, state);
    block_give(pfn, order, owner, pool);
    return STATUS_OK;
}

enum status pmm_free(pfn_t pfn, u32 order, enum frame_owner owner)
{
    if (order != 0 || !owner_is_valid(owner) ||
        !single_claim(percpu_frames(), pfn, owner, FRAME_ZERO))
        return block_free(pfn, order, owner, FRAME_ZERO, &pmm.unpromised);
    page_zero(pfn_to_ptr(pfn), PAGE_BYTES);
    block_give(pfn, 0, owner, &pmm.unpromised);
    return STATUS_OK;
}

enum status pmm_free_raw(pfn_t pfn, u32 order, enum frame_owner owner)
{
    if (order != 0 || !owner_is_valid(owner) || !single_free_raw(pfn, owner))
        return block_free(pfn, order, owner, FRAME_NEW, &pmm.unpromised);
    return STATUS_OK;
}
