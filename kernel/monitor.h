/* SPDX-License-Identifier: MIT
 *
 * The monitor: a prompt on COM1 and the PS/2 keyboard for looking into the running
 * kernel.
 *
 * Commands come in tables, so that each part of the kernel brings its own. Nothing
 * typed can do harm: lines are cut, unknown words get one line of answer, the number of
 * arguments is checked before a command runs. Runs with interrupts on, sleeps while
 * nobody types.
 */
#ifndef PLINTH_KERNEL_MONITOR_H
#define PLINTH_KERNEL_MONITOR_H

#include "kernel/base/types.h"

#define MONITOR_PROMPT        "plinth> "
#define MONITOR_LINE_BYTES    120
#define MONITOR_ARGUMENTS_MAX 8 /* with the command's name */

/* argv[0] is the command's own name; argc counts it. Output goes through log_print. */
struct monitor_command {
    const char *name;
    const char *arguments; /* for help: "ADDRESS", "[NAME]" or "" */
    const char *help;      /* one line */
    u32 arguments_least;   /* checked before run is called */
    u32 arguments_most;
    void (*run)(u32 argc, const char *const argv[]);
};

struct monitor_table {
    const struct monitor_command *commands;
    u32 count;
};

/* help, cpu, log, reboot, halt. */
extern const struct monitor_table monitor_basic_table;

/* Prompts and runs commands for ever. tables must stay. Needs monitor_input_init. */
NORETURN void monitor_run(const struct monitor_table *tables, u32 table_count);

/* Runs one line as if it had been typed; the text is taken apart in place. */
void monitor_execute(char *line);

/* Numbers for commands. Decimal, or hex after 0x. */
bool monitor_parse_number(const char *text, u64 *out);
/* Hex with or without 0x, V: or P: before it, as the kernel prints addresses. */
bool monitor_parse_address(const char *text, u64 *out);

#endif
