/* SPDX-License-Identifier: MIT
 *
 * The interrupt descriptor table, one for all CPUs, and the names of the vectors.
 *
 * All gates are interrupt gates (interrupts off on entry). Ring 3 may raise #BP and #OF
 * only. #DF, NMI, #MC and #DB run on IST stacks.
 */
#ifndef PLINTH_KERNEL_ARCH_IDT_H
#define PLINTH_KERNEL_ARCH_IDT_H

#include "kernel/arch/trap_frame.h"

/* Fills in the table. handler gets every trap, with interrupts off; it may turn them
 * on. Once. */
void idt_init(void (*handler)(struct trap_frame *frame));

/* Loads the table on this CPU. Needs gdt_init. */
void idt_load(void);

/* "#PF" and "page fault"; vectors above the exceptions are "" and "interrupt". Never
 * NULL. */
const char *vector_mnemonic(u64 vector);
const char *vector_name(u64 vector);

/* Lets NMIs through again (port 70h bit 7), which the loader masked over the mode
 * switches. Call when the IDT and its stacks stand. */
void nmi_enable(void);

#endif
