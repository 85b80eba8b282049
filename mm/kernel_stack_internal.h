/* SPDX-License-Identifier: MIT
 *
 * State shared by the files of kernel stacks.
 */
#ifndef PLINTH_MM_KERNEL_STACK_INTERNAL_H
#define PLINTH_MM_KERNEL_STACK_INTERNAL_H

#include "kernel/arch/spinlock.h"
#include "mm/kernel_stack.h"

#define STACK_PAGES       (STACK_BYTES / PAGE_BYTES)
#define STACK_GROUP_SLOTS (PAGE_2M_BYTES / STACK_SLOT_BYTES) /* of one page table */
#define STACK_GROUPS      (STACK_SLOTS / STACK_GROUP_SLOTS)

struct stack_slot {
    char name[STACK_NAME_BYTES];
    u32 state;
    u32 next_kept; /* slot + 1; 0: the last */
    site_t alloc_site, free_site;
    u64 unused;
};
STATIC_ASSERT(sizeof(struct stack_slot) * STACK_GROUP_SLOTS == PAGE_BYTES,
              "the descriptors of a group fill one frame");

struct stacks {
    /* Guards everything but the descriptors of stacks that are live or dying: those are
     * their owner's, but for `state`, which goes from live to dying by
     * compare-and-exchange; and stats.live, which is atomic. */
    struct spinlock lock;
    struct stack_slot *group[STACK_GROUPS]; /* read without the lock by facts */
    u64 taken[STACK_GROUPS];                /* one bit a slot: not free */
    u32 kept_first;                         /* slot + 1 */
    struct kernel_stack_stats stats;
};
extern struct stacks stacks;

/* NULL: its group has no tables. */
struct stack_slot *stack_slot_of(u32 slot);

/* The slot whose stack ends at top, or STACK_SLOTS. */
u32 stack_slot_find(u64 top);

/* What kernel/early calls its stacks; slot < STACK_SLOTS_AT_BOOT. */
const char *stack_early_name(u32 slot);

/* The deepest that a stack whose pages are mapped ever was, in bytes. */
u64 stack_depth(u64 top);

/* Dies with SO-04 unless the guard below the stack is absent. */
void stack_guard_check(u32 slot);

#endif
