/* SPDX-License-Identifier: MIT
 *
 * Single instructions as functions, and the names of the bits they read and write. No
 * policy.
 *
 * Every wrapper that can change or depend on memory, translations or interrupts carries
 * a memory clobber, so that the compiler does not move accesses across. Any context
 * unless said otherwise; all of them are ring 0 except rdtsc, cpuid, pause and rdrand.
 */
#ifndef PLINTH_KERNEL_ARCH_INSTR_H
#define PLINTH_KERNEL_ARCH_INSTR_H

#include "kernel/base/types.h"

/* CR0, SDM vol. 3A, 2.5 */
#define CR0_PE             0x1UL
#define CR0_MP             0x2UL
#define CR0_EM             0x4UL
#define CR0_TS             0x8UL
#define CR0_ET             0x10UL
#define CR0_NE             0x20UL
#define CR0_WP             0x10000UL
#define CR0_AM             0x40000UL
#define CR0_NW             0x20000000UL
#define CR0_CD             0x40000000UL
#define CR0_PG             0x80000000UL

/* CR4 */
#define CR4_VME            0x1UL
#define CR4_PVI            0x2UL
#define CR4_TSD            0x4UL
#define CR4_DE             0x8UL
#define CR4_PSE            0x10UL
#define CR4_PAE            0x20UL
#define CR4_MCE            0x40UL
#define CR4_PGE            0x80UL
#define CR4_PCE            0x100UL
#define CR4_OSFXSR         0x200UL
#define CR4_OSXMMEXCPT     0x400UL
#define CR4_UMIP           0x800UL
#define CR4_LA57           0x1000UL
#define CR4_FSGSBASE       0x10000UL
#define CR4_PCIDE          0x20000UL
#define CR4_OSXSAVE        0x40000UL
#define CR4_SMEP           0x100000UL
#define CR4_SMAP           0x200000UL
#define CR4_PKE            0x400000UL
#define CR4_CET            0x800000UL

/* RFLAGS, SDM vol. 1, 3.4.3 */
#define RFLAGS_CF          0x1UL
#define RFLAGS_ONE         0x2UL
#define RFLAGS_PF          0x4UL
#define RFLAGS_AF          0x10UL
#define RFLAGS_ZF          0x40UL
#define RFLAGS_SF          0x80UL
#define RFLAGS_TF          0x100UL
#define RFLAGS_IF          0x200UL
#define RFLAGS_DF          0x400UL
#define RFLAGS_OF          0x800UL
#define RFLAGS_IOPL        0x3000UL
#define RFLAGS_NT          0x4000UL
#define RFLAGS_RF          0x10000UL
#define RFLAGS_VM          0x20000UL
#define RFLAGS_AC          0x40000UL
#define RFLAGS_ID          0x200000UL

/* Model-specific registers, SDM vol. 4 */
#define MSR_MCG_CAP        0x00000179
#define MSR_MCG_STATUS     0x0000017A
#define MSR_PAT            0x00000277
#define MSR_MC0_STATUS     0x00000401 /* then 4 apart: CTL, STATUS, ADDR, MISC */
#define MSR_EFER           0xC0000080
#define MSR_FS_BASE        0xC0000100
#define MSR_GS_BASE        0xC0000101
#define MSR_KERNEL_GS_BASE 0xC0000102

#define EFER_SCE           0x001UL
#define EFER_LME           0x100UL
#define EFER_LMA           0x400UL
#define EFER_NXE           0x800UL

static inline u8 inb(u16 port)
{
    u8 value;

    __asm__ volatile("inb %w1, %b0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline u16 inw(u16 port)
{
    u16 value;

    __asm__ volatile("inw %w1, %w0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline u32 inl(u16 port)
{
    u32 value;

    __asm__ volatile("inl %w1, %k0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline void outb(u16 port, u8 value)
{
    __asm__ volatile("outb %b0, %w1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outw(u16 port, u16 value)
{
    __asm__ volatile("outw %w0, %w1" : : "a"(value), "Nd"(port) : "memory");
}

static inline void outl(u16 port, u32 value)
{
    __asm__ volatile("outl %k0, %w1" : : "a"(value), "Nd"(port) : "memory");
}

/* About a microsecond on old chips: a write to the POST code port, which nothing
 * decodes twice. */
static inline void io_delay(void)
{
    outb(0x80, 0);
}

struct cpuid_result {
    u32 eax, ebx, ecx, edx;
};

static inline struct cpuid_result cpuid(u32 leaf, u32 subleaf)
{
    struct cpuid_result r;

    __asm__ volatile("cpuid"
                     : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
                     : "a"(leaf), "c"(subleaf)
                     : "memory");
    return r;
}

static inline u64 rdmsr(u32 msr)
{
    u32 low, high;

    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr) : "memory");
    return (u64)high << 32 | low;
}

static inline void wrmsr(u32 msr, u64 value)
{
    __asm__ volatile("wrmsr"
                     :
                     : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32))
                     : "memory");
}

/* Not ordered with other instructions: good for stamps, not for timing a handful of
 * cycles. */
static inline u64 rdtsc(void)
{
    u32 low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (u64)high << 32 | low;
}

/* False when the generator had nothing to give; try again a few times. Needs CPUID's
 * RDRAND. */
static inline bool rdrand(u64 *out)
{
    bool ok;

    __asm__ volatile("rdrand %0" : "=r"(*out), "=@ccc"(ok) : : "memory");
    return ok;
}

static inline u64 xgetbv(u32 index)
{
    u32 low, high;

    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(index) : "memory");
    return (u64)high << 32 | low;
}

#define INSTR_CONTROL_REGISTER(name)                                         \
    static inline u64 read_##name(void)                                      \
    {                                                                        \
        u64 value;                                                           \
                                                                             \
        __asm__ volatile("movq %%" #name ", %0" : "=r"(value) : : "memory"); \
        return value;                                                        \
    }                                                                        \
    static inline void write_##name(u64 value)                               \
    {                                                                        \
        __asm__ volatile("movq %0, %%" #name : : "r"(value) : "memory");     \
    }

INSTR_CONTROL_REGISTER(cr0)
INSTR_CONTROL_REGISTER(cr2)
INSTR_CONTROL_REGISTER(cr3)
INSTR_CONTROL_REGISTER(cr4)
INSTR_CONTROL_REGISTER(dr6)
INSTR_CONTROL_REGISTER(dr7)

#undef INSTR_CONTROL_REGISTER

/* Drops the translation of one address on this CPU, GLOBAL or not. */
static inline void invlpg(u64 virt)
{
    __asm__ volatile("invlpg (%0)" : : "r"(virt) : "memory");
}

/* What INVPCID drops: one address or all of one PCID (GLOBAL entries stay), everything, or
 * everything but GLOBAL entries. */
#define INVPCID_ADDRESS      0UL
#define INVPCID_ONE          1UL
#define INVPCID_ALL          2UL
#define INVPCID_ALL_NO_GLOBAL 3UL

/* Needs CPUID's INVPCID; works with CR4.PCIDE off too. */
static inline void invpcid(u64 type, u64 pcid, u64 virt)
{
    struct {
        u64 pcid, virt;
    } descriptor = {pcid, virt};

    __asm__ volatile("invpcid %1, %0" : : "r"(type), "m"(descriptor) : "memory");
}

static inline void wbinvd(void)
{
    __asm__ volatile("wbinvd" : : : "memory");
}

static inline void cpu_pause(void)
{
    __asm__ volatile("pause" : : : "memory");
}

static inline void cli(void)
{
    __asm__ volatile("cli" : : : "memory");
}

static inline void sti(void)
{
    __asm__ volatile("sti" : : : "memory");
}

static inline void hlt(void)
{
    __asm__ volatile("hlt" : : : "memory");
}

/* Sleeps until an interrupt. STI takes effect after the next instruction, so none can
 * slip in between the two and leave the CPU asleep. Returns with interrupts on. */
static inline void sti_hlt(void)
{
    __asm__ volatile("sti\n\thlt" : : : "memory");
}

static inline NORETURN void halt_forever(void)
{
    for (;;)
        __asm__ volatile("cli\n\thlt" : : : "memory");
}

static inline u64 rflags_read(void)
{
    u64 flags;

    __asm__ volatile("pushfq\n\tpopq %0" : "=r"(flags) : : "memory");
    return flags;
}

/* Interrupts off; returns what irq_restore wants. Pairs nest. */
static inline u64 irq_save(void)
{
    u64 flags = rflags_read();

    cli();
    return flags;
}

static inline void irq_restore(u64 flags)
{
    if (flags & RFLAGS_IF)
        sti();
}

static inline bool irq_is_on(void)
{
    return (rflags_read() & RFLAGS_IF) != 0;
}

/* What LGDT and LIDT want. */
struct table_register {
    u16 limit;
    u64 base;
} __attribute__((packed));

static inline void lgdt(const struct table_register *table)
{
    __asm__ volatile("lgdt %0" : : "m"(*table) : "memory");
}

static inline void lidt(const struct table_register *table)
{
    __asm__ volatile("lidt %0" : : "m"(*table) : "memory");
}

static inline struct table_register sgdt(void)
{
    struct table_register table;

    __asm__ volatile("sgdt %0" : "=m"(table) : : "memory");
    return table;
}

static inline struct table_register sidt(void)
{
    struct table_register table;

    __asm__ volatile("sidt %0" : "=m"(table) : : "memory");
    return table;
}

static inline u16 str(void)
{
    u16 selector;

    __asm__ volatile("str %0" : "=r"(selector));
    return selector;
}

static inline void ltr(u16 selector)
{
    __asm__ volatile("ltr %0" : : "r"(selector) : "memory");
}

static inline void lldt(u16 selector)
{
    __asm__ volatile("lldt %0" : : "r"(selector) : "memory");
}

static inline void swapgs(void)
{
    __asm__ volatile("swapgs" : : : "memory");
}

/* The next two are undefined opcodes without SMAP. */
static inline void stac_raw(void)
{
    __asm__ volatile("stac" : : : "memory");
}

static inline void clac_raw(void)
{
    __asm__ volatile("clac" : : : "memory");
}

/* Where a stop in the Bochs debugger is wanted (magic_break); nothing anywhere else. */
static inline void bochs_break(void)
{
    __asm__ volatile("xchgw %%bx, %%bx" : : : "memory");
}

#endif
