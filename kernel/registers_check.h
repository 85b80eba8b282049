/* SPDX-License-Identifier: MIT
 *
 * Does each general register come through a trap?
 */
#ifndef PLINTH_KERNEL_REGISTERS_CHECK_H
#define PLINTH_KERNEL_REGISTERS_CHECK_H

/* Raises two traps on purpose, one on the stack in use and one on an IST stack; dies
 * with TR-04 when a register is another one in the trap's frame or behind the trap.
 * Needs the IDT, the per-CPU block and the IST stacks. */
void registers_check(void);

#endif
