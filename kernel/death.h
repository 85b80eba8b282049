/* SPDX-License-Identifier: MIT
 *
 * The hooks of kernel/base/panic for a kernel that stands: registers, backtrace and
 * last log lines of a death, and the way out after it.
 */
#ifndef PLINTH_KERNEL_DEATH_H
#define PLINTH_KERNEL_DEATH_H

#include "kernel/base/codes.h"
#include "kernel/base/types.h"

/* Adds the hooks. Once, before anything that can die; needs nothing. */
void death_init(void);

/* Whether the end of a death leaves the emulator (configuration exit=1) or halts. */
void death_set_exit(bool wanted);

/* Where a backtrace begins. rsp is only for a trap: a function that was interrupted
 * before it had its frame is found by the return address on top of the stack; 0
 * otherwise. */
struct death_place {
    u64 rip;
    u64 rbp;
    u64 rsp;
};

/* Prints the functions that lead to a place, nearest first. The first few go to every
 * sink, the rest, if any, to COM1 alone. Any context. */
void death_backtrace_print(const struct death_place *place);

/* Whether a call stands before this address, as before each return address. Any
 * context. */
bool death_is_behind_call(u64 address);

/* The end of a report: the last lines of the log, those of a level that no output
 * showed with a star, to COM1 and port E9; the page that explains the code, to all. */
void death_end_print(enum code code);

#endif
