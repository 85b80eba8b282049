/* SPDX-License-Identifier: MIT
 *
 * Segments and the task-state segment of each CPU.
 *
 * Owns: percpu.gdt and percpu.tss.
 * Life: after percpu_init, before idt_load. Interrupts off. The TSS's I/O bitmap
 * begins at its limit: no port is open to ring 3.
 */
#ifndef PLINTH_KERNEL_ARCH_GDT_H
#define PLINTH_KERNEL_ARCH_GDT_H

#include "kernel/arch/instr.h"
#include "kernel/arch/percpu.h"
#include "kernel/base/string.h"

/* What a TSS descriptor says; sixteen bytes, SDM vol. 3A, figure 7-4. Also for early
 * code. */
struct tss_place {
    u64 base;
    u64 limit;
};

static inline struct tss_place tss_descriptor_read(const void *descriptor)
{
    u64 low, high;

    memcpy(&low, descriptor, sizeof(low));
    memcpy(&high, (const u8 *)descriptor + 8, sizeof(high));
    return (struct tss_place){
        .base = (low >> 16 & 0xFFFFFF) | (low >> 56) << 24 | high << 32,
        .limit = (low & 0xFFFF) | (low >> 48 & 0xF) << 16,
    };
}

/* Of the TSS that TR selects in this table. */
static inline const void *tss_descriptor(u64 gdt)
{
    return (const void *)(gdt + (str() & ~7u));
}

/* Builds this CPU's GDT and TSS, loads both and every segment register. GS base is
 * kept. Dies with CP-05 when the descriptor in the loaded table is not that of the TSS,
 * with CP-06 when GS base was not kept. */
void gdt_init(struct percpu *cpu);

/* Which stack the CPU switches to for an IST vector; index is IST_..., top 16-byte
 * aligned. Takes effect with the next such trap; not to be called from one. */
void tss_set_ist(struct percpu *cpu, u32 index, u64 top);

/* Which stack the CPU switches to on the way from ring 3. The only place that writes
 * RSP0. */
void tss_set_rsp0(struct percpu *cpu, u64 top);

#endif
