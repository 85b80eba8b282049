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

#include "kernel/arch/percpu.h"

/* Builds this CPU's GDT and TSS, loads both and every segment register. GS base is
 * kept. */
void gdt_init(struct percpu *cpu);

/* Which stack the CPU switches to for an IST vector; index is IST_..., top 16-byte
 * aligned. Takes effect with the next such trap; not to be called from one. */
void tss_set_ist(struct percpu *cpu, u32 index, u64 top);

/* Which stack the CPU switches to on the way from ring 3. The only place that writes
 * RSP0. */
void tss_set_rsp0(struct percpu *cpu, u64 top);

#endif
