/* SPDX-License-Identifier: MIT
 *
 * A death by each exception: caused where the processor can be made to, else by INT n
 * or by a frame as the processor would have built it, through the same gate.
 */
#include "kernel/arch/instr.h"
#include "kernel/base/string.h"
#include "kernel/boot/layout.h"
#include "kernel/trap_fatal.h"
#include "tests/kernel/cases.h"

#define MSR_PKRS            0x6E1
#define RFLAGS_TRAP         0x100
#define NOT_CANONICAL       0x1234567800000000
#define NOWHERE             0x0000600000000000 /* canonical, mapped by nobody */
#define DATA_NOT_PRESENT    0x00CF12000000FFFF /* a writable segment with P clear */
#define GDT_COPY_ENTRIES    16
#define GATE_BYTES          16
#define ERROR_OF_SELECTOR_3 0x18

static void must_not_return(struct selftest *t)
{
    selftest_fail(t, __FILE__, __LINE__, "the kernel is still alive");
}

#define DEATH_BY_INT(name, vector)                             \
    void test_##name(struct selftest *t)                       \
    {                                                          \
        __asm__ volatile("int %0" : : "i"(vector) : "memory"); \
        must_not_return(t);                                    \
    }

DEATH_BY_INT(die_overflow, 4)
DEATH_BY_INT(die_bound, 5)
DEATH_BY_INT(die_coprocessor, 9)
DEATH_BY_INT(die_reserved_vector, 15)
DEATH_BY_INT(die_x87, 16)
DEATH_BY_INT(die_simd, 19)
DEATH_BY_INT(die_virtualization, 20)
DEATH_BY_INT(die_hypervisor, 28)

/* Where the IDT sends a vector. */
static u64 gate_of(u64 vector)
{
    const u64 *gate = (const u64 *)(uintptr_t)(sidt().base + vector * GATE_BYTES);

    return (gate[0] & 0xFFFF) | (gate[0] >> 48) << 16 | gate[1] << 32;
}

/* What the processor does for a vector with an error code that no instruction raises
 * here: aligns the stack, pushes the frame, closes interrupts, goes through the gate.
 */
static NORETURN void vector_enter(u64 vector, u64 error_code)
{
    __asm__ volatile("movq %%rsp, %%rax\n\t"
                     "andq $-16, %%rsp\n\t"
                     "pushq %[ss]\n\t"
                     "pushq %%rax\n\t"
                     "pushfq\n\t"
                     "pushq %[cs]\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "pushq %[error]\n\t"
                     "cli\n\t"
                     "jmpq *%[gate]\n"
                     "1:"
                     :
                     : [ss] "i"(SEL_KERNEL_DATA), [cs] "i"(SEL_KERNEL_CODE),
                       [error] "r"(error_code), [gate] "r"(gate_of(vector))
                     : "rax", "memory");
    halt_forever();
}

void test_die_tss(struct selftest *t)
{
    (void)t;
    vector_enter(VECTOR_TSS, ERROR_OF_SELECTOR_3);
}

void test_die_alignment(struct selftest *t)
{
    (void)t;
    vector_enter(17, 0);
}

void test_die_control_protection(struct selftest *t)
{
    (void)t;
    vector_enter(VECTOR_CONTROL, 1);
}

void test_die_vmm(struct selftest *t)
{
    (void)t;
    vector_enter(29, 0x72);
}

void test_die_security(struct selftest *t)
{
    (void)t;
    vector_enter(30, 1);
}

/* A refusal that the tables do not explain: TCG looks at the tables again before it
 * refuses, so a forgotten flush cannot be shown there. */
void test_die_stale_tlb(struct selftest *t)
{
    (void)t;
    write_cr2((u64)(uintptr_t)t);
    vector_enter(VECTOR_PAGE_FAULT, PF_PRESENT | PF_WRITE);
}

/* As trap.c hands it on when mm would have resolved the fault, had it had a frame. */
void test_die_no_memory(struct selftest *t)
{
    static struct trap_frame frame;

    frame = (struct trap_frame){.vector = VECTOR_PAGE_FAULT,
                                .error_code = PF_WRITE,
                                .cr2 = NOWHERE,
                                .entry_flags = TRAP_NO_MEMORY,
                                .rip = (u64)(uintptr_t)test_die_no_memory,
                                .rsp = (u64)(uintptr_t)__builtin_frame_address(0),
                                .cs = SEL_KERNEL_CODE,
                                .ss = SEL_KERNEL_DATA};
    (void)t;
    trap_die(&frame);
}

void test_die_debug(struct selftest *t)
{
    __asm__ volatile("pushfq\n\torq %0, (%%rsp)\n\tpopfq\n\tnop"
                     :
                     : "i"(RFLAGS_TRAP)
                     : "memory", "cc");
    must_not_return(t);
}

void test_die_breakpoint(struct selftest *t)
{
    __asm__ volatile("int3" : : : "memory");
    must_not_return(t);
}

/* The FPU is somebody else's: CR0.TS. */
void test_die_no_fpu(struct selftest *t)
{
    write_cr0(read_cr0() | CR0_TS);
    __asm__ volatile("fninit" : : : "memory");
    must_not_return(t);
}

/* A copy of the GDT with one segment more, which is not present. Returns its selector.
 */
static u16 gdt_extend(void)
{
    static u64 copy[GDT_COPY_ENTRIES] ALIGNED(8);
    struct table_register table = sgdt();
    u16 bytes = (u16)(table.limit + 1);

    memcpy(copy, (const void *)(uintptr_t)table.base, bytes);
    copy[bytes / sizeof(u64)] = DATA_NOT_PRESENT;
    table.base = (u64)(uintptr_t)copy;
    table.limit = (u16)(bytes + sizeof(u64) - 1);
    lgdt(&table);
    return bytes;
}

void test_die_segment(struct selftest *t)
{
    __asm__ volatile("movw %w0, %%fs" : : "r"(gdt_extend()) : "memory");
    must_not_return(t);
}

void test_die_stack_segment(struct selftest *t)
{
    __asm__ volatile("movw %w0, %%ss" : : "r"(gdt_extend()) : "memory");
    must_not_return(t);
}

void test_die_selector(struct selftest *t)
{
    __asm__ volatile("movw %w0, %%fs" : : "r"(sgdt().limit + 1) : "memory");
    must_not_return(t);
}

void test_die_msr(struct selftest *t)
{
    wrmsr(MSR_PKRS, ~0UL);
    must_not_return(t);
}

void test_die_control_register(struct selftest *t)
{
    write_cr4(read_cr4() ^ CR4_LA57);
    must_not_return(t);
}

void test_die_wild_jump(struct selftest *t)
{
    ((void (*)(void))NOT_CANONICAL)();
    must_not_return(t);
}

/* Sixteen bytes: one more than an instruction may have. */
void test_die_long_instruction(struct selftest *t)
{
    __asm__ volatile(".fill 15, 1, 0x66\n\tnop" : : : "memory");
    must_not_return(t);
}

/* A function whose frame is off by eight, with a local that must be aligned. */
void test_die_misaligned_stack(struct selftest *t)
{
    __asm__ volatile("andq $-16, %%rsp\n\t"
                     "pushq $0\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "pushq %%rbp\n\t"
                     "movq %%rsp, %%rbp\n\t"
                     "subq $512, %%rsp\n\t"
                     "1: fxsave (%%rsp)"
                     :
                     :
                     : "rax", "memory");
    must_not_return(t);
}

/* No stack to push a frame on: the exception becomes a double fault. */
void test_die_stack_gone(struct selftest *t)
{
    __asm__ volatile("movq %0, %%rsp\n\tud2" : : "r"(NOT_CANONICAL) : "memory");
    must_not_return(t);
}

/* SWAPGS of a kernel that came from ring 0: an interrupt is the first to need the block. */
void test_die_gs_lost(struct selftest *t)
{
    __asm__ volatile("swapgs\n\tint $0x80" : : : "memory");
    must_not_return(t);
}
