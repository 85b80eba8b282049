/* SPDX-License-Identifier: MIT
 *
 * The IDT.
 */
#include "kernel/arch/idt.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/percpu.h"
#include "kernel/base/panic.h"
#include "kernel/boot/layout.h"

#define GATE_RING3      0x60
#define STUB_BYTES      16 /* from stub to stub in entry.asm */

#define PORT_CMOS_INDEX 0x70
#define PORT_CMOS_DATA  0x71
#define CMOS_STATUS_D   0x0D

/* entry.asm */
extern const u8 trap_stubs[], entry_common[], entry_ist[];

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

/* What a stub does, read from its bytes: PUSH 0 or not, PUSH vector, JMP. */
struct stub {
    bool pushes_zero;
    u32 vector;
    u64 target;
};

static struct stub stub_read(const u8 *at)
{
    struct stub stub = {.pushes_zero = at[0] == 0x6A && at[2] != 0xE9};
    int32_t distance;

    at += stub.pushes_zero ? 2 : 0;
    stub.vector = at[0] == 0x6A ? at[1] : at[1] | (u32)at[2] << 8;
    at += at[0] == 0x6A ? 2 : 5;
    __builtin_memcpy(&distance, at + 1, sizeof(distance));
    stub.target = (u64)(uintptr_t)at + 5 + (u64)(int64_t)distance;
    return stub;
}

/* A stack may be what is broken, or the vector may come between any two instructions.
 */
static bool needs_ist(u32 vector)
{
    return vector == VECTOR_DOUBLE_FAULT || vector == VECTOR_NMI ||
           vector == VECTOR_MACHINE_CHECK || vector == VECTOR_DEBUG;
}

static void gate_check(u32 vector)
{
    const struct idt_gate *gate = &idt[vector];
    struct stub stub = stub_read(trap_stubs + (u64)vector * STUB_BYTES);
    bool cpu_pushes = vector < EXCEPTION_COUNT && vector_has_code(vector);

    if (stub.vector != vector ||
        idt_gate_handler(gate) != (u64)(uintptr_t)trap_stubs + vector * STUB_BYTES)
        panic_code(CODE_TR_02, "gate %u leads to V:%lx, where a stub pushes vector %u",
                   vector, idt_gate_handler(gate), stub.vector);
    if (stub.pushes_zero == cpu_pushes)
        panic_code(CODE_TR_02,
                   "the stub of vector %u (%s) pushes %s, and the CPU pushes %s: the "
                   "frame would be one word off",
                   vector, vector_name(vector), stub.pushes_zero ? "a 0" : "no 0",
                   cpu_pushes ? "an error code" : "no error code");
    if (needs_ist(vector) &&
        (gate->ist == 0 || stub.target != (u64)(uintptr_t)entry_ist))
        panic_code(CODE_TR_02,
                   "gate %u (%s) has IST %u%s: without a stack of its own (IST) a bad "
                   "stack is a triple fault",
                   vector, vector_name(vector), gate->ist,
                   gate->ist != 0 ? " but another stub" : "");
    if (!needs_ist(vector) &&
        (gate->ist != 0 || stub.target != (u64)(uintptr_t)entry_common))
        panic_code(CODE_TR_02, "gate %u (%s) has IST %u, expected the stack in use",
                   vector, vector_name(vector), gate->ist);
}

void idt_check(void)
{
    for (u32 vector = 0; vector < VECTOR_COUNT; vector++)
        gate_check(vector);
}

void nmi_enable(void)
{
    outb(PORT_CMOS_INDEX, CMOS_STATUS_D);
    /* The clock chip expects an access to the data port after each index. */
    (void)inb(PORT_CMOS_DATA);
}
