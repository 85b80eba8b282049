/* SPDX-License-Identifier: MIT
 *
 * The explorer. A schedule is the list of choices made where more than one CPU could go
 * on. The first run takes choice 0 everywhere (stay on the CPU); each further one
 * repeats the last list up to its last choice that has an alternative left, takes that,
 * and goes on with zeros: a depth-first walk that needs no state but the list, because
 * the world does the same thing again when it is asked the same way.
 *
 * Each CPU is a coroutine; the decision is taken on the stack of the one that yields,
 * so staying on a CPU costs a function call.
 */
#include "tests/host/interleave.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define STACK_BYTES_HOST (256 * 1024)
#define STEPS_MAX        100000
#define CHOICES_MAX      STEPS_MAX
#define TRACE_LINES      48
#define WAITS_ALONE_MAX  16
#define NOBODY           INTERLEAVE_CPUS

struct choice {
    u8 options;
    u8 taken;
};

struct step {
    u32 cpu;
    const char *operation;
    const volatile void *at;
};

static struct {
    u8 stacks[INTERLEAVE_CPUS][STACK_BYTES_HOST] ALIGNED(16);
    const struct interleave *what;
    struct interleave_result *out;
    struct choice path[CHOICES_MAX];
    u64 path_count; /* choices known from the last schedule */
    u64 depth;      /* choices made in this one */
    struct step steps[STEPS_MAX];
    u64 step_count;
    u32 preemptions;
    u32 waits_alone;
    u32 current; /* NOBODY outside a run */
    bool open;   /* setup..check: failures have somewhere to go */
    bool ended[INTERLEAVE_CPUS];
    ucontext_t home;
    ucontext_t cpu[INTERLEAVE_CPUS];
} explorer = {.current = NOBODY};

u32 interleave_cpu(void)
{
    return explorer.current == NOBODY ? 0 : explorer.current;
}

/* --- failures --- */

static void trace_write(void)
{
    char *text = explorer.out->trace;
    u64 room = sizeof(explorer.out->trace), used = 0;
    u64 first = explorer.step_count > TRACE_LINES ? explorer.step_count - TRACE_LINES
                                                  : 0;
    for (u64 i = first; i < explorer.step_count && used < room; i++) {
        const struct step *step = &explorer.steps[i];
        const char *name = explorer.what->name ? explorer.what->name(step->at) : NULL;
        int wrote = name ? snprintf(text + used, room - used, "%u %s %s\n", step->cpu,
                                    step->operation, name)
                         : snprintf(text + used, room - used, "%u %s %p\n", step->cpu,
                                    step->operation, (const void *)step->at);
        used += (u64)wrote;
    }
}

void interleave_fail(const char *fmt, ...)
{
    va_list args;
    if (!explorer.open) {
        fprintf(stderr, "interleave: failure outside a run: %s\n", fmt);
        abort();
    }
    va_start(args, fmt);
    vsnprintf(explorer.out->why, sizeof(explorer.out->why), fmt, args);
    va_end(args);
    explorer.out->failed = true;
    trace_write();
    setcontext(&explorer.home);
    abort();
}

/* --- choices --- */

static u32 choose(u32 options)
{
    if (options == 1)
        return 0;
    if (explorer.depth == explorer.path_count) {
        if (explorer.path_count == CHOICES_MAX)
            interleave_fail("more than %u choices in one schedule", CHOICES_MAX);
        explorer.path[explorer.path_count++] = (struct choice){(u8)options, 0};
    }
    struct choice *choice = &explorer.path[explorer.depth++];
    if (choice->options != options)
        interleave_fail("the world is not the same again: %u ways to go on, once %u",
                        options, choice->options);
    return choice->taken;
}

/* The next list in depth-first order; false when all were tried. */
static bool path_advance(void)
{
    while (explorer.path_count > 0) {
        struct choice *last = &explorer.path[explorer.path_count - 1];
        if (++last->taken < last->options)
            return true;
        explorer.path_count--;
    }
    return false;
}

/* Who goes on: the current CPU first when it can, others when that is free or allowed.
 * NOBODY: all have ended. */
static u32 next_cpu(bool can_stay)
{
    u32 options[INTERLEAVE_CPUS], count = 0;
    if (can_stay)
        options[count++] = explorer.current;
    bool may_leave = !can_stay || explorer.preemptions < explorer.what->preemptions;
    for (u32 cpu = 0; may_leave && cpu < explorer.what->cpus; cpu++)
        if (cpu != explorer.current && !explorer.ended[cpu])
            options[count++] = cpu;
    if (count == 0)
        return NOBODY;
    u32 next = options[choose(count)];
    explorer.preemptions += can_stay && next != explorer.current;
    return next;
}

static void go_on_with(u32 next)
{
    u32 from = explorer.current;
    explorer.current = next;
    if (next != from)
        swapcontext(&explorer.cpu[from], &explorer.cpu[next]);
}

void interleave_step(const char *operation, const volatile void *at)
{
    if (explorer.current == NOBODY)
        return;
    if (!explorer.what->at_relaxed_loads && strcmp(operation, "load_relaxed") == 0)
        return;
    go_on_with(next_cpu(true));
    if (explorer.step_count == STEPS_MAX)
        interleave_fail("a schedule does not end within %u steps", STEPS_MAX);
    explorer.steps[explorer.step_count++] = (struct step){explorer.current, operation,
                                                          at};
}

void interleave_wait(void)
{
    if (explorer.current == NOBODY)
        return;
    u32 next = next_cpu(false);
    if (next == NOBODY) {
        /* What it waits for may have come already. */
        if (++explorer.waits_alone == WAITS_ALONE_MAX)
            interleave_fail("CPU %u waits, and nobody is left who could end that",
                            explorer.current);
        return;
    }
    if (explorer.step_count == STEPS_MAX)
        interleave_fail("CPUs wait for each other for ever");
    explorer.steps[explorer.step_count++] = (struct step){explorer.current, "wait",
                                                          NULL};
    go_on_with(next);
}

/* --- one schedule --- */

static void cpu_main(void)
{
    explorer.what->run(explorer.current);
    explorer.ended[explorer.current] = true;
    u32 next = next_cpu(false);
    explorer.current = next;
    setcontext(next == NOBODY ? &explorer.home : &explorer.cpu[next]);
}

static void cpu_prepare(u32 cpu)
{
    ucontext_t *context = &explorer.cpu[cpu];
    getcontext(context);
    context->uc_stack.ss_sp = explorer.stacks[cpu];
    context->uc_stack.ss_size = STACK_BYTES_HOST;
    makecontext(context, cpu_main, 0);
    explorer.ended[cpu] = false;
}

static void cpus_prepare(void)
{
    for (u32 cpu = 0; cpu < explorer.what->cpus; cpu++)
        cpu_prepare(cpu);
    explorer.depth = explorer.step_count = 0;
    explorer.preemptions = explorer.waits_alone = 0;
}

/* False when it failed. */
static bool schedule_run(void)
{
    volatile u32 stage = 0;
    getcontext(&explorer.home);
    explorer.current = NOBODY;
    if (explorer.out->failed)
        return false;
    if (stage == 0) {
        stage = 1;
        explorer.what->setup();
        cpus_prepare();
        explorer.current = next_cpu(false);
        setcontext(&explorer.cpu[explorer.current]);
    }
    explorer.what->check();
    return true;
}

void interleave_explore(const struct interleave *what, struct interleave_result *out)
{
    memset(out, 0, sizeof(*out));
    explorer.what = what;
    explorer.out = out;
    explorer.path_count = 0;
    explorer.open = true;
    do {
        out->schedules++;
        bool good = schedule_run();
        out->steps = MAX(out->steps, explorer.step_count);
        if (!good || out->schedules == what->schedules_max)
            break;
        out->complete = !path_advance();
    } while (!out->complete);
    explorer.open = false;
}
