/* SPDX-License-Identifier: MIT
 *
 * The kernel's printf: against the C library's on random conversions, where both know
 * them, and by hand where they differ on purpose.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "kernel/base/format.h"
#include "tests/host/random.h"

/* Formats are made at run time here. */
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
#pragma GCC diagnostic ignored "-Wformat-security"
#ifndef __clang__
#pragma GCC diagnostic ignored "-Wformat-overflow"
#endif

#define TEXT_BYTES 512

static u64 random_value(struct random *random)
{
    static const u64 corners[] = {0, 1, 9, 10, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000,
                                  0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x100000000,
                                  0x7FFFFFFFFFFFFFFF, 0x8000000000000000, ~(u64)0};

    if (random_below(random, 2) == 0)
        return corners[random_below(random, sizeof corners / sizeof corners[0])];
    return random_next(random) >> random_below(random, 64);
}

/* A random conversion of integers, with everything that may stand in it. */
static void random_conversion(struct random *random, char *out)
{
    static const char *const lengths[] = {"hh", "h", "", "l", "ll", "z", "t", "j"};
    static const char kinds[] = "diuxXo";

    *out++ = '%';
    for (const char *flag = "-0+ #"; *flag != '\0'; flag++) {
        if (random_below(random, 4) == 0)
            *out++ = *flag;
    }
    if (random_below(random, 2) == 0)
        out += sprintf(out, "%d", (int)random_below(random, 40));
    if (random_below(random, 3) == 0) {
        *out++ = '.';
        if (random_below(random, 4) != 0)
            out += sprintf(out, "%d", (int)random_below(random, 30));
    }
    out = stpcpy(out, lengths[random_below(random, sizeof lengths / sizeof lengths[0])]);
    *out++ = kinds[random_below(random, sizeof kinds - 1)];
    *out = '\0';
}

/* The argument always has 64 bits: a register holds it, each side takes its part. */
static void test_integers_as_in_libc(void **state)
{
    (void)state;
    for (u64 seed = 1; seed <= 60000; seed++) {
        struct random random = random_of(seed);
        char conversion[32], ours[TEXT_BYTES], theirs[TEXT_BYTES];
        u64 value = random_value(&random);
        u64 room = 1 + random_below(&random, 48);
        int our_length, their_length;

        random_conversion(&random, conversion);
        memset(ours, '#', sizeof ours);
        our_length = format(ours, room, conversion, value);
        their_length = snprintf(theirs, room, conversion, value);
        if (our_length != their_length || strcmp(ours, theirs) != 0)
            fail_msg("\"%s\" of %#llx in %d bytes: \"%s\" (%d), expected \"%s\" (%d)",
                     conversion, (unsigned long long)value, (int)room, ours, our_length,
                     theirs, their_length);
        for (u64 i = room; i < sizeof ours; i++) {
            if (ours[i] != '#')
                fail_msg("\"%s\": byte %llu behind the buffer was written", conversion,
                         (unsigned long long)i);
        }
    }
}

static void test_strings_as_in_libc(void **state)
{
    static const char *const words[] = {"", "a", "memory", "a longer piece of text"};

    (void)state;
    for (u64 seed = 1; seed <= 20000; seed++) {
        struct random random = random_of(seed);
        const char *word = words[random_below(&random, 4)];
        int width = (int)random_below(&random, 41) - 20;
        int precision = (int)random_below(&random, 31) - 5;
        u64 room = 1 + random_below(&random, 48);
        char ours[TEXT_BYTES], theirs[TEXT_BYTES];
        const char *fmt = "[%*.*s|%-5s|%3c|%-3c%%]";
        int our_length =
            format(ours, room, fmt, width, precision, word, word, 'x', 'y');
        int their_length =
            snprintf(theirs, room, fmt, width, precision, word, word, 'x', 'y');

        assert_int_equal(our_length, their_length);
        assert_string_equal(ours, theirs);
    }
}

static const char *made(const char *fmt, ...)
{
    static char text[TEXT_BYTES];
    va_list arguments;

    va_start(arguments, fmt);
    format_va(text, sizeof text, fmt, arguments);
    va_end(arguments);
    return text;
}

static void test_pointers_and_null(void **state)
{
    (void)state;
    assert_string_equal(made("%p", (void *)(uintptr_t)0xFFFF800000082AA0),
                        "0xffff800000082aa0");
    assert_string_equal(made("%p", NULL), "0x0000000000000000");
    assert_string_equal(made("[%20p]", (void *)1), "[  0x0000000000000001]");
    assert_string_equal(made("[%-20p]", (void *)1), "[0x0000000000000001  ]");
    assert_string_equal(made("[%s]", (char *)NULL), "[(null)]");
    assert_string_equal(made("[%.3s]", (char *)NULL), "[(nu]");
}

/* A string argument need not end: the precision bounds what is read. */
static void test_bounded_reading(void **state)
{
    char four[4] = {'a', 'b', 'c', 'd'}; /* AddressSanitizer sees a read behind it */

    (void)state;
    assert_string_equal(made("%.4s", four), "abcd");
    assert_string_equal(made("%.*s", 3, four), "abc");
}

static void test_unknown_conversions(void **state)
{
    (void)state;
    assert_string_equal(made("%f %d", 7), "%f 7");
    assert_string_equal(made("%5.2q|%d", 7), "%5.2q|7");
    assert_string_equal(made("%n", (int *)NULL), "%n");
    assert_string_equal(made("100%"), "100%");
    assert_string_equal(made("%-08.3l"), "%-08.3l");
    assert_string_equal(made("%%d"), "%d");
    assert_string_equal(made(""), "");
}

static void test_small_buffers(void **state)
{
    char text[4];

    (void)state;
    assert_int_equal(format(NULL, 0, "%d %s", 12345, "six"), 9);
    memset(text, '#', sizeof text);
    assert_int_equal(format(text, 1, "abc"), 3);
    assert_int_equal(text[0], '\0');
    assert_int_equal(text[1], '#');
    assert_int_equal(format(text, 4, "abc"), 3);
    assert_string_equal(text, "abc");
    assert_int_equal(format(text, 4, "abcd"), 4);
    assert_string_equal(text, "abc");
}

/* Huge widths cost nothing and cannot make the length negative. */
static void test_huge_widths(void **state)
{
    char text[8];

    (void)state;
    assert_int_equal(format(text, sizeof text, "%2000000000d", 1), 2000000000);
    assert_string_equal(text, "       ");
    assert_int_equal(format(text, sizeof text, "%99999999999999999999d", 1), INT_MAX);
    assert_int_equal(format(text, sizeof text, "%2000000000d%2000000000d", 1, 2),
                     INT_MAX);
    assert_int_equal(format(text, sizeof text, "%.2000000000d", 1), 2000000000);
    assert_string_equal(text, "0000000");
    assert_true(format(text, sizeof text, "%*d", INT_MIN, 1) >= 1);
    assert_string_equal(text, "1      ");
    assert_int_equal(format(text, sizeof text, "%.*d", INT_MIN, 5), 1);
    assert_string_equal(text, "5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers_as_in_libc),
        cmocka_unit_test(test_strings_as_in_libc),
        cmocka_unit_test(test_pointers_and_null),
        cmocka_unit_test(test_bounded_reading),
        cmocka_unit_test(test_unknown_conversions),
        cmocka_unit_test(test_small_buffers),
        cmocka_unit_test(test_huge_widths),
    };

    return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
