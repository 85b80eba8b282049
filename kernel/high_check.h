/* SPDX-License-Identifier: MIT
 *
 * Whether this CPU stands on its own feet in the upper half: what a register still
 * holds of the lower half is lost with the identity map, and then the next trap is a
 * triple fault. Dies with CP-03, CP-04 or CP-07.
 *
 * Context: the boot CPU, before the identity map goes.
 */
#ifndef PLINTH_KERNEL_HIGH_CHECK_H
#define PLINTH_KERNEL_HIGH_CHECK_H

#include "kernel/arch/percpu.h"

/* The stack, as kernel_main found it: frame is its __builtin_frame_address(0). */
void high_check_stack(const void *frame);

/* Each IST of the boot CPU's TSS is the top of its guarded stack. After gdt_init, which
 * proves that this TSS is the loaded one, before the IDT that uses it. */
void high_check_ist(const struct percpu *cpu);

/* GDTR, IDTR, TR, and the stacks that the TSS gives to traps. Needs cpu_start. */
void high_check_tables(void);

#endif
