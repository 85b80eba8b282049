/* SPDX-License-Identifier: MIT
 *
 * Explanations of all vectors but #PF and #GP, and what the three have in common.
 */
#include "kernel/trap_explain.h"
#include "drivers/pic.h"
#include "kernel/arch/backtrace.h"
#include "kernel/arch/gdt.h"
#include "kernel/arch/idt.h"
#include "kernel/base/format.h"
#include "kernel/base/string.h"
#include "kernel/early/image.h"
#include "kernel/symbols.h"
#include "mm/kernel_stack.h"

#define ERROR_EXTERNAL 0x1
#define ERROR_IDT      0x2
#define ERROR_LDT      0x4

bool trap_explain_stack(const struct trap_frame *frame, u64 address,
                        struct trap_explanation *out)
{
    struct kernel_stack_place guard, stack;
    char who[SYMBOL_PLACE_BYTES];
    bool own;

    if (!kernel_stack_locate(virt_make(address), &guard) || !guard.in_guard)
        return false;
    /* Pushed over the edge: RSP stands in the same slot, in the stack or already in its
     * guard. */
    own = kernel_stack_locate(virt_make(frame->rsp), &stack) && stack.top == guard.top;
    out->code = own ? CODE_SO_01 : CODE_SO_02;
    out->has_address = true;
    out->address = address;
    symbol_place(frame->rip, who);
    if (own) {
        format(out->sentence, sizeof(out->sentence),
               "overflow of %s by %lu bytes in %s", guard.name, guard.bytes_below, who);
        format(out->cause, sizeof(out->cause),
               "recursion or large locals: the whole stack of %lu bytes is used",
               guard.top - guard.bottom);
    } else {
        format(out->sentence, sizeof(out->sentence),
               "stray access to V:%016lx, %lu bytes below %s, by %s", address,
               guard.bytes_below, guard.name, who);
        format(out->cause, sizeof(out->cause), "RSP V:%016lx is not of that stack",
               frame->rsp);
    }
    return true;
}

/* The CPU takes its stacks from where the descriptor of the TSS points. */
static void tss_cause(struct trap_explanation *out)
{
    u64 descriptor = (u64)(uintptr_t)tss_descriptor(sgdt().base), base;
    u64 expected = (u64)(uintptr_t)&percpu_or_boot()->tss;

    if (!backtrace_is_readable(descriptor, 16)) {
        format(out->cause, sizeof(out->cause),
               "GDTR and TR lead to V:%016lx, which cannot be read", descriptor);
        return;
    }
    base = tss_descriptor_read((const void *)(uintptr_t)descriptor).base;
    if (base != expected)
        format(out->cause, sizeof(out->cause),
               "the TSS descriptor at V:%016lx was changed: its base is V:%016lx, "
               "expected V:%016lx",
               descriptor, base, expected);
}

static void explain_double_fault(const struct trap_frame *frame,
                                 struct trap_explanation *out)
{
    char who[SYMBOL_PLACE_BYTES];

    if (trap_explain_stack(frame, frame->cr2, out) ||
        trap_explain_stack(frame, frame->rsp, out))
        return;
    out->code = CODE_DF_01;
    format(out->sentence, sizeof(out->sentence),
           "double fault in %s: a trap could not be delivered",
           symbol_place(frame->rip, who));
    if (!virt_is_canonical(virt_make(frame->rsp)))
        format(out->cause, sizeof(out->cause),
               "the stack pointer V:%016lx is not canonical", frame->rsp);
    else if (!backtrace_is_readable(frame->rsp - 8, 8))
        format(out->cause, sizeof(out->cause),
               "the stack pointer V:%016lx has no memory below", frame->rsp);
    else
        format(out->cause, sizeof(out->cause),
               "CR2 is V:%016lx, perhaps of the fault that could not be delivered",
               frame->cr2);
}

static enum code code_of_exception(u64 vector)
{
    static const u8 codes[EXCEPTION_COUNT] = {
        [0] = CODE_EX_00,  [1] = CODE_EX_01,  [3] = CODE_EX_03,  [4] = CODE_EX_04,
        [5] = CODE_EX_05,  [6] = CODE_EX_06,  [7] = CODE_EX_07,  [9] = CODE_EX_09,
        [10] = CODE_EX_10, [11] = CODE_EX_11, [12] = CODE_EX_12, [16] = CODE_EX_16,
        [17] = CODE_EX_17, [19] = CODE_EX_19, [20] = CODE_EX_20, [21] = CODE_EX_21,
        [28] = CODE_EX_28, [29] = CODE_EX_29, [30] = CODE_EX_30,
    };

    STATIC_ASSERT(CODE_COUNT <= 256 && CODE_EX_00 != 0,
                  "a byte holds a code, 0 means none");
    if (vector < EXCEPTION_COUNT && codes[vector] != 0)
        return (enum code)codes[vector];
    return CODE_EX_31;
}

static void explain_other(const struct trap_frame *frame, struct trap_explanation *out)
{
    char who[SYMBOL_PLACE_BYTES];
    char words[80];

    out->code = code_of_exception(frame->vector);
    symbol_place(frame->rip, who);
    if (frame->error_code != 0)
        format(out->sentence, sizeof(out->sentence), "%s at %s: %s",
               vector_name(frame->vector), who,
               trap_error_words(frame, words, sizeof(words)));
    else
        format(out->sentence, sizeof(out->sentence), "%s at %s",
               vector_name(frame->vector), who);
    if (frame->vector == VECTOR_BREAKPOINT &&
        frame->rip - 1 >= (u64)(uintptr_t)text_end &&
        frame->rip - 1 < (u64)(uintptr_t)rodata_begin)
        format(out->cause, sizeof(out->cause),
               "a jump went wild behind the code of the kernel");
    if (frame->entry_flags & TRAP_IN_IRETQ)
        format(out->cause, sizeof(out->cause),
               "raised by the return to ring 3 itself: its frame is bad");
}

/* Stub and CPU did not push the same: the stub table was checked, so a frame without
 * the error code of its exception is no exception's. */
static void explain_misframed(const struct trap_frame *frame,
                              struct trap_explanation *out)
{
    char who[SYMBOL_PLACE_BYTES];

    symbol_place(frame->rip, who);
    if (vector_has_code(frame->vector)) {
        trap_explain_bios_line(frame, out);
        return;
    }
    out->code = CODE_TR_02;
    format(
        out->sentence, sizeof(out->sentence),
        "the frame of vector %lu (%s) at %s is one word off: its stub pushed a 0 and "
        "something else an error code",
        frame->vector, vector_name(frame->vector), who);
}

void trap_explain_bios_line(const struct trap_frame *frame,
                            struct trap_explanation *out)
{
    char who[SYMBOL_PLACE_BYTES];
    u64 line = frame->vector - PIC_VECTOR_BIOS;

    out->code = CODE_TR_01;
    if (line < PIC_LINES / 2)
        format(
            out->sentence, sizeof(out->sentence),
            "interrupt at vector %lu, that of a %s, at %s: IRQ %lu%s of a PIC that was "
            "not remapped",
            frame->vector, vector_name(frame->vector), symbol_place(frame->rip, who),
            line, line == 0 ? ", the timer," : "");
    else
        format(out->sentence, sizeof(out->sentence),
               "interrupt at vector %lu, that of a %s, at %s", frame->vector,
               vector_name(frame->vector), symbol_place(frame->rip, who));
    format(out->cause, sizeof(out->cause),
           "interrupts were on (IF %lu) before the interrupt controllers were set up",
           frame->rflags >> 9 & 1);
}

/* Code runs with two selectors here. Others, or virtual-8086 mode, come from nowhere but
 * a return that took its words from the wrong place. */
static void return_cause(const struct trap_frame *frame, struct trap_explanation *out)
{
    bool vm86 = (frame->rflags & RFLAGS_VM) != 0;

    if (!vm86 && (frame->cs == SEL_KERNEL_CODE || frame->cs == (SEL_USER_CODE | 3)))
        return;
    format(out->cause, sizeof(out->cause),
           "the last return from a trap came out wrong: CS is %#lx%s, expected %#x or "
           "%#x; its frame was bad, or IRET lacks REX.W and took 4-byte halves (IRETD)",
           frame->cs, vm86 ? " in virtual-8086 mode" : "", SEL_KERNEL_CODE,
           SEL_USER_CODE | 3);
}

static void explain_vector(const struct trap_frame *frame, struct trap_explanation *out)
{
    if (frame->entry_flags & TRAP_MISFRAMED) {
        explain_misframed(frame, out);
        return;
    }
    switch (frame->vector) {
    case VECTOR_PAGE_FAULT:
        trap_explain_page_fault(frame, out);
        break;
    case VECTOR_PROTECTION:
    case VECTOR_STACK:
        trap_explain_protection(frame, out);
        break;
    case VECTOR_DOUBLE_FAULT:
        explain_double_fault(frame, out);
        tss_cause(out);
        break;
    case VECTOR_TSS:
        explain_other(frame, out);
        tss_cause(out);
        break;
    default:
        explain_other(frame, out);
    }
}

void trap_explain(const struct trap_frame *frame, struct trap_explanation *out)
{
    memset(out, 0, sizeof(*out));
    explain_vector(frame, out);
    return_cause(frame, out);
}

static const char *page_fault_words(u64 error, char *out, u64 out_bytes)
{
    format(out, out_bytes, "%s%s by ring %c%s%s%s",
           error & PF_FETCH   ? "instruction fetch"
           : error & PF_WRITE ? "write"
                              : "read",
           error & PF_PRESENT ? ", page present" : ", page not present",
           error & PF_USER ? '3' : '0', error & PF_RESERVED ? ", reserved bit set" : "",
           error & PF_KEY ? ", protection key" : "",
           error & PF_SHADOW ? ", shadow stack" : "");
    return out;
}

/* SDM vol. 3A, 6.13 */
static const char *selector_words(u64 error, char *out, u64 out_bytes)
{
    const char *table = error & ERROR_IDT   ? "gate"
                        : error & ERROR_LDT ? "LDT entry"
                                            : "GDT entry";

    if ((error & ~(u64)ERROR_EXTERNAL) == 0)
        format(out, out_bytes, "no selector%s",
               error & ERROR_EXTERNAL ? ", while an interrupt was delivered" : "");
    else
        format(out, out_bytes, "%s %lu (%s%#lx)%s", table, error >> 3 & 0x1FFF,
               error & ERROR_IDT ? "vector " : "selector ",
               error & ERROR_IDT ? error >> 3 & 0xFF : error & 0xFFFC,
               error & ERROR_EXTERNAL ? ", while an interrupt was delivered" : "");
    return out;
}

const char *trap_error_words(const struct trap_frame *frame, char *out, u64 out_bytes)
{
    switch (frame->vector) {
    case VECTOR_PAGE_FAULT:
        return page_fault_words(frame->error_code, out, out_bytes);
    case VECTOR_TSS:
    case VECTOR_SEGMENT:
    case VECTOR_STACK:
    case VECTOR_PROTECTION:
        return selector_words(frame->error_code, out, out_bytes);
    default:
        format(out, out_bytes, "%#lx", frame->error_code);
        return out;
    }
}
