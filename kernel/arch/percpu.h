/* SPDX-License-Identifier: MIT
 *
 * The per-CPU block: everything of which each CPU has its own. GS base points at it in
 * ring 0.
 *
 * Owns: descriptor tables, TSS, nesting words, the stacks that traps run on.
 * Does not: threads.
 * Locking: none; a CPU writes only its own block, with interrupts off where a trap
 * reads it.
 * Life: percpu_init before anything that takes a lock or a trap. CPU 0's block is
 * percpu_boot, others are allocated by whoever starts the CPU, zeroed, and never
 * freed.
 */
#ifndef PLINTH_KERNEL_ARCH_PERCPU_H
#define PLINTH_KERNEL_ARCH_PERCPU_H

#include "kernel/base/types.h"

struct trap_expectation;
struct pmm_cpu;

/* The most CPUs that arrays indexed by CPU have room for. */
#define CPU_MAX           256

/* Interrupt stack table slots of the TSS, and which vector each serves. */
#define IST_DOUBLE_FAULT  1
#define IST_NMI           2
#define IST_MACHINE_CHECK 3
#define IST_DEBUG         4
#define IST_COUNT         4

/* 64-bit TSS, SDM vol. 3A, 7.7 */
struct tss {
    u32 reserved0;
    u64 rsp[3];
    u64 reserved1;
    u64 ist[7]; /* ist[0] is IST1 */
    u64 reserved2;
    u16 reserved3;
    u16 io_map_base;
} __attribute__((packed));

/* null, kernel code, kernel data, user data, user code, TSS (two entries): the order of
 * kernel/boot/layout.h, the one SYSRET needs. */
#define GDT_ENTRIES 7

struct percpu {
    struct percpu *self; /* first, so that GS:0 is the block's own address */
    u64 user_rsp;        /* scratch of the system call entry */
    u32 index;           /* 0 is the boot CPU */
    u32 trap_depth;      /* traps and interrupts being handled */
    u32 irq_depth;       /* of them, device interrupts */
    u32 no_fault_depth;  /* NMI, #MC, #DF, death: demand paging must not be asked */
    u64 stack_bottom;    /* of the kernel stack in use, once its owner has said so */
    u64 stack_top;
    u64 death_stack_top; /* where the report of a death runs; 0: where it happened */
    struct trap_expectation *expectation; /* kernel/trap.h; NULL outside self-tests */
    struct pmm_cpu *frames; /* mm/pmm_internal.h: this CPU's part of the allocator */
    u64 interrupt_count;
    u64 exception_count;
    u64 spurious_address;    /* mm/fault.c: the last fault of an older translation, */
    u64 spurious_cr3;        /* the space it was in, PCID included, */
    u64 spurious_widenings;  /* and how often rights had been given until then */
    struct percpu *next;     /* of all blocks, for percpu_find */
    struct tss tss;
    u64 gdt[GDT_ENTRIES] ALIGNED(16);
};

extern struct percpu percpu_boot;

/* Fills in the block and makes it this CPU's: writes GS base. Interrupts must be off,
 * and CPUs come one after the other.
 * The block must be zero but for what its owner has set: IST tops, death stack, stack
 * bounds. For index 0 missing IST tops are filled with small static stacks, so that
 * traps work from here on. */
void percpu_init(struct percpu *cpu, u32 index);

/* This CPU's block. Needs percpu_init. Any context. */
static inline struct percpu *percpu(void)
{
    struct percpu *cpu;

    __asm__ volatile("movq %%gs:0, %0" : "=r"(cpu));
    return cpu;
}

/* This CPU's part of the frame allocator, in one instruction. */
static inline struct pmm_cpu *percpu_frames(void)
{
    struct pmm_cpu *frames;

    __asm__ volatile("movq %%gs:%c1, %0"
                     : "=r"(frames)
                     : "i"(offsetof(struct percpu, frames)));
    return frames;
}

/* The block at this address, or NULL: GS base is compared with the blocks there are
 * before anybody follows it. Any context. */
struct percpu *percpu_find(u64 base);

/* As percpu(), for the path of death: when GS base is not a block (it was never set, or
 * was lost) answers the boot CPU's. */
struct percpu *percpu_or_boot(void);

#endif
