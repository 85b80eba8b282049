/* SPDX-License-Identifier: MIT
 *
 * What an explanation says beside its code: the evidence for the likely cause.
 */
#include "kernel/arch/instr.h"
#include "kernel/arch/percpu.h"
#include "kernel/base/string.h"
#include "kernel/boot/layout.h"
#include "kernel/early/image.h"
#include "kernel/trap.h"
#include "mm/pte.h"
#include "mm/ram.h"
#include "tests/kernel/cases.h"

static bool has(const char *text, const char *part)
{
    for (; *text != '\0'; text++)
        if (strncmp(text, part, strlen(part)) == 0)
            return true;
    return false;
}

#define FEATURES 0x7365727574616566 /* "features" */

/* The text is what the pointer holds, not what a displacement makes of it; an index is
 * no pointer. */
static void pointers_check(struct selftest *t)
{
    static struct trap_expectation e;
    for (volatile u32 way = 0; way < 4; way++) {
        const char *cause = e.explanation.cause;
        u64 value;
        memset(&e, 0, sizeof(e));
        e.vector = VECTOR_PROTECTION;
        if (trap_expect_begin(&e)) {
            if (way == 0)
                __asm__ volatile("movq (%1), %0" : "=r"(value) : "r"(FEATURES));
            else if (way == 1)
                __asm__ volatile("movq 16(%1), %0" : "=r"(value) : "r"(FEATURES));
            else if (way == 2)
                __asm__ volatile("movq 16(%1, %2, 8), %0"
                                 : "=r"(value)
                                 : "r"(FEATURES), "r"(3UL));
            else
                __asm__ volatile("movq 0(, %1, 1), %0" : "=r"(value) : "r"(FEATURES));
        }
        trap_expect_end(&e);
        CHECK(t, e.seen && e.explanation.code == CODE_GP_01);
        CHECK_MSG(t, way == 3 || has(cause, "the text \"features\""), "%s", cause);
        CHECK_MSG(t, way != 3 || !has(cause, "the text"), "%s", cause);
    }
}

/* Letters where the return address was, on a stack on which the trap's own frame lies
 * over them and on one where it does not; and where a pointer to a function was. */
void test_explain_target(struct selftest *t)
{
    static struct trap_expectation e;
    static u64 letters = FEATURES;
    pointers_check(t);
    for (volatile u32 way = 0; way < 3; way++) {
        const char *cause = e.explanation.cause;
        memset(&e, 0, sizeof(e));
        e.vector = VECTOR_PROTECTION;
        if (trap_expect_begin(&e)) {
            if (way == 0)
                __asm__ volatile("andq $-16, %%rsp; pushq $0; pushq $0; pushq %0; ret"
                                 :
                                 : "m"(letters)
                                 : "memory");
            else if (way == 1)
                __asm__ volatile("andq $-16, %%rsp; pushq $0; pushq %0; ret"
                                 :
                                 : "m"(letters)
                                 : "memory");
            else
                __asm__ volatile("call *(%0)" : : "a"(&letters) : "memory");
        }
        trap_expect_end(&e);
        CHECK(t, e.seen && e.explanation.code == CODE_GP_05);
        CHECK_MSG(t, way == 2 || has(cause, "the return address at V:"), "%s", cause);
        CHECK_MSG(t, way != 2 || !has(cause, "return address"), "%s", cause);
        CHECK_MSG(t, way != 1 || !has(cause, "no register"), "%s", cause);
        CHECK_MSG(t, has(cause, "the text \"features\""), "%s", cause);
    }
}

/* Selectors that no code here runs with: what a return with words of another size takes
 * for CS, and the mode that it takes from RFLAGS. */
void test_explain_return(struct selftest *t)
{
    static const u8 iretd[] = {0xCF};
    static struct trap_explanation good, wrong, vm86, halves;
    struct trap_frame frame = {.vector = VECTOR_OPCODE, .cs = SEL_KERNEL_CODE};
    frame.rip = virt_of(text_begin).raw;
    trap_explain(&frame, &good);
    frame.rflags = RFLAGS_VM;
    trap_explain(&frame, &vm86);
    frame.rflags = 0;
    frame.cs = 0xFFFC;
    trap_explain(&frame, &wrong);
    frame = (struct trap_frame){.vector = VECTOR_PROTECTION, .error_code = 0xFFFC,
                                .cs = SEL_KERNEL_CODE, .rip = virt_of(iretd).raw};
    trap_explain(&frame, &halves);
    CHECK_MSG(t, has(halves.cause, "lacks REX.W"), "%s", halves.cause);
    CHECK_MSG(t, good.cause[0] == '\0', "%s", good.cause);
    CHECK_MSG(t, has(wrong.cause, "IRETD"), "%s", wrong.cause);
    CHECK_MSG(t, has(vm86.cause, "virtual-8086"), "%s", vm86.cause);
}

/* A GDT that somebody wrote over: the CPU has read it, so nothing happens to this one.
 */
void test_explain_tss(struct selftest *t)
{
    struct trap_frame frame = {
        .vector = VECTOR_TSS, .error_code = SEL_TSS, .cs = SEL_KERNEL_CODE};
    static struct trap_explanation before, changed;
    u64 *upper = &percpu()->gdt[SEL_TSS / 8 + 1], saved = *upper;
    frame.rip = virt_of(text_begin).raw;
    trap_explain(&frame, &before);
    *upper = 0;
    trap_explain(&frame, &changed);
    *upper = saved;
    CHECK_MSG(t, before.cause[0] == '\0', "%s", before.cause);
    CHECK_MSG(t, has(changed.cause, "the TSS descriptor"), "%s", changed.cause);
}

/* Addresses that were taken for those of frames. */
void test_explain_no_ram(struct selftest *t)
{
    char whole[160], middle[160], image[160], beyond[160], cut[160];
    struct phys_range range, last = {0};
    u64 virt = DIRECT_MAP_BASE + HIGH_MEMORY_PHYS;
    for (u32 i = 0; ram_range(i, &range); i++)
        last = range;
    ram_alleged_text(phys_make(virt), whole, sizeof(whole));
    ram_alleged_text(phys_make(virt & PTE_FRAME_MASK), middle, sizeof(middle));
    ram_alleged_text(phys_make(IMAGE_BASE), image, sizeof(image));
    ram_alleged_text(phys_add(last.base, last.bytes), beyond, sizeof(beyond));
    CHECK_MSG(t, has(whole, "a virtual address") && has(whole, "P:0x100000"), "%s",
              whole);
    CHECK_MSG(t, has(middle, "the middle bits") && has(middle, "P:0x100000"), "%s",
              middle);
    CHECK_MSG(t, has(image, "a virtual") && !has(image, "P:"), "%s", image);
    CHECK_MSG(t, has(beyond, "RAM ends at"), "%s", beyond);
    if (last.base.raw < 1UL << 32)
        return;
    /* On such a machine the GiB below 4 GiB is a hole. */
    ram_alleged_text(phys_make(0xFFFFF000), cut, sizeof(cut));
    CHECK_EQUAL(t, has(cut, "the low 32 bits of P:0x1fffff000"),
                ram_contains(phys_make(0x1FFFFF000), PAGE_BYTES));
}
