/* SPDX-License-Identifier: MIT
 *
 * A stack of frame numbers for each CPU, last in first out, so that what comes back
 * warm goes out warm.
 *
 * A frame on a stack is free by its word and taken by its bit; the pools do not count
 * it. So a promise never rests on what another CPU's stack holds.
 *
 * Locking: none: a CPU touches its own stack only, with interrupts off.
 */
#ifndef PLINTH_MM_PMM_STACK_H
#define PLINTH_MM_PMM_STACK_H

#include "kernel/arch/instr.h"
#include "kernel/arch/percpu.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "mm/pmm_internal.h"

/* All of it with interrupts off. */

/* A free frame, no longer counted as free by anybody. False: unpromised memory is out.
 * Writing *out must not fault: a fault would take the same frame (mm/pmm_single.h). */
bool stack_take(struct pmm_cpu *cpu, pfn_t *out);
/* Fills an empty stack, as far as open areas have frames that nobody was promised. */
void stack_fill_open(struct pmm_cpu *cpu);
/* Takes a free frame back. */
void stack_give(struct pmm_cpu *cpu, pfn_t pfn);
/* Gives all frames of this CPU back to the areas, for whoever needs a larger block.
 * False: there were none. */
bool stack_drain(struct pmm_cpu *cpu);
/* Frames on a CPU's stack. */
u32 stack_frames(const struct pmm_cpu *cpu);

#endif
