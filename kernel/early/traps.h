/* SPDX-License-Identifier: MIT
 *
 * Traps of early code: an IDT of the low image, loaded as its first act, that stands
 * until the kernel's own does (kernel_main, trap_init). Every trap is a death; it is
 * explained from the CPU's frame, the tables in CR3 and the interrupt controller.
 *
 * Stack: stage2's fault stack (IST1), so that a stack that is gone can still be told.
 */
#ifndef PLINTH_KERNEL_EARLY_TRAPS_H
#define PLINTH_KERNEL_EARLY_TRAPS_H

#include "kernel/base/types.h"

/* The error code that says that the CPU pushed none. */
#define EARLY_NO_CODE ((u64)-1)

/* As kernel/early/trap_entry.asm pushes it. */
struct early_frame {
    u64 r15, r14, r13, r12, r11, r10, r9, r8;
    u64 rbp, rdi, rsi, rdx, rcx, rbx, rax;
    u64 stub; /* where the stub's call would return to */
    u64 error_code;
    u64 rip, cs, rflags, rsp, ss;
};

/* Loads the IDT. Needs .bss, and stage2's GDT and TSS. */
void early_traps_init(void);

/* Where it stands and where its handlers are, for whoever changes CR3. */
u64 early_idt_base(void);
u64 early_stub_base(void);

NORETURN void early_trap(const struct early_frame *frame);

#endif
