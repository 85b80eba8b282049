/* SPDX-License-Identifier: MIT
 *
 * The boot CPU's block, its first stacks, and the CPU as kernel/base sees it.
 */
#include "kernel/arch/percpu.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/last_words.h"
#include "kernel/base/cpu_hooks.h"

#define BOOT_IST_BYTES 4096

struct percpu percpu_boot;

static struct percpu *blocks;

/* Until guarded stacks stand (tss_set_ist). */
static u8 boot_ist_stacks[IST_COUNT][BOOT_IST_BYTES] ALIGNED(16);

static u32 hook_index(void)
{
    return percpu_or_boot()->index;
}

static void hook_halt(void)
{
    halt_forever();
}

static const struct cpu_hooks hooks = {irq_save, irq_restore, hook_index, hook_halt,
                                       last_words_write};

static void boot_stacks_fill(struct percpu *cpu)
{
    for (u32 i = 0; i < IST_COUNT; i++)
        if (cpu->tss.ist[i] == 0)
            cpu->tss.ist[i] = (u64)(uintptr_t)(boot_ist_stacks[i] + BOOT_IST_BYTES);
}

void percpu_init(struct percpu *cpu, u32 index)
{
    cpu->self = cpu;
    cpu->index = index;
    cpu->next = blocks;
    blocks = cpu;
    if (index == 0)
        boot_stacks_fill(cpu);
    wrmsr(MSR_GS_BASE, (u64)(uintptr_t)cpu);
    wrmsr(MSR_KERNEL_GS_BASE, 0);
    wrmsr(MSR_FS_BASE, 0);
    cpu_hooks_set(&hooks);
}

struct percpu *percpu_find(u64 base)
{
    struct percpu *cpu = blocks;

    while (cpu != NULL && (u64)(uintptr_t)cpu != base)
        cpu = cpu->next;
    return cpu;
}

struct percpu *percpu_or_boot(void)
{
    struct percpu *cpu = percpu_find(rdmsr(MSR_GS_BASE));

    return cpu != NULL ? cpu : &percpu_boot;
}
