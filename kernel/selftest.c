/* SPDX-License-Identifier: MIT */
#include "kernel/selftest.h"

#include "kernel/base/fnv.h"
#include "kernel/base/format.h"
#include "kernel/base/log.h"
#include "kernel/base/string.h"
#include "mm/audit.h"

#define LINE_BYTES 240
#define NAME_BYTES 64

struct selftest_sum {
    u64 hash;
    u32 ran, failed, skipped;
};

static void note_va(const char *head, const char *fmt, va_list args) PRINTF(2, 0);
static void note_va(const char *head, const char *fmt, va_list args)
{
    char text[LINE_BYTES];
    format_va(text, sizeof(text), fmt, args);
    log_print("# %s%s\n", head, text);
}

void selftest_note(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    note_va("", fmt, args);
    va_end(args);
}

void selftest_fail(struct selftest *t, const char *file, u32 line, const char *fmt, ...)
{
    char head[LINE_BYTES];
    va_list args;
    t->failures++;
    format(head, sizeof(head), "%s:%u: ", file, line);
    va_start(args, fmt);
    note_va(head, fmt, args);
    va_end(args);
}

void selftest_equal(struct selftest *t, const char *file, u32 line, const char *what,
                    u64 found, u64 expected)
{
    if (found != expected)
        selftest_fail(t, file, line, "%s is %#lx (%lu), expected %#lx (%lu)", what,
                      found, found, expected, expected);
}

void selftest_skip(struct selftest *t, const char *reason)
{
    t->skip_reason = reason;
}

static void result_add(struct selftest_sum *sum, const char *name, const char *result)
{
    sum->hash = fnv1a_64_text(sum->hash, name);
    sum->hash = fnv1a_64_text(sum->hash, ":");
    sum->hash = fnv1a_64_text(sum->hash, result);
    sum->hash = fnv1a_64_text(sum->hash, "\n");
    sum->ran++;
}

static void case_run(const struct selftest_case *test, struct selftest_sum *sum)
{
    struct selftest t = {0};
    test->run(&t);
    u32 number = sum->ran + 1;
    if (t.failures != 0) {
        log_print("not ok %u %s\n", number, test->name);
        result_add(sum, test->name, "not ok");
        sum->failed++;
    } else if (t.skip_reason) {
        log_print("ok %u %s # SKIP %s\n", number, test->name, t.skip_reason);
        result_add(sum, test->name, "skip");
        sum->skipped++;
    } else {
        log_print("ok %u %s\n", number, test->name);
        result_add(sum, test->name, "ok");
    }
}

/* Above this many open areas (2 GiB) an audit is no longer small beside a test, and one
 * after the last must do. */
#define AUDIT_AREAS_MAX 1024

static void case_audit(const struct selftest_case *test, bool last)
{
    char when[NAME_BYTES];
    if (!last && audit_open_areas() > AUDIT_AREAS_MAX)
        return;
    format(when, sizeof(when), "after test %s", test->name);
    audit_or_die(AUDIT_QUICK, when, NULL);
}

static bool name_is_known(const char *text, u64 bytes)
{
    for (const struct selftest_case *test = selftest_table; test->name; test++)
        if (strlen(test->name) == bytes && memcmp(test->name, text, bytes) == 0)
            return true;
    return false;
}

/* Calls each for the next comma-separated part; returns what is left. */
static const char *list_next(const char *at, const char *end, const char **part,
                             u64 *bytes)
{
    *part = at;
    while (at < end && *at != ',')
        at++;
    *bytes = (u64)(at - *part);
    return at < end ? at + 1 : at;
}

/* Names that no test has: each is a failed test, so that a typo never looks like
 * success. With sum NULL only counts them. */
static u32 unknown_names(const struct config_value *choice, struct selftest_sum *sum)
{
    const char *at = choice->text, *end = choice->text + choice->bytes, *part;
    u64 bytes;
    u32 count = 0;
    while (at < end) {
        at = list_next(at, end, &part, &bytes);
        if (bytes == 0 || name_is_known(part, bytes) ||
            (bytes == 3 && memcmp(part, "all", 3) == 0))
            continue;
        count++;
        if (!sum)
            continue;
        char name[NAME_BYTES];
        format(name, sizeof(name), "%.*s", (int)MIN(bytes, 60UL), part);
        log_print("# no test is called '%s'; the monitor's `test` lists them\n", name);
        log_print("not ok %u %s\n", sum->ran + 1, name);
        result_add(sum, name, "not ok");
        sum->failed++;
    }
    return count;
}

static bool case_is_chosen(const struct selftest_case *test,
                           const struct config_value *choice)
{
    bool all = config_list_has(choice, "all") && test->kind == SELFTEST_NORMAL;
    return all || config_list_has(choice, test->name);
}

bool selftest_run(const struct config_value *choice, u64 nonce)
{
    struct selftest_sum sum = {.hash = FNV1A_64_BASIS};
    char line[NAME_BYTES];
    u32 planned = unknown_names(choice, NULL);
    for (const struct selftest_case *test = selftest_table; test->name; test++)
        planned += case_is_chosen(test, choice);
    format(line, sizeof(line), "nonce=%lu\n", nonce);
    sum.hash = fnv1a_64_text(sum.hash, line);

    if (planned == 0)
        log_print("# no test is named; the monitor's `test` lists them\n");
    log_print("KTAP version 1\n1..%u\n", planned);
    for (const struct selftest_case *test = selftest_table; test->name; test++)
        if (case_is_chosen(test, choice)) {
            case_run(test, &sum);
            case_audit(test, sum.ran == planned);
        }
    unknown_names(choice, &sum);
    log_print("# plinth: tests=%u failed=%u skipped=%u nonce=%lu sum=%016lx\n", sum.ran,
              sum.failed, sum.skipped, nonce, sum.hash);
    return sum.ran != 0 && sum.failed == 0;
}
