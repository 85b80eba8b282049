/* SPDX-License-Identifier: MIT
 *
 * The IDT.
 */
#include "kernel/arch/idt.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/percpu.h"
#include "kernel/boot/layout.h"

/* 64-bit gate, SDM vol. 3A, figure 6-8 */
struct gate {
    u16 offset_low;
    u16 selector;
    u8 ist;
    u8 type;
    u16 offset_middle;
    u32 offset_high;
    u32 reserved;
};

#define GATE_INTERRUPT  0x8E
#define GATE_RING3      0x60
#define STUB_BYTES      16

#define PORT_CMOS_INDEX 0x70
#define PORT_CMOS_DATA  0x71
#define CMOS_STATUS_D   0x0D

STATIC_ASSERT(sizeof(struct gate) == 16, "SDM vol. 3A, figure 6-8");

extern const u8 trap_stubs[];

/* entry.asm calls through it. */
void (*trap_handler)(struct trap_frame *frame);

static struct gate idt[VECTOR_COUNT] ALIGNED(16);

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

        idt[vector] = (struct gate){
            .offset_low = (u16)stub,
            .offset_middle = (u16)(stub >> 16),
            .offset_high = (u32)(stub >> 32),
            .selector = SEL_KERNEL_CODE,
            .ist = ist_of(vector),
            .type = GATE_INTERRUPT | (ring3 ? GATE_RING3 : 0),
        };
    }
}

void idt_load(void)
{
    struct table_register table = {sizeof(idt) - 1, (u64)(uintptr_t)idt};

    lidt(&table);
}

/* Mnemonic and name; those that are empty are reserved. */
static const struct {
    char mnemonic[4];
    char name[28];
} names[EXCEPTION_COUNT] = {
    [0] = {"#DE", "divide error"},
    [1] = {"#DB", "debug exception"},
    [2] = {"NMI", "non-maskable interrupt"},
    [3] = {"#BP", "breakpoint"},
    [4] = {"#OF", "overflow"},
    [5] = {"#BR", "bound range exceeded"},
    [6] = {"#UD", "invalid opcode"},
    [7] = {"#NM", "device not available"},
    [8] = {"#DF", "double fault"},
    [9] = {"", "coprocessor segment overrun"},
    [10] = {"#TS", "invalid TSS"},
    [11] = {"#NP", "segment not present"},
    [12] = {"#SS", "stack-segment fault"},
    [13] = {"#GP", "general protection"},
    [14] = {"#PF", "page fault"},
    [16] = {"#MF", "x87 floating-point error"},
    [17] = {"#AC", "alignment check"},
    [18] = {"#MC", "machine check"},
    [19] = {"#XM", "SIMD floating-point error"},
    [20] = {"#VE", "virtualization exception"},
    [21] = {"#CP", "control protection"},
    [28] = {"#HV", "hypervisor injection"},
    [29] = {"#VC", "VMM communication"},
    [30] = {"#SX", "security exception"},
};

const char *vector_mnemonic(u64 vector)
{
    return vector < EXCEPTION_COUNT ? names[vector].mnemonic : "";
}

const char *vector_name(u64 vector)
{
    if (vector >= EXCEPTION_COUNT)
        return "interrupt";
    return names[vector].name[0] == '\0' ? "reserved vector" : names[vector].name;
}

void nmi_enable(void)
{
    outb(PORT_CMOS_INDEX, CMOS_STATUS_D);
    /* The clock chip expects an access to the data port after each index. */
    (void)inb(PORT_CMOS_DATA);
}
