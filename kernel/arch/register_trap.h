/* SPDX-License-Identifier: MIT
 *
 * A trap with a value of the caller's in each general register (register_trap.asm).
 *
 * Life: needs an IDT whose handler comes back.
 */
#ifndef PLINTH_KERNEL_ARCH_REGISTER_TRAP_H
#define PLINTH_KERNEL_ARCH_REGISTER_TRAP_H

#include "kernel/base/types.h"

#define REGISTER_COUNT 16

/* In encoding order: RAX, RCX, RDX, RBX, RSP .. R15. RSP is neither loaded nor stored.
 */
struct register_trap {
    u64 before[REGISTER_COUNT];
    u64 after[REGISTER_COUNT];
};

/* On the stack in use: vector 3. */
void register_trap(struct register_trap *registers);
/* On a stack of its own: vector 1. */
void register_trap_ist(struct register_trap *registers);

#endif
