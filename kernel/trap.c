/* SPDX-License-Identifier: MIT
 *
 * Dispatch of all 256 vectors.
 */
#include "kernel/trap.h"
#include "drivers/pic.h"
#include "kernel/arch/idt.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/percpu.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/log.h"
#include "kernel/trap_fatal.h"
#include "mm/fault.h"

#define WARNINGS_MAX 8

static struct {
    void (*handler)(void);
    u64 count;
} lines[PIC_LINES];

static u64 unhandled;

void irq_set_handler(u32 irq, void (*handler)(void))
{
    ASSERT_MSG(irq < PIC_LINES, "irq %u of %u", irq, PIC_LINES);
    if (handler == NULL)
        pic_mask(irq);
    lines[irq].handler = handler;
    if (handler != NULL)
        pic_unmask(irq);
}

u64 irq_count(u32 irq)
{
    return irq < PIC_LINES ? atomic_load_relaxed_u64(&lines[irq].count) : 0;
}

u64 irq_unhandled_count(void)
{
    return atomic_load_relaxed_u64(&unhandled);
}

static void unhandled_note(u64 vector)
{
    if (atomic_fetch_add_u64(&unhandled, 1) < WARNINGS_MAX)
        log_warn("interrupt on vector %lu, which nobody serves", vector);
}

static void line_serve(u32 irq)
{
    if (!pic_begin(irq))
        return;
    atomic_fetch_add_u64(&lines[irq].count, 1);
    if (lines[irq].handler != NULL)
        lines[irq].handler();
    else
        unhandled_note(PIC_VECTOR_FIRST + irq);
    pic_end(irq);
}

static void interrupt_dispatch(struct percpu *cpu, u64 vector)
{
    cpu->irq_depth++;
    cpu->interrupt_count++;
    if (vector - PIC_VECTOR_FIRST < PIC_LINES)
        line_serve((u32)(vector - PIC_VECTOR_FIRST));
    else
        unhandled_note(vector);
    cpu->irq_depth--;
}

void trap_expectation_arm(struct trap_expectation *expectation)
{
    ASSERT(percpu()->expectation == NULL);
    expectation->seen = false;
    percpu()->expectation = expectation;
}

void trap_expect_end(struct trap_expectation *expectation)
{
    ASSERT(percpu()->expectation == expectation || percpu()->expectation == NULL);
    percpu()->expectation = NULL;
}

/* True when somebody provoked this trap: the program goes on where he said, or behind
 * the trap. */
static bool expectation_meet(struct percpu *cpu, struct trap_frame *frame)
{
    struct trap_expectation *expected = cpu->expectation;

    if (expected == NULL || expected->vector != frame->vector)
        return false;
    if (frame->vector == VECTOR_PAGE_FAULT && !expected->any_address &&
        expected->address != frame->cr2)
        return false;
    cpu->expectation = NULL;
    expected->seen = true;
    expected->frame = *frame;
    expected->frame_at = (u64)(uintptr_t)frame;
    if (expected->returns)
        return true;
    trap_explain(frame, &expected->explanation);
    resume_into(frame, &expected->resume);
    return true;
}

/* Demand paging must not be asked for by what may have interrupted it anywhere. */
static bool forbids_faults(u64 vector)
{
    return vector == VECTOR_NMI || vector == VECTOR_DOUBLE_FAULT ||
           vector == VECTOR_MACHINE_CHECK;
}

static bool page_fault_resolve(struct trap_frame *frame)
{
    switch (fault_resolve(frame->cr2, frame->error_code)) {
    case FAULT_RESOLVED:
        return true;
    case FAULT_NO_MEMORY:
        frame->entry_flags |= TRAP_NO_MEMORY;
        break;
    case FAULT_BAD_ADDRESS:
        break;
    }
    return false;
}

static void exception_dispatch(struct percpu *cpu, struct trap_frame *frame)
{
    bool forbids = forbids_faults(frame->vector);

    cpu->exception_count++;
    if (frame->vector == VECTOR_PAGE_FAULT && page_fault_resolve(frame))
        return;
    cpu->no_fault_depth += forbids;
    if (!expectation_meet(cpu, frame))
        trap_die(frame);
    cpu->no_fault_depth -= forbids;
}

static NORETURN void misframed_die(struct trap_frame *frame)
{
    frame->vector &= ~(u64)VECTOR_MISFRAMED;
    frame->entry_flags |= TRAP_MISFRAMED;
    trap_die(frame);
}

/* GS base is not followed before it is known: a fault here would be one in every
 * handler of it, for ever and without a word. */
void trap_dispatch(struct trap_frame *frame)
{
    struct percpu *cpu = percpu_find(rdmsr(MSR_GS_BASE));

    if (cpu == NULL)
        trap_die_blockless(frame);
    cpu->trap_depth++;
    if (cpu->trap_depth > TRAP_DEPTH_MAX)
        trap_die(frame);
    if (frame->vector < EXCEPTION_COUNT)
        exception_dispatch(cpu, frame);
    else if (frame->vector < VECTOR_COUNT)
        interrupt_dispatch(cpu, frame->vector);
    else
        misframed_die(frame);
    cpu->trap_depth--;
}

void trap_init(void)
{
    idt_init(trap_dispatch);
    idt_load();
    idt_check();
    nmi_enable();
}
