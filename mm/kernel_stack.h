/* SPDX-License-Identifier: MIT
 *
 * Kernel stacks and fault stacks in their window: one slot each, the lower half absent,
 * so that running over the end is a fault, the upper half the stack.
 *
 * Context: questions: any.
 */
#ifndef PLINTH_MM_KERNEL_STACK_H
#define PLINTH_MM_KERNEL_STACK_H

#include "kernel/boot/layout.h"
#include "mm/addr.h"

/* Kernel stacks: what an address of their window is. */
struct kernel_stack_place {
    const char *name; /* "kernel stack of CPU 0", ... */
    u64 top;
    u64 bottom;
    bool in_guard;
    u64 bytes_below; /* in_guard: how far below the stack's bottom */
};
bool kernel_stack_locate(virt_t address, struct kernel_stack_place *out);

/* The top of a boot-time stack slot (STACK_SLOT_...). */
static inline u64 stack_slot_top(u32 slot)
{
    return STACKS_BASE + (slot + 1) * STACK_SLOT_BYTES;
}

#endif
