/* SPDX-License-Identifier: MIT
 *
 * What a death says of the place it happened at, and how it ends.
 */
#include "kernel/death.h"
#include "kernel/arch/backtrace.h"
#include "kernel/arch/exit.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/percpu.h"
#include "kernel/arch/trap_frame.h"
#include "kernel/base/format.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/symbols.h"

/* On a screen of 25 rows this many callers fit below a page fault's report. */
#define SCREEN_CALLERS 6

static bool exit_wanted;

void death_set_exit(bool wanted)
{
    exit_wanted = wanted;
}

static void caller_print(u64 address, bool everywhere)
{
    char name[SYMBOL_TEXT_BYTES], line[120];
    int bytes = format(line, sizeof(line), "  at %016lx %s\n", address,
                       symbol_text(address, name));

    if (everywhere)
        log_print("%s", line);
    else
        (void)log_echo_to("serial", line, MIN((u64)bytes, sizeof(line) - 1));
}

void death_backtrace_print(u64 rip, u64 rbp)
{
    u64 callers[BACKTRACE_MAX];
    u32 count = backtrace_walk(rbp, callers, BACKTRACE_MAX);

    caller_print(rip, true);
    for (u32 i = 0; i < count; i++)
        caller_print(callers[i], i + 1 < SCREEN_CALLERS);
}

/* A panic has no frame of saved registers; what still means something is printed. */
static void panic_detail(void *argument)
{
    const struct panic_facts *facts = argument;
    char name[CODE_NAME_BYTES];

    log_print("  cr0 %016lx cr2 %016lx cr3 %016lx\n", read_cr0(), read_cr2(), read_cr3());
    log_print("  cr4 %016lx efer %015lx cpu %u, trap depth %u\n", read_cr4(),
              rdmsr(MSR_EFER), percpu_or_boot()->index, percpu_or_boot()->trap_depth);
    death_backtrace_print(facts->rip, facts->rbp);
    code_name(facts->code, name);
    log_print("  explained in docs/errors/%s.md\n", name);
}

static void hook_stop(const struct panic_facts *facts)
{
    (void)facts;
    percpu_or_boot()->no_fault_depth++;
    /* Whatever happens now is part of this death, not of a test. */
    percpu_or_boot()->expectation = NULL;
}

static void hook_detail(const struct panic_facts *facts)
{
    struct panic_facts copy = *facts;
    u64 top = percpu_or_boot()->death_stack_top;

    if (top != 0)
        stack_call(panic_detail, &copy, top);
    else
        panic_detail(&copy);
}

static void hook_end(const struct panic_facts *facts)
{
    (void)facts;
    if (exit_wanted)
        emulator_exit(false);
    halt_forever();
}

static const struct panic_hook hooks[] = {
    { "no more faults", PANIC_STOP, hook_stop },
    { "registers and backtrace", PANIC_DETAIL, hook_detail },
    { "leave or halt", PANIC_END, hook_end },
};

void death_init(void)
{
    for (u32 i = 0; i < ARRAY_COUNT(hooks); i++)
        (void)panic_hook_add(&hooks[i]);
}
