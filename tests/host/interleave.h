/* SPDX-License-Identifier: MIT
 *
 * A bounded interleaving explorer: runs the shipped C functions on two or more
 * simulated CPUs and tries every order of their atomic operations that needs at most N
 * preemptions (a switch away from a CPU that could have gone on; switches at its end or
 * while it waits are free). Most races known to need few: two find nearly all.
 *
 * How to use it:
 *   - the sources under test are compiled with `-include tests/host/interleave_hook.h`
 *     (tests/host/host.mk, X_interleave_SRC), which makes every operation of
 *     kernel/base/atomic.h a place where another CPU may go on;
 *   - fill in a struct interleave: setup makes the world as it was, always in the same
 *     way; run(cpu) is what that CPU does; check looks at the end, when all have ended;
 *   - what is wrong is said by interleave_fail, from anywhere in between; route
 *     panic_code and assert_fail there as well;
 *   - a loop that waits for another CPU (a lock, cpu_pause) calls interleave_wait;
 *   - run, look at out->failed: a world is believed only once a version broken on
 *     purpose has been found.
 *
 * Does not: reorder memory accesses. Each atomic is taken as sequentially consistent,
 * what lies between two of them as one step; plain accesses that race are TSan's to
 * find. Locking:  one thread, one exploration at a time.
 */
#ifndef PLINTH_TESTS_HOST_INTERLEAVE_H
#define PLINTH_TESTS_HOST_INTERLEAVE_H

#include "kernel/base/types.h"

#define INTERLEAVE_CPUS 4

struct interleave {
    u32 cpus;          /* 1..INTERLEAVE_CPUS */
    u32 preemptions;   /* the bound N */
    /* Relaxed loads are hints, read in long scans: other CPUs go on there only if said. */
    bool at_relaxed_loads;
    u64 schedules_max; /* stop there, and say that it was not complete; 0: no bound */
    void (*setup)(void);
    void (*run)(u32 cpu);
    void (*check)(void);
    /* A word for an address in the trace, or NULL; may be missing. */
    const char *(*name)(const volatile void *at);
};

struct interleave_result {
    u64 schedules;
    u64 steps;        /* of the longest schedule */
    bool complete;    /* every schedule within the bound was tried */
    bool failed;      /* the last one tried broke something */
    char why[256];    /* what */
    char trace[4096]; /* and its last steps, one "cpu operation address" a line */
};

void interleave_explore(const struct interleave *what, struct interleave_result *out);

/* Which simulated CPU runs; 0 outside a run. */
u32 interleave_cpu(void);
/* Lets another CPU go on; for loops that wait. Nothing outside a run. */
void interleave_wait(void);
/* Ends this schedule and the exploration. Only between setup and the end of check. */
NORETURN void interleave_fail(const char *fmt, ...) PRINTF(1, 2);
/* Called by the hook before each atomic operation. Nothing outside a run. */
void interleave_step(const char *operation, const volatile void *at);

#endif
