/* SPDX-License-Identifier: MIT
 *
 * The log: what sinks see, what the ring keeps, what happens when it is full, and when a sink
 * logs itself. The log is one for the whole program, so every test starts from where the one
 * before it ended and marks its own lines.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "kernel/base/log.h"
#include "tests/host/random.h"

#define SEEN_BYTES (4 * LOG_RING_BYTES)

static char seen[SEEN_BYTES];
static u64 seen_bytes;
static enum log_level seen_level;

static void see(enum log_level level, const char *text, u64 bytes)
{
    assert_true(seen_bytes + bytes < sizeof seen);
    memcpy(seen + seen_bytes, text, bytes);
    seen_bytes += bytes;
    seen[seen_bytes] = '\0';
    seen_level = level;
}

static void forget(void)
{
    seen_bytes = 0;
    seen[0] = '\0';
}

/* What was seen behind the prefix of its (only) line. */
static const char *behind_prefix(void)
{
    const char *end = strstr(seen, "] ");

    assert_int_equal(seen[0], '[');
    assert_non_null(end);
    return end + 2;
}

static const struct log_sink all_sink = {"all", LOG_DEBUG, see};

/* Lines before the first sink are kept and replayed to it. */
static void test_replay(void **state)
{
    (void)state;
    log_print("before %d\n", 1);
    log_error("early %s", "trouble");
    assert_true(log_sink_add(&all_sink));
    assert_memory_equal(seen, "before 1\n[", 10);
    assert_non_null(strstr(seen, "error: early trouble\n"));
    forget();
    log_print("after\n");
    assert_string_equal(seen, "after\n");
}

static void test_levels(void **state)
{
    enum log_level level = LOG_PLAIN;

    (void)state;
    assert_int_equal(log_level_now(), LOG_INFO);
    forget();
    log_debug("hidden");
    assert_string_equal(seen, "");
    log_info("shown %u", 7u);
    assert_string_equal(behind_prefix(), "shown 7\n");
    assert_int_equal(seen_level, LOG_INFO);
    forget();
    log_warn("careful");
    assert_string_equal(behind_prefix(), "warning: careful\n");
    log_set_level(LOG_DEBUG);
    forget();
    log_debug("now");
    assert_string_equal(behind_prefix(), "now\n");
    log_set_level(LOG_ERROR);
    forget();
    log_warn("no");
    log_print("plain text has no level\n");
    assert_string_equal(seen, "plain text has no level\n");
    log_set_level(LOG_INFO);

    assert_true(log_level_find("warn", 4, &level));
    assert_int_equal(level, LOG_WARN);
    assert_true(log_level_find("debugger", 5, &level));
    assert_int_equal(level, LOG_DEBUG);
    assert_false(log_level_find("warning", 7, &level));
    assert_false(log_level_find("", 0, &level));
    assert_int_equal(level, LOG_DEBUG);
}

static void test_clock(void **state)
{
    unsigned long seconds = 99, micros = 9999999;

    (void)state;
    log_set_clock(~(u64)0 >> 8);
    forget();
    log_info("x");
    assert_int_equal(sscanf(seen, "[%lu.%lu]", &seconds, &micros), 2);
    assert_int_equal(seconds, 0);
    assert_true(micros < 1000000);
    log_set_clock(1000);
    forget();
    log_info("y");
    assert_int_equal(sscanf(seen, "[%lu.%lu]", &seconds, &micros), 2);
    assert_true(micros < 1000000);
}

/* A line that does not fit says so by dots and still ends. */
static void test_long_lines(void **state)
{
    char text[2 * LOG_LINE_BYTES];

    (void)state;
    for (u64 length = LOG_LINE_BYTES - 60; length < sizeof text; length++) {
        memset(text, 'x', length);
        text[length] = '\0';
        forget();
        log_info("%s", text);
        assert_true(seen_bytes <= LOG_LINE_BYTES);
        assert_int_equal(seen[seen_bytes - 1], '\n');
        if (strlen(behind_prefix()) != length + 1) {
            assert_int_equal(seen_bytes, LOG_LINE_BYTES - 1);
            assert_memory_equal(seen + seen_bytes - 4, "...\n", 4);
        }
        if (length >= sizeof text - 1)
            break;
    }
    forget();
    log_print("%s", text);
    assert_int_equal(seen_bytes, LOG_LINE_BYTES - 1);
}

/* Random lines, several times the ring: what can be read is the end of what was written. */
static void test_ring_keeps_the_end(void **state)
{
    struct random random = random_of(3);
    char text[LOG_LINE_BYTES];
    char read[LOG_LINE_BYTES + 1];
    static char kept[LOG_RING_BYTES + 1];
    enum log_level level;
    u64 cursor = 0, kept_bytes = 0, bytes;

    (void)state;
    forget();
    while (seen_bytes < 3 * LOG_RING_BYTES) {
        u64 length = 1 + random_below(&random, sizeof text - 2);

        for (u64 i = 0; i < length; i++)
            text[i] = (char)('a' + random_below(&random, 26));
        text[length] = '\0';
        log_print("%s", text);
    }
    while ((bytes = log_read(&cursor, read, sizeof read, &level)) != 0) {
        assert_int_equal(level, LOG_PLAIN);
        assert_int_equal(read[bytes], '\0');
        assert_true(kept_bytes + bytes <= LOG_RING_BYTES);
        memcpy(kept + kept_bytes, read, bytes);
        kept_bytes += bytes;
    }
    /* Heads cost eight bytes a record; the rest of the ring is text. */
    assert_true(kept_bytes > LOG_RING_BYTES * 9 / 10);
    assert_memory_equal(kept, seen + seen_bytes - kept_bytes, kept_bytes);

    /* The reader goes on where it stood, and finds its way when it was overtaken. */
    assert_int_equal(log_read(&cursor, read, sizeof read, &level), 0);
    log_print("one more\n");
    assert_int_equal(log_read(&cursor, read, sizeof read, &level), 9);
    assert_string_equal(read, "one more\n");
    log_print("cut short\n");
    assert_int_equal(log_read(&cursor, read, 4, &level), 3);
    assert_string_equal(read, "cut");
    assert_int_equal(log_read(&cursor, read, 0, &level), 0);
    for (int i = 0; i < 20000; i++) {
        forget();
        log_print("line %5d\n", i);
    }
    bytes = log_read(&cursor, read, sizeof read, &level);
    assert_int_equal(bytes, 11);
    assert_memory_equal(read, "line ", 5);
}

static void test_echo(void **state)
{
    char read[LOG_LINE_BYTES];
    enum log_level level;
    u64 cursor = 0, found = 0;

    (void)state;
    forget();
    log_echo("typed-by-somebody", 17);
    assert_string_equal(seen, "typed-by-somebody");
    assert_true(log_echo_to("all", "!", 1));
    assert_false(log_echo_to("nobody", "?", 1));
    assert_string_equal(seen, "typed-by-somebody!");
    while (log_read(&cursor, read, sizeof read, &level) != 0)
        found += strstr(read, "typed-by-somebody") != NULL;
    assert_int_equal(found, 0);
}

static u32 nested;

static void log_inside(enum log_level level, const char *text, u64 bytes)
{
    (void)level;
    (void)text;
    (void)bytes;
    if (nested++ == 0)
        log_print("from inside a sink\n");
}

/* A fault inside a sink logs while the log's own lock is held: it must not wait for itself. */
static void test_sink_that_logs(void **state)
{
    static const struct log_sink nesting = {"nesting", LOG_PLAIN, log_inside};

    (void)state;
    nested = 1; /* not in the replay */
    assert_true(log_sink_add(&nesting));
    nested = 0;
    forget();
    log_print("outer\n");
    assert_int_equal(nested, 2);
    assert_non_null(strstr(seen, "outer\n"));
    assert_non_null(strstr(seen, "from inside a sink\n"));
    nested = 1;
}

static bool dropping;

static void drop_me(enum log_level level, const char *text, u64 bytes)
{
    (void)level;
    (void)text;
    (void)bytes;
    if (dropping)
        assert_string_equal(log_drop_active_sink(), "dropped");
}

/* Death takes a sink out that hangs; the others go on. The table of sinks has an end. */
static void test_drop_and_full_table(void **state)
{
    static const struct log_sink dropped = {"dropped", LOG_PLAIN, drop_me};
    u32 room = 0;

    (void)state;
    assert_null(log_drop_active_sink());
    assert_true(log_sink_add(&dropped));
    dropping = true;
    log_print("goes to it once\n");
    dropping = false;
    forget();
    log_print("never again\n");
    assert_string_equal(seen, "never again\n");
    assert_false(log_echo_to("dropped", "?", 1));
    while (log_sink_add(&dropped))
        assert_true(++room < LOG_SINK_MAX);
    assert_int_equal(room, LOG_SINK_MAX - 2);
}

static char last[4][LOG_LINE_BYTES + 1];
static u32 last_count;

static void keep(enum log_level level, const char *text)
{
    (void)level;
    assert_true(last_count < 4);
    strcpy(last[last_count++], text);
}

/* Spoils the head of the record that holds a text, as a writer that was cut off leaves it.
 */
extern char __data_start[], _end[];
__attribute__((no_sanitize("address", "undefined"))) static void tear(const char *text)
{
    volatile char *found = NULL;

    for (volatile char *at = __data_start + 8; at + strlen(text) < _end; at++) {
        u64 i = 0;

        while (text[i] != '\0' && at[i] == text[i])
            i++;
        if (text[i] == '\0' && (u8)at[-8] == 0x1D && (u8)at[-7] == 0xA5)
            found = at - 8;
    }
    assert_non_null(found);
    found[0] = 0;
}

/* The last lines of all levels, without a torn one and without the report itself. */
static void test_before_death(void **state)
{
    (void)state;
    log_set_level(LOG_INFO);
    log_print("one\n");
    log_print("two\n");
    log_debug("three");
    log_print("torn here\n");
    log_print("four");
    log_enter_death();
    log_print("the report\n");
    log_enter_death();
    tear("torn here\n");
    log_before_death(3, keep);
    assert_int_equal(last_count, 3);
    assert_string_equal(last[0], "two\n");
    assert_non_null(strstr(last[1], "three\n"));
    assert_string_equal(last[2], "four");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_levels),
        cmocka_unit_test(test_clock),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_ring_keeps_the_end),
        cmocka_unit_test(test_echo),
        cmocka_unit_test(test_sink_that_logs),
        cmocka_unit_test(test_drop_and_full_table),
        cmocka_unit_test(test_before_death),
    };

    return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
