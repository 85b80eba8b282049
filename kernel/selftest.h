/* SPDX-License-Identifier: MIT
 *
 * Tests that run in the live kernel, by name: from the configuration (`test=all`) or
 * from the monitor. They speak KTAP on all sinks; the last line carries a hash over
 * nonce, names and results, so that only a kernel that ran them can print it. After each
 * test memory is audited; a finding is a death. With more than 2 GiB of RAM in use that
 * is done after the last one only.
 *
 * The tests themselves are in tests/kernel; tests/kernel/table.c lists them.
 */
#ifndef PLINTH_KERNEL_SELFTEST_H
#define PLINTH_KERNEL_SELFTEST_H

#include "kernel/base/config.h"
#include "kernel/base/types.h"

struct selftest {
    u32 failures;
    const char *skip_reason; /* NULL: not skipped */
};

/* A failed check is printed with file, line and expression; the test goes on. */
#define CHECK(t, expression) \
    ((expression) ? (void)0 : selftest_fail((t), __FILE__, __LINE__, "%s", #expression))
#define CHECK_EQUAL(t, found, expected) \
    selftest_equal((t), __FILE__, __LINE__, #found, (u64)(found), (u64)(expected))
#define CHECK_MSG(t, expression, ...) \
    ((expression) ? (void)0 : selftest_fail((t), __FILE__, __LINE__, __VA_ARGS__))

void selftest_fail(struct selftest *t, const char *file, u32 line, const char *fmt, ...)
    PRINTF(4, 5);
void selftest_equal(struct selftest *t, const char *file, u32 line, const char *what,
                    u64 found, u64 expected);
void selftest_skip(struct selftest *t, const char *reason);
/* A diagnostic line: `# text`. */
void selftest_note(const char *fmt, ...) PRINTF(1, 2);

/* `all` runs the normal ones. A deadly test is meant to end the kernel, a bench prints
 * numbers that mean something only where the TSC counts instructions, a long one takes
 * as long as the configuration says: they run only when they are named. */
enum selftest_kind { SELFTEST_NORMAL, SELFTEST_DEADLY, SELFTEST_BENCH, SELFTEST_LONG };

struct selftest_case {
    const char *name;
    void (*run)(struct selftest *t);
    enum selftest_kind kind;
};

/* Defined by tests/kernel/table.c; ends with a case without a name. */
extern const struct selftest_case selftest_table[];

/* Runs the chosen tests: "all", or names separated by commas. True when at least one
 * ran and none failed; a name that does not exist is a failed test of that name. */
bool selftest_run(const struct config_value *choice, u64 nonce);

#endif
