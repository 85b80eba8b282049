/* SPDX-License-Identifier: MIT */
#include "mm/kernel_stack.h"

bool kernel_stack_locate(virt_t address, struct kernel_stack_place *out)
{
    static const char *const names[STACK_SLOTS_AT_BOOT] = {
        [STACK_SLOT_BOOT] = "the kernel stack of CPU 0",
        [STACK_SLOT_DOUBLE_FAULT] = "the #DF stack of CPU 0",
        [STACK_SLOT_NMI] = "the NMI stack of CPU 0",
        [STACK_SLOT_MACHINE_CHECK] = "the #MC stack of CPU 0",
        [STACK_SLOT_DEBUG] = "the #DB stack of CPU 0",
        [STACK_SLOT_DEATH] = "the death stack of CPU 0",
    };
    u64 offset = address.raw - STACKS_BASE;
    u64 slot = offset / STACK_SLOT_BYTES;
    if (offset >= STACKS_BYTES || slot >= STACK_SLOTS_AT_BOOT)
        return false;
    out->name = names[slot];
    out->top = stack_slot_top((u32)slot);
    out->bottom = out->top - STACK_BYTES;
    out->in_guard = address.raw < out->bottom;
    out->bytes_below = out->in_guard ? out->bottom - address.raw : 0;
    return true;
}
