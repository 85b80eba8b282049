/* SPDX-License-Identifier: MIT
 *
 * The short way for single frames, inline: pops and pushes on this CPU's stack with all
 * checks and nothing else. mm/pmm.c goes over it; callers for whom a call is much (a
 * page fault) may use it directly and fall back to mm/pmm.h when it says false.
 *
 * Locking: none. Interrupts are off for some twenty instructions; the word of a frame
 *          changes by compare-and-swap where two releases may race for it.
 * Cost:    a pair is less than 60 instructions (`make bench`, frame_pair_inline).
 */
#ifndef PLINTH_MM_PMM_SINGLE_H
#define PLINTH_MM_PMM_SINGLE_H

#include "mm/pmm_stack.h"

/* The head of a block of one frame, as its owner sees it, without node and flags. */
static inline u64 frame_used_word(enum frame_owner owner)
{
    return frame_make(owner, FRAME_USED, 0, 1).word;
}

/* Makes a free frame, whose bit was taken, its owner's, and answers what its word was.
 * Interrupts are off. */
static inline struct frame single_own(struct pmm_cpu *cpu, pfn_t pfn,
                                      enum frame_owner owner)
{
    struct frame *frame = frame_at(pfn), had = {atomic_load_relaxed_u64(&frame->word)};
    ASSERT(frame_is_free(had));
    atomic_store_relaxed_u64(&frame->word,
                             (had.word & FRAME_NODE_MASK) | frame_used_word(owner));
    atomic_add_own_u64(&cpu->owned[owner], 1);
    return had;
}

/* Takes the top frame. False when there is none. The caller's variables may be heap
 * memory without a frame yet, and interrupts off keep no page fault away: a fault takes
 * its frame from this very stack. So they are written last, when the stack is whole. */
static inline bool single_pop(enum frame_owner owner, pfn_t *out, struct frame *was)
{
    u64 flags = irq_save();
    struct pmm_cpu *cpu = percpu_frames();
    u64 count = cpu->count;
    if (__builtin_expect(count == 0, 0)) {
        irq_restore(flags);
        return false;
    }
    pfn_t pfn = pfn_make(cpu->frames[--count]);
    cpu->count = count;
    struct frame had = single_own(cpu, pfn, owner);
    irq_restore(flags);
    atomic_compiler_fence();
    *out = pfn;
    *was = had;
    return true;
}

/* Claims a used frame for its release, in one step, so that of two only one succeeds.
 * False: look closer. */
static inline bool single_claim(const struct pmm_cpu *cpu, pfn_t pfn,
                                enum frame_owner owner, enum frame_state state)
{
    /* Once known, an area is open for ever: it does not matter whose CPU knew. */
    if (area_of(pfn) != cpu->known_area)
        return false;
    u64 *word = &frame_at(pfn)->word;
    u64 have = atomic_load_relaxed_u64(word);
    if ((have & ~(FRAME_NODE_MASK | FRAME_FLAGS_MASK)) != frame_used_word(owner))
        return false;
    return atomic_compare_exchange_u64(
        word, &have, (have & FRAME_NODE_MASK) | frame_make(owner, state, 0, 0).word);
}

/* On top of the stack goes a frame whose word says that it is free. There is room. */
static inline void single_push(struct pmm_cpu *cpu, u64 count, pfn_t pfn,
                               enum frame_owner owner)
{
    cpu->frames[count] = pfn.raw;
    cpu->count = count + 1;
    atomic_add_own_u64(&cpu->owned[owner], ~0UL);
}

/* As pmm_alloc_raw(0, owner, out) for a valid owner, where the stack has a frame.
 * False: call that. */
static inline bool single_alloc_raw(enum frame_owner owner, pfn_t *out)
{
    struct frame was;
    return single_pop(owner, out, &was);
}

/* As pmm_free_raw(pfn, 0, owner) for a valid owner, where nothing stands against it and
 * the stack has room. False: call that; nothing has changed. */
static inline bool single_free_raw(pfn_t pfn, enum frame_owner owner)
{
    u64 flags = irq_save();
    struct pmm_cpu *cpu = percpu_frames();
    u64 count = cpu->count;
    bool done = count < cpu->limit && single_claim(cpu, pfn, owner, FRAME_NEW);
    if (__builtin_expect(done, 1))
        single_push(cpu, count, pfn, owner);
    irq_restore(flags);
    return done;
}

#endif
