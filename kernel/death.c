/* SPDX-License-Identifier: MIT
 *
 * What a death says of the place it happened at, and how it ends.
 */
#include "kernel/death.h"
#include "drivers/serial.h"
#include "kernel/arch/backtrace.h"
#include "kernel/arch/exit.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/percpu.h"
#include "kernel/arch/trap_frame.h"
#include "kernel/base/format.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/base/string.h"
#include "kernel/symbols.h"
#include "mm/page_table.h"

/* On a screen of 25 rows this many callers fit below a page fault's report. */
#define SCREEN_CALLERS 6
#define LOG_RECORDS    8

static bool exit_wanted;
static u64 gs_base; /* as the death found it */
static bool gs_lost;

/* Memory that reads like memory: mapped, the kernel's, and no device, whose registers a
 * read could change. */
static bool is_readable(u64 virt)
{
    struct pt_walk walk;

    if (virt - APERTURE_BASE < APERTURE_BYTES)
        return false;
    page_table_walk_raw(read_cr3(), virt, &walk);
    return walk.end == PT_LEAF && !walk.user;
}

void death_set_exit(bool wanted)
{
    exit_wanted = wanted;
}

static void caller_print(const struct backtrace_caller *caller, bool is_return,
                         u32 *printed)
{
    char name[SYMBOL_TEXT_BYTES], again[24] = "", line[120];
    const char *function;
    u64 offset;
    int bytes;

    /* A return address behind a call that never returns belongs to the next function
     * already. */
    if (symbol_find(caller->address - is_return, &function, &offset))
        format(name, sizeof(name), "%.56s+0x%lx", function, offset + is_return);
    else
        format(name, sizeof(name), "(no function)");
    if (caller->repeats != 0)
        format(again, sizeof(again), ", %u times", caller->repeats + 1);
    bytes = format(line, sizeof(line), "  at %016lx %s%s\n", caller->address, name,
                   again);
    if (++*printed <= SCREEN_CALLERS)
        log_print("%s", line);
    else
        (void)log_echo_to("serial", line, MIN((u64)bytes, sizeof(line) - 1));
}

/* True when the function of rip has its frame already: it begins with PUSH RBP; MOV
 * RBP, RSP, and rip is behind them. Functions that do it later, or never, count as
 * having none. */
static bool has_frame(u64 rip)
{
    static const u8 prologue[4] = {0x55, 0x48, 0x89, 0xE5};
    const char *name;
    u64 offset;

    return symbol_find(rip, &name, &offset) && offset >= sizeof(prologue) &&
           memcmp((const void *)(uintptr_t)(rip - offset), prologue,
                  sizeof(prologue)) == 0;
}

/* E8 rel32, or FF /2 in its lengths. */
bool death_is_behind_call(u64 address)
{
    const u8 *at = (const u8 *)(uintptr_t)address;
    const char *name;
    u64 offset;

    if (!symbol_find(address - 1, &name, &offset) ||
        !backtrace_is_readable(address - 7, 7))
        return false;
    if (at[-5] == 0xE8)
        return true;
    for (u32 bytes = 2; bytes <= 7; bytes++)
        if (at[-(int)bytes] == 0xFF && (at[1 - (int)bytes] & 0x38) == 0x10)
            return true;
    return false;
}

void death_backtrace_print(const struct death_place *place)
{
    struct backtrace_caller callers[BACKTRACE_MAX], first = {place->rip, 0};
    u32 count = backtrace_walk(place->rbp, callers), printed = 0;

    caller_print(&first, place->rsp == 0, &printed);
    if (place->rsp != 0 && !has_frame(place->rip) &&
        backtrace_is_readable(place->rsp, 8)) {
        first.address = *(const u64 *)(uintptr_t)place->rsp;
        if (death_is_behind_call(first.address) &&
            (count == 0 || callers[0].address != first.address))
            caller_print(&first, true, &printed);
    }
    for (u32 i = 0; i < count; i++)
        caller_print(&callers[i], true, &printed);
}

/* Not to the screen, where the report must stay whole; the lines that it showed stand
 * there already. Not to the recorder either: it has kept them. */
static void ports_print(const char *text)
{
    (void)log_echo_to("serial", text, strlen(text));
    (void)log_echo_to("e9", text, strlen(text));
}

/* A record may hold several lines, or a part of one. Each begins with a mark, so that
 * nobody takes it for something said now. */
static void log_record_print(enum log_level level, const char *text)
{
    static bool headed;
    char line[LOG_LINE_BYTES + 8];

    if (!headed)
        ports_print(
            "  last lines of the log, with a star those that were not shown:\n");
    headed = true;
    while (*text != '\0') {
        u64 bytes = 0;

        while (text[bytes] != '\0' && text[bytes] != '\n')
            bytes++;
        format(line, sizeof(line), "  %c %.*s\n", level > log_level_now() ? '*' : '|',
               (int)bytes, text);
        ports_print(line);
        text += bytes + (text[bytes] == '\n');
    }
}

void death_end_print(enum code code)
{
    char name[CODE_NAME_BYTES];

    log_before_death(LOG_RECORDS, log_record_print);
    code_name(code, name);
    log_print("  explained in docs/errors/%s.md\n", name);
}

/* A panic has no frame of saved registers; what still means something is printed. */
static void panic_detail(void *argument)
{
    const struct panic_facts *facts = argument;
    struct death_place place = {facts->rip, facts->rbp, 0};

    log_print("  cr0 %016lx cr2 %016lx cr3 %016lx\n", read_cr0(), read_cr2(),
              read_cr3());
    log_print("  cr4 %016lx efer %03lx CPU %u, trap depth %u\n", read_cr4(),
              rdmsr(MSR_EFER), percpu_or_boot()->index, percpu_or_boot()->trap_depth);
    if (gs_lost)
        log_print("  GS base was V:%016lx, no CPU's block\n", gs_base);
    death_backtrace_print(&place);
    death_end_print(facts->code);
}

/* Whoever asks for this CPU's block from here on finds one. */
static void hook_stop(const struct panic_facts *facts)
{
    (void)facts;
    gs_base = rdmsr(MSR_GS_BASE);
    /* Before percpu_init there is no block, and nothing is lost. */
    gs_lost = percpu_find((u64)(uintptr_t)&percpu_boot) != NULL &&
              percpu_find(gs_base) == NULL;
    if (gs_lost)
        wrmsr(MSR_GS_BASE, (u64)(uintptr_t)&percpu_boot);
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
    serial_drain();
    if (exit_wanted)
        emulator_exit(false);
    halt_forever();
}

static const struct panic_hook hooks[] = {
    {"no more faults", PANIC_STOP, hook_stop},
    {"registers and backtrace", PANIC_DETAIL, hook_detail},
    {"leave or halt", PANIC_END, hook_end},
};

void death_init(void)
{
    backtrace_set_reader(is_readable);
    for (u32 i = 0; i < ARRAY_COUNT(hooks); i++)
        (void)panic_hook_add(&hooks[i]);
}
