/* SPDX-License-Identifier: MIT
 *
 * Kernel stacks and fault stacks, in a window of their own.
 *
 *   slot of 32 KiB:   | guard, 16 KiB, never mapped | stack, 16 KiB  |
 *                                                   bottom          top
 *
 * All of a stack is mapped before anybody runs on it: a page fault needs a stack, so it
 * cannot make one. Its leaves are not GLOBAL. 64 slots share a page table and a frame
 * of descriptors, made for the first of them and kept; every space sees them, because
 * the tables above are shared and frozen.
 *
 * A stack is zero when it is given, so the lowest word that is not tells how deep it
 * ever was. Freed stacks are kept for reuse, zeroed, up to STACKS_KEPT_MAX; the frames
 * of others go back after a full flush, for INVLPG would reach this PCID only.
 *
 * Owns:     the window's slots, the frames behind them (OWNER_STACK).
 * Does not: know threads or CPUs: a stack has the name that its owner gave it.
 * Refuses:  to free what is no live stack, one that this CPU stands on or would enter
 *           by a trap, or one of kernel/early's (SO-03); a stack whose guard is mapped
 *           (SO-04). Deaths, with the stack's name and who allocated it.
 * Locking:  one spinlock with interrupts off; no stack is mapped, flushed or zeroed
 *           under it. The first stack of a group makes tables under it, and takes the
 *           lock of the kernel's page_space meanwhile: this lock first, never after
 *           that one. Facts take none.
 * Context:  alloc and free: not in traps. Facts: any, the fatal path included.
 * Life:     kernel_stack_init once the kernel's tables can be written; the stacks that
 *           kernel/early made (STACK_SLOT_...) are live from the start.
 */
#ifndef PLINTH_MM_KERNEL_STACK_H
#define PLINTH_MM_KERNEL_STACK_H

#include "kernel/base/site.h"
#include "kernel/base/status.h"
#include "kernel/boot/layout.h"
#include "mm/addr.h"

#define STACK_SLOTS      (STACKS_BYTES / STACK_SLOT_BYTES)
#define STACKS_KEPT_MAX  16
#define STACK_NAME_BYTES 40

void kernel_stack_init(void);

/* A stack of STACK_BYTES, all zero; *top is its upper end, aligned to a page. name:
 * what deaths and reports call it, "the kernel stack of thread 7"; copied, cut to
 * STACK_NAME_BYTES - 1. STATUS_NO_MEMORY, STATUS_NO_SPACE: nothing has changed. */
MUST_USE enum status kernel_stack_alloc(const char *name, u64 *top);

/* Gives back what kernel_stack_alloc gave. Nobody may run on it. */
void kernel_stack_free(u64 top);

/* Gives all kept stacks back to the frame allocator. */
void kernel_stack_trim(void);

/* The deepest that a live or kept stack ever was, in bytes; 0 for all else. It reads the
 * stack: one that another CPU gives back during the scan may fault under it. */
u64 kernel_stack_depth(u64 top);

struct kernel_stack_stats {
    u64 live;
    u64 kept;    /* for reuse */
    u64 groups;  /* of 64 slots, that have tables */
    u64 deepest; /* of all freed so far */
};
void kernel_stack_stats_get(struct kernel_stack_stats *out);

/* The live stacks: *slot starts at 0; false at the end. The name is the descriptor's.
 */
bool kernel_stack_next(u32 *slot, u64 *top, const char **name);

/* What an address of the window is. False: a slot that never had a stack. */
enum kernel_stack_state { STACK_FREE, STACK_DYING, STACK_KEPT, STACK_LIVE };
struct kernel_stack_place {
    const char *name; /* "the kernel stack of CPU 0", "a freed kernel stack" */
    enum kernel_stack_state state;
    u64 top;
    u64 bottom;
    bool in_guard;   /* of a live stack */
    u64 bytes_below; /* in_guard: how far below the stack's bottom */
};
bool kernel_stack_locate(virt_t address, struct kernel_stack_place *out);

/* Checks every slot against the page tables: guards absent, stacks whole, kept ones
 * zero; dies with SO-04. Nobody may allocate or free meanwhile. */
void kernel_stack_verify(void);

/* The frames of descriptors, which no table maps: *group starts at 0; false at the end.
 */
bool kernel_stack_descriptors(u32 *group, pfn_t *frame);

/* The top of a boot-time stack slot (STACK_SLOT_...). */
static inline u64 stack_slot_top(u32 slot)
{
    return STACKS_BASE + (slot + 1) * STACK_SLOT_BYTES;
}

#endif
