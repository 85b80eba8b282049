/* SPDX-License-Identifier: MIT
 *
 * The line editor: what is typed, what stands in the line, what the screen shows.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kernel/monitor_line.h"
#include "tests/host/random.h"

static char screen[4096];
static u64 screen_bytes;

static void echo(const char *text, u64 bytes)
{
    assert_true(bytes != 0 && screen_bytes + bytes < sizeof(screen));
    memcpy(screen + screen_bytes, text, bytes);
    screen_bytes += bytes;
    screen[screen_bytes] = '\0';
}

static void begin(struct line *line)
{
    line_clear(line);
    screen_bytes = 0;
    screen[0] = '\0';
}

/* Types text up to the event that ends a line, or LINE_NOTHING. */
static enum line_event type(struct line *line, const char *text)
{
    enum line_event event = LINE_NOTHING;

    for (; *text != '\0' && event == LINE_NOTHING; text++)
        event = line_take(line, *text, echo);
    return event;
}

static void test_plain(void **state)
{
    struct line line = {0};

    (void)state;
    begin(&line);
    assert_int_equal(type(&line, "walk 12\r"), LINE_DONE);
    assert_string_equal(line.text, "walk 12");
    assert_string_equal(screen, "walk 12\n");
    /* The line feed of a CR LF is not a second line. */
    begin(&line);
    assert_int_equal(type(&line, "\n"), LINE_NOTHING);
    assert_int_equal(type(&line, "\n"), LINE_DONE);
}

static void test_erase(void **state)
{
    struct line line = {0};

    (void)state;
    begin(&line);
    assert_int_equal(type(&line, "\bab\x7F\bcd\x15xy\r"), LINE_DONE);
    assert_string_equal(line.text, "xy");
    begin(&line);
    assert_int_equal(type(&line, "abc\x03"), LINE_GIVEN_UP);
    assert_string_equal(screen, "abc^C\n");
}

static void test_ignored(void **state)
{
    struct line line = {0};

    (void)state;
    begin(&line);
    assert_int_equal(type(&line, "h\x01\x1B[Ae\x1B[1;5Dl\x1BOPp\xFF\x80\t\r"),
                     LINE_DONE);
    assert_string_equal(line.text, "help");
    assert_string_equal(screen, "help\n");
}

static void test_too_long(void **state)
{
    struct line line = {0};

    (void)state;
    begin(&line);
    for (u32 i = 0; i < MONITOR_LINE_BYTES + 7; i++)
        assert_int_equal(line_take(&line, 'x', echo), LINE_NOTHING);
    assert_int_equal(line.dropped, 7);
    /* What was dropped goes first, and was never on the screen. */
    for (u32 i = 0; i < 8; i++)
        (void)line_take(&line, '\b', echo);
    assert_int_equal(line.dropped, 0);
    assert_int_equal(line.length, MONITOR_LINE_BYTES - 1);
    assert_int_equal(type(&line, "\r"), LINE_DONE);
    assert_int_equal(strlen(line.text), MONITOR_LINE_BYTES - 1);
}

static void test_random(void **state)
{
    struct line line = {0};
    struct random seed = random_of(7);

    (void)state;
    for (u32 i = 0; i < 500000; i++) {
        if (line_take(&line, (char)random_next(&seed), echo) != LINE_NOTHING)
            line_clear(&line);
        assert_true(line.length <= MONITOR_LINE_BYTES);
        assert_int_equal(line.text[line.length], '\0');
        assert_int_equal(strlen(line.text), line.length);
        screen_bytes = 0;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),   cmocka_unit_test(test_erase),
        cmocka_unit_test(test_ignored), cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
