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
#include "kernel/boot/layout.h"

/* 64-bit gate, SDM vol. 3A, figure 6-8 */
struct idt_gate {
    u16 offset_low;
    u16 selector;
    u8 ist;
    u8 type;
    u16 offset_middle;
    u32 offset_high;
    u32 reserved;
};

STATIC_ASSERT(sizeof(struct idt_gate) == 16, "SDM vol. 3A, figure 6-8");

#define GATE_INTERRUPT 0x8E /* present, ring 0, interrupts off on entry */

static inline u64 idt_gate_handler(const struct idt_gate *gate)
{
    return gate->offset_low | (u64)gate->offset_middle << 16 |
           (u64)gate->offset_high << 32;
}

static inline void idt_gate_set(struct idt_gate *gate, u64 handler, u8 ist)
{
    *gate = (struct idt_gate){
        .offset_low = (u16)handler,
        .offset_middle = (u16)(handler >> 16),
        .offset_high = (u32)(handler >> 32),
        .selector = SEL_KERNEL_CODE,
        .ist = ist,
        .type = GATE_INTERRUPT,
    };
}

/* Fills in the table. handler gets every trap, with interrupts off; it may turn them
 * on. Once. */
void idt_init(void (*handler)(struct trap_frame *frame));

/* Dies with TR-02 unless stubs and gates are as the CPU needs them: an error code
 * pushed by one of the two, not both; IST stacks where a stack may be what is broken.
 */
void idt_check(void);

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
