/* SPDX-License-Identifier: MIT
 *
 * GDT and TSS. The accessed bit is set in every segment, so that the CPU never writes
 * here.
 */
#include "kernel/arch/gdt.h"
#include "kernel/base/assert.h"
#include "kernel/base/panic.h"
#include "kernel/boot/layout.h"

/* Flat descriptors, SDM vol. 3A, 3.4.5. Base and limit do not count in 64-bit mode. */
#define DESCRIPTOR_CODE_RING0 0x00AF9B000000FFFF
#define DESCRIPTOR_DATA_RING0 0x00CF93000000FFFF
#define DESCRIPTOR_DATA_RING3 0x00CFF3000000FFFF
#define DESCRIPTOR_CODE_RING3 0x00AFFB000000FFFF
#define DESCRIPTOR_TSS_TYPE   0x0000890000000000 /* available 64-bit TSS, present */

STATIC_ASSERT(sizeof(struct tss) == 104, "SDM vol. 3A, figure 7-11");
STATIC_ASSERT(SEL_TSS / 8 + 2 == GDT_ENTRIES,
              "the TSS descriptor takes the last two entries");

static void tss_descriptor_set(struct percpu *cpu)
{
    u64 base = (u64)(uintptr_t)&cpu->tss;
    u64 low = DESCRIPTOR_TSS_TYPE | (sizeof(struct tss) - 1);

    low |= (base & 0x00FFFFFF) << 16;
    low |= (base & 0xFF000000) << 32;
    cpu->gdt[SEL_TSS / 8] = low;
    cpu->gdt[SEL_TSS / 8 + 1] = base >> 32;
}

/* LTR believes all that stands there; the stacks of the TSS are first read by a trap
 * that can come nowhere else, and then it is too late to tell. */
static void tss_descriptor_check(const struct percpu *cpu)
{
    struct tss_place loaded = tss_descriptor_read(tss_descriptor(sgdt().base));
    u64 base = (u64)(uintptr_t)&cpu->tss;

    if (loaded.base != base)
        panic_code(
            CODE_CP_05,
            "the TSS descriptor has the base V:%016lx, expected that of CPU %u's "
            "TSS, V:%016lx",
            loaded.base, cpu->index, base);
    if (loaded.limit != sizeof(struct tss) - 1)
        panic_code(CODE_CP_05,
                   "the TSS descriptor has the limit %#lx, expected %#lx: %s",
                   loaded.limit, sizeof(struct tss) - 1,
                   loaded.limit < sizeof(struct tss) - 1
                       ? "the stacks behind it cannot be reached"
                       : "what lies behind the TSS would open ports to ring 3");
}

/* A null FS or GS selector clears the base on some CPUs and keeps it on others. */
static void segments_load(struct percpu *cpu)
{
    __asm__ volatile("pushq %0\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\n\t"
                     "movl %1, %%eax\n\t"
                     "movl %%eax, %%ds\n\t"
                     "movl %%eax, %%es\n\t"
                     "movl %%eax, %%ss\n\t"
                     "xorl %%eax, %%eax\n\t"
                     "movl %%eax, %%fs\n\t"
                     "movl %%eax, %%gs"
                     :
                     : "i"(SEL_KERNEL_CODE), "i"(SEL_KERNEL_DATA)
                     : "rax", "memory");
    wrmsr(MSR_GS_BASE, (u64)(uintptr_t)cpu);
}

static void gs_base_check(const struct percpu *cpu)
{
    u64 base = rdmsr(MSR_GS_BASE), block = (u64)(uintptr_t)cpu;

    if (base != block)
        panic_code(CODE_CP_06,
                   "GS base is V:%016lx with segments loaded, expected CPU %u's block, "
                   "V:%016lx%s",
                   base, cpu->index, block,
                   base == 0 ? ": a selector loaded into GS clears it" : "");
}

void gdt_init(struct percpu *cpu)
{
    struct table_register table = {sizeof(cpu->gdt) - 1, (u64)(uintptr_t)cpu->gdt};

    cpu->gdt[0] = 0;
    cpu->gdt[SEL_KERNEL_CODE / 8] = DESCRIPTOR_CODE_RING0;
    cpu->gdt[SEL_KERNEL_DATA / 8] = DESCRIPTOR_DATA_RING0;
    cpu->gdt[SEL_USER_DATA / 8] = DESCRIPTOR_DATA_RING3;
    cpu->gdt[SEL_USER_CODE / 8] = DESCRIPTOR_CODE_RING3;
    cpu->tss.io_map_base = sizeof(struct tss);
    tss_descriptor_set(cpu);
    lgdt(&table);
    segments_load(cpu);
    lldt(0);
    ltr(SEL_TSS);
    tss_descriptor_check(cpu);
    gs_base_check(cpu);
}

void tss_set_ist(struct percpu *cpu, u32 index, u64 top)
{
    ASSERT_MSG(index >= 1 && index <= IST_COUNT && IS_ALIGNED(top, 16),
               "IST%u with stack top V:%#lx", index, top);
    cpu->tss.ist[index - 1] = top;
}

void tss_set_rsp0(struct percpu *cpu, u64 top)
{
    ASSERT_MSG(IS_ALIGNED(top, 16), "RSP0 with stack top V:%#lx", top);
    cpu->tss.rsp[0] = top;
}
