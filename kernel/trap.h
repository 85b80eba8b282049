/* SPDX-License-Identifier: MIT
 *
 * Traps: what happens after kernel/arch/entry.asm has saved the registers.
 *
 * A page fault is offered to mm first; what mm refuses, and every other exception, goes
 * to whoever provoked and expects it if there is one, else it is a death
 * (kernel/trap_fatal.c). Device interrupts go to the handler of their line, with
 * interrupts off.
 */
#ifndef PLINTH_KERNEL_TRAP_H
#define PLINTH_KERNEL_TRAP_H

#include "kernel/arch/trap_frame.h"
#include "kernel/trap_explain.h"

/* Fills in the IDT and loads it on this CPU, lets NMIs through. Needs percpu_init,
 * control_init, gdt_init. */
void trap_init(void);

/* The one handler of all vectors. Interrupts are off when it is called and when it
 * returns. */
void trap_dispatch(struct trap_frame *frame);

/* --- device interrupts --- */
/* Sets who serves a line of the interrupt controllers and opens the line; NULL closes
 * it. The handler runs with interrupts off and must not sleep. Needs pic_init. */
void irq_set_handler(u32 irq, void (*handler)(void));

/* How often the line was served, and how often one came that nobody serves. */
u64 irq_count(u32 irq);
u64 irq_unhandled_count(void);

/* --- traps that are provoked, by checks at boot and by self-tests --- */
/* Which trap is expected. A static or a variable of the provoking function; zeroed but
 * for the first four. For vectors other than #PF the address does not count. */
struct trap_expectation {
    u64 vector;
    u64 address; /* CR2 that must match, unless any_address */
    bool any_address;
    bool returns; /* the handler goes back as from an interrupt, instead of to where
                     trap_expect_begin was: for a trap that is no fault. The body then
                     runs on, and nothing is explained */

    bool seen; /* the trap came; the rest is what it was */
    struct trap_frame frame;
    u64 frame_at; /* where it was built: on which stack the trap ran */
    struct trap_explanation explanation;
    struct resume_point resume;
};

void trap_expectation_arm(struct trap_expectation *expectation);

/* Usage:
 *     if (trap_expect_begin(&e))
 *         the bad thing;
 *     trap_expect_end(&e);
 *     CHECK(e.seen && e.explanation.code == CODE_PF_03);
 * When the trap comes, the body is left and the program goes on behind it. Locals that
 * the body changes must be volatile. One expectation per CPU at a time. */
#define trap_expect_begin(expectation) \
    (trap_expectation_arm(expectation), resume_save(&(expectation)->resume) == 0)
void trap_expect_end(struct trap_expectation *expectation);

#endif
