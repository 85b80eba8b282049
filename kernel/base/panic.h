/* SPDX-License-Identifier: MIT
 *
 * The end: one line that says why, then what upper layers know, then stop.
 *
 * A death goes through three stages: STOP hooks (other CPUs, interrupts), the headline
 * "plinth: CODE sentence" on every sink (on the bare ports when there is none yet),
 * DETAIL hooks (registers, backtrace), END hooks (leave the emulator). No heap, no lock
 * that is waited for without bound, bounded work. Dying again while reporting: the
 * second time repeats the first headline, says PN-02 and goes to the END hooks; a sink
 * that was writing at that moment is dropped first, and then there is one more try for
 * each sink dropped. Further deaths go straight to the END hooks, and at last halt.
 * Another CPU that dies meanwhile halts without a word.
 */
#ifndef PLINTH_KERNEL_BASE_PANIC_H
#define PLINTH_KERNEL_BASE_PANIC_H

#include "kernel/base/codes.h"
#include "kernel/base/types.h"

#define PANIC_HOOK_MAX 8

/* Where a death was called; hooks start their backtrace there. */
struct panic_facts {
    enum code code;
    const char *sentence;
    u64 rip;
    u64 rbp;
};

enum panic_stage { PANIC_STOP, PANIC_DETAIL, PANIC_END };

/* A hook must not wait without bound and must bear being interrupted by a second death.
 */
struct panic_hook {
    const char *name;
    enum panic_stage stage;
    void (*run)(const struct panic_facts *facts);
};

/* Adds a hook, run after those added before it. The struct must stay for ever. False:
 * full. */
bool panic_hook_add(const struct panic_hook *hook);

/* Dies with a code. For broken invariants and hopeless boots, never for a user's
 * mistake. */
NORETURN void panic_code(enum code code, const char *fmt, ...) PRINTF(2, 3);

/* The stages apart, for a reporter that has more to say than hooks can
 * (kernel/trap_fatal.c). panic_enter runs the STOP hooks and prints the headline; when
 * it was not the first death it does not return. */
void panic_enter(enum code code, const char *sentence);
NORETURN void panic_leave(void);

/* Non-zero once any CPU has begun to die. */
u32 panic_depth(void);

#endif
