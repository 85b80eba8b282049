/* SPDX-License-Identifier: MIT
 *
 * Deaths of what reports deaths: it must end, and say what it still can.
 */
#include "kernel/arch/instr.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "mm/heap.h"
#include "mm/heap_internal.h"
#include "tests/kernel/cases.h"

#define NOT_CANONICAL 0x1234567800000000
#define NULL_MEMBER   8

static NOINLINE void null_read(void)
{
    (void)*(volatile u64 *)NULL_MEMBER;
}

static NORETURN void die(void)
{
    panic_code(CODE_AS_01, "the first death of a test");
}

/* --- a hook that is called for details dies itself --- */

static void hook_panics(const struct panic_facts *facts)
{
    (void)facts;
    panic_code(CODE_AS_01, "a second death, in a hook of the first");
}

static void hook_faults(const struct panic_facts *facts)
{
    (void)facts;
    null_read();
}

void test_die_panic_in_panic(struct selftest *t)
{
    static const struct panic_hook hook = {"panics", PANIC_DETAIL, hook_panics};

    CHECK(t, panic_hook_add(&hook));
    die();
}

void test_die_fault_in_panic(struct selftest *t)
{
    static const struct panic_hook hook = {"faults", PANIC_DETAIL, hook_faults};

    CHECK(t, panic_hook_add(&hook));
    die();
}

/* The end of the end: nothing is left but to halt. */
void test_die_in_end_hook(struct selftest *t)
{
    static const struct panic_hook hook = {"panics", PANIC_STOP, hook_panics};

    CHECK(t, panic_hook_add(&hook));
    null_read();
}

/* --- inside the log: a sink dies, with the log's lock held --- */

static bool sink_is_bad;

static void sink_panics(enum log_level level, const char *text, u64 bytes)
{
    (void)level;
    (void)text;
    (void)bytes;
    if (sink_is_bad)
        panic_code(CODE_AS_01, "a sink panics in the log");
}

static void sink_faults(enum log_level level, const char *text, u64 bytes)
{
    (void)level;
    (void)text;
    (void)bytes;
    if (sink_is_bad)
        null_read();
}

static void sink_go_bad(struct selftest *t, const struct log_sink *sink)
{
    CHECK(t, log_sink_add(sink));
    sink_is_bad = true;
}

void test_die_panic_in_log(struct selftest *t)
{
    static const struct log_sink sink = {"bad", LOG_DEBUG, sink_panics};

    sink_go_bad(t, &sink);
    log_print("# a line that a sink does not survive\n");
    selftest_fail(t, __FILE__, __LINE__, "the kernel is still alive");
}

void test_die_fault_in_log(struct selftest *t)
{
    static const struct log_sink sink = {"bad", LOG_DEBUG, sink_faults};

    sink_go_bad(t, &sink);
    log_print("# a line that a sink does not survive\n");
    selftest_fail(t, __FILE__, __LINE__, "the kernel is still alive");
}

/* All sinks but the recorder's are gone one after the other; each is one more try. */
void test_die_all_sinks(struct selftest *t)
{
    static const struct log_sink first = {"bad 1", LOG_DEBUG, sink_faults},
                                 second = {"bad 2", LOG_DEBUG, sink_panics};

    CHECK(t, log_sink_add(&first));
    sink_go_bad(t, &second);
    null_read();
}

/* The report runs over the end of its own stack: the guard below it stops that. */
static NOINLINE u64 recurse(u64 depth)
{
    volatile u8 room[512];

    room[depth % sizeof(room)] = (u8)depth;
    return depth == 0 ? 0 : recurse(depth + 1) + room[depth % sizeof(room)];
}

static void sink_overflows(enum log_level level, const char *text, u64 bytes)
{
    (void)level;
    (void)text;
    if (sink_is_bad)
        sink_is_bad = recurse(bytes) != 0;
}

void test_die_report_overflow(struct selftest *t)
{
    static const struct log_sink sink = {"bad", LOG_DEBUG, sink_overflows};

    sink_go_bad(t, &sink);
    null_read();
}

/* --- what the report reads is broken --- */

/* The fault is explained by the heap's books, and the books are gone: the second fault
 * comes before the first word. */
void test_die_in_explanation(struct selftest *t)
{
    u8 *run = heap_alloc(PAGE_BYTES * 2);

    CHECK(t, run != NULL);
    heap_free(run);
    heap.info[0] = (void *)NOT_CANONICAL;
    *(volatile u8 *)run = 1;
}

/* A chain of frame pointers that leads back to itself, then one into nothing. */
static NOINLINE void die_with_frames(u64 rbp)
{
    __asm__ volatile("movq %0, %%rbp\n\tud2" : : "r"(rbp) : "memory");
    halt_forever();
}

void test_die_circular_frames(struct selftest *t)
{
    static u64 links[4];

    links[0] = (u64)(uintptr_t)&links[2];
    links[2] = (u64)(uintptr_t)&links[0];
    links[1] = links[3] = (u64)(uintptr_t)test_die_circular_frames;
    (void)t;
    die_with_frames((u64)(uintptr_t)links);
}

void test_die_wild_frames(struct selftest *t)
{
    (void)t;
    die_with_frames(NOT_CANONICAL);
}
