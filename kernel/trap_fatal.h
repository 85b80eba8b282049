/* SPDX-License-Identifier: MIT
 *
 * The report of a fatal trap: what trap_explain found, and the facts it found it in,
 * within 25 lines, so that a screen shows them all. Takes no lock, no heap; runs on the
 * CPU's death stack; at most 10 million instructions, deaths on the way included
 * (tests/bench/test_death_path.py counts them).
 */
#ifndef PLINTH_KERNEL_TRAP_FATAL_H
#define PLINTH_KERNEL_TRAP_FATAL_H

#include "kernel/arch/trap_frame.h"

/* Reports and ends: leaves the emulator if the configuration says so, else halts. */
NORETURN void trap_die(struct trap_frame *frame);

/* The same when GS base is no CPU's block: puts the boot CPU's there first, so that the
 * report can work, and says what it was. */
NORETURN void trap_die_blockless(struct trap_frame *frame);

/* The walk of one address, a line a level, the level that refuses marked. error_code as
 * in a page fault, 0 for a plain look. Through log_print; any context. */
void trap_walk_print(u64 cr3, u64 virt, u64 error_code);

#endif
