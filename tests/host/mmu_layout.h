/* SPDX-License-Identifier: MIT
 *
 * Forced in front of every source of the page tables' host test: the direct map where a
 * process can have it, and the instructions that tests/host/mmu_world.c plays, in place
 * of kernel/arch/instr.h.
 */
#ifndef PLINTH_TESTS_HOST_MMU_LAYOUT_H
#define PLINTH_TESTS_HOST_MMU_LAYOUT_H

#include "kernel/boot/layout.h"
#include "kernel/boot/wire.h"

#undef DIRECT_MAP_BASE
#define DIRECT_MAP_BASE 0x300000000000

#define PLINTH_KERNEL_ARCH_INSTR_H
#define CR4_PGE     0x80UL
#define CR4_PCIDE   0x20000UL
#define INVPCID_ALL 2UL

u64 read_cr3(void);
void write_cr3(u64 value);
u64 read_cr4(void);
void write_cr4(u64 value);
void invlpg(u64 virt);
void invpcid(u64 type, u64 pcid, u64 virt);
u64 irq_save(void);
void irq_restore(u64 flags);

#endif
