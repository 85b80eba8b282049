/* SPDX-License-Identifier: MIT
 *
 * Forced in front of every source of the frame allocator that is built for the host:
 * the windows where a process (and its sanitizer) can have them, and in place of
 * kernel/arch/percpu.h and instr.h the little of them that the allocator uses. What a
 * CPU is, tests/host/pmm_world.h says.
 */
#ifndef PLINTH_TESTS_HOST_PMM_HOST_H
#define PLINTH_TESTS_HOST_PMM_HOST_H

#include "kernel/base/types.h"
#include "kernel/boot/layout.h"

#undef DIRECT_MAP_BASE
#undef FRAME_TABLE_BASE
#ifdef __SANITIZE_THREAD__
/* TSan has no shadow for anything but the ends of the address space. */
#define DIRECT_MAP_BASE  0x000100000000
#define FRAME_TABLE_BASE 0x001000000000
#else
#define DIRECT_MAP_BASE  0x300000000000
#define FRAME_TABLE_BASE 0x280000000000
#endif

#define PLINTH_KERNEL_ARCH_PERCPU_H
#define CPU_MAX 8

struct pmm_cpu;
struct percpu {
    u32 index;
    struct pmm_cpu *frames;
};
struct percpu *percpu(void);
static inline struct pmm_cpu *percpu_frames(void)
{
    return percpu()->frames;
}

#define PLINTH_KERNEL_ARCH_INSTR_H
u64 irq_save(void);
void irq_restore(u64 flags);
void cpu_pause(void);
static inline u64 rdtsc(void)
{
    return __builtin_ia32_rdtsc();
}

#endif
