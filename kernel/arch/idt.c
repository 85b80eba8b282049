/* SPDX-License-Identifier: MIT
 *
 * The IDT.
 */
#include "kernel/arch/idt.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/percpu.h"
#include "kernel/boot/layout.h"

#define GATE_RING3      0x60
#define STUB_BYTES      16

#define PORT_CMOS_INDEX 0x70
#define PORT_CMOS_DATA  0x71
#define CMOS_STATUS_D   0x0D

extern const u8 trap_stubs[];

/* entry.asm calls through it. */
void (*trap_handler)(struct trap_frame *frame);

static struct idt_gate idt[VECTOR_COUNT] ALIGNED(16);

static u8 ist_of(u32 vector)
{
    switch (vector) {
    case VECTOR_DOUBLE_FAULT:
        return IST_DOUBLE_FAULT;
    case VECTOR_NMI:
        return IST_NMI;
    case VECTOR_MACHINE_CHECK:
        return IST_MACHINE_CHECK;
    case VECTOR_DEBUG:
        return IST_DEBUG;
    default:
        return 0;
    }
}

void idt_init(void (*handler)(struct trap_frame *frame))
{
    trap_handler = handler;
    for (u32 vector = 0; vector < VECTOR_COUNT; vector++) {
        u64 stub = (u64)(uintptr_t)trap_stubs + (u64)vector * STUB_BYTES;
        bool ring3 = vector == VECTOR_BREAKPOINT || vector == VECTOR_OVERFLOW;

        idt_gate_set(&idt[vector], stub, ist_of(vector));
        if (ring3)
            idt[vector].type |= GATE_RING3;
    }
}

void idt_load(void)
{
    struct table_register table = {sizeof(idt) - 1, (u64)(uintptr_t)idt};

    lidt(&table);
}

void nmi_enable(void)
{
    outb(PORT_CMOS_INDEX, CMOS_STATUS_D);
    /* The clock chip expects an access to the data port after each index. */
    (void)inb(PORT_CMOS_DATA);
}
