/* SPDX-License-Identifier: MIT
 *
 * The order of initialisation, said aloud: each step in kernel/main.c names what it
 * needs, and a wrong order is a death with both names (IN-01), not a mystery.
 */
#ifndef PLINTH_KERNEL_INIT_ORDER_H
#define PLINTH_KERNEL_INIT_ORDER_H

#include "kernel/base/types.h"

enum init_step {
    INIT_CPU,  /* per-CPU block, control registers, descriptor tables */
    INIT_HIGH, /* identity map gone */
    INIT_RAM,  /* phys_to_ptr */
    INIT_FRAMES,
    INIT_PAGE_OPS,
    INIT_SPACE,   /* apertures, modules, stacks */
    INIT_CONSOLE, /* sinks */
    INIT_SYMBOLS,
    INIT_TIME,
    INIT_HEAP,
    INIT_AUDIT,
    INIT_INPUT, /* interrupts, keyboard */
    INIT_STEP_COUNT,
};

/* Dies with IN-01 unless `needed` is done; `who` is the step that asks. */
void init_needs(enum init_step who, enum init_step needed);
/* Marks a step as done; twice is IN-01 as well. */
void init_done(enum init_step step);
bool init_is_done(enum init_step step);

#endif
