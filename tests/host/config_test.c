/* SPDX-License-Identifier: MIT
 *
 * The boot configuration: what people write, and what a damaged stick holds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/base/config.h"
#include "tests/host/random.h"

static void assert_value(const char *text, const char *key, const char *expected)
{
    struct config_value value = {NULL, 0};

    if (expected == NULL) {
        assert_false(config_find(text, key, &value));
        assert_null(value.text);
        return;
    }
    assert_true(config_find(text, key, &value));
    assert_int_equal(value.bytes, strlen(expected));
    assert_memory_equal(value.text, expected, value.bytes);
    assert_true(config_is(&value, expected));
}

static void test_find(void **state)
{
    const char *text = " kaslr=off\tlog=debug\r\ntest=a,b nonce=7  exit kaslr=max "
                       "x==y=z e= ";

    (void)state;
    assert_value(text, "kaslr", "max"); /* the later word wins */
    assert_value(text, "log", "debug");
    assert_value(text, "test", "a,b");
    assert_value(text, "exit", "");
    assert_value(text, "e", "");
    assert_value(text, "x", "=y=z");
    assert_value(text, "lo", NULL);
    assert_value(text, "logg", NULL);
    assert_value(text, "KASLR", NULL);
    assert_value(text, "off", NULL);
    assert_value("", "log", NULL);
    assert_value(" \t\r\n", "log", NULL);
    assert_value("=x", "log", NULL);
    assert_value("=x", "", "x");
}

static void assert_number(const char *text, bool good, u64 expected)
{
    u64 value = 99;
    char line[80];

    snprintf(line, sizeof line, "log=debug n=%s", text);
    assert_int_equal(config_u64(line, "n", &value), good);
    assert_int_equal(value, good ? expected : 99);
}

static void test_numbers(void **state)
{
    u64 value = 99;

    (void)state;
    assert_number("0", true, 0);
    assert_number("7", true, 7);
    assert_number("007", true, 7);
    assert_number("18446744073709551615", true, ~(u64)0);
    assert_number("0xFFFFffffFFFFffff", true, ~(u64)0);
    assert_number("0X1a", true, 26);
    assert_number("18446744073709551616", false, 0);
    assert_number("184467440737095516150", false, 0);
    assert_number("0x10000000000000000", false, 0);
    assert_number("", false, 0);
    assert_number("0x", false, 0);
    assert_number("x1", false, 0);
    assert_number("-1", false, 0);
    assert_number("+1", false, 0);
    assert_number("1k", false, 0);
    assert_number("a", false, 0);
    assert_number("0xg", false, 0);
    assert_number("0xG", false, 0);
    assert_number("0x:", false, 0);
    assert_number("0x@", false, 0);
    assert_number("0xA", true, 10);
    assert_number("0xabcdefABCDEF", true, 0xABCDEFABCDEF);
    assert_number("1,2", false, 0);
    assert_false(config_u64("m=1", "n", &value));
    assert_false(config_u64("n", "n", &value));
    assert_int_equal(value, 99);
}

static void test_flags(void **state)
{
    (void)state;
    assert_true(config_flag("exit", "exit"));
    assert_true(config_flag("exit=1", "exit"));
    assert_true(config_flag("exit=on", "exit"));
    assert_true(config_flag("exit=yes", "exit"));
    assert_true(config_flag("exit=true", "exit"));
    assert_true(config_flag("exit=0 exit=1", "exit"));
    assert_false(config_flag("exit=1 exit=0", "exit"));
    assert_false(config_flag("exit exit=", "exit"));
    assert_false(config_flag("exit=", "exit"));
    assert_false(config_flag("exit=off", "exit"));
    assert_false(config_flag("exit=11", "exit"));
    assert_false(config_flag("exits", "exit"));
    assert_false(config_flag("", "exit"));
}

static bool list_has(const char *list, const char *item)
{
    struct config_value value = {list, strlen(list)};

    return config_list_has(&value, item);
}

static void test_lists(void **state)
{
    (void)state;
    assert_true(list_has("all", "all"));
    assert_true(list_has("a,bb,c", "a"));
    assert_true(list_has("a,bb,c", "bb"));
    assert_true(list_has("a,bb,c", "c"));
    assert_true(list_has(",,x,", "x"));
    assert_false(list_has("a,bb,c", "b"));
    assert_false(list_has("a,bb,c", "bbb"));
    assert_false(list_has("a,bb,c", "a,bb"));
    assert_false(list_has("a,,b", ""));
    assert_false(list_has("", "a"));
    assert_false(list_has("", ""));
}

static void count_word(const struct config_word *word, void *context)
{
    u64 *counts = context;

    counts[0]++;
    counts[1] += word->has_value;
    counts[2] += word->key.bytes + word->value.bytes;
}

static void test_for_each(void **state)
{
    u64 counts[3] = {0};

    (void)state;
    config_for_each(" a bb=ccc =d e=", count_word, counts);
    assert_int_equal(counts[0], 4);
    assert_int_equal(counts[1], 3);
    assert_int_equal(counts[2], 1 + 5 + 1 + 1);
}

/* Any bytes: every word lies in the text, in order, without blanks; the walk ends. */
static void test_rubbish(void **state)
{
    static const char alphabet[] = " \t\r\n==,0x1aZ\x01\xFF";

    (void)state;
    for (u64 seed = 1; seed <= 3000; seed++) {
        struct random random = random_of(seed);
        u64 bytes = random_below(&random, 64);
        char *text = malloc(bytes + 1);
        const char *at = text;
        const char *reached = text;
        struct config_word word;
        u64 value;

        for (u64 i = 0; i < bytes; i++)
            text[i] = alphabet[random_below(&random, sizeof alphabet - 1)];
        text[bytes] = '\0';
        while (config_next(&at, &word)) {
            assert_true(word.key.text >= reached);
            assert_ptr_equal(word.value.text + word.value.bytes, at);
            assert_true(at <= text + bytes && at > reached);
            for (const char *c = word.key.text; c < at; c++)
                assert_null(memchr(" \t\r\n", *c, 4));
            assert_int_equal(word.value.text - word.key.text,
                             (long)word.key.bytes + word.has_value);
            (void)config_parse_u64(&word.value, &value);
            (void)config_list_has(&word.value, "a");
            reached = at;
        }
        for (const char *c = reached; c < text + bytes; c++)
            assert_non_null(memchr(" \t\r\n", *c, 4));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_find),  cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_flags), cmocka_unit_test(test_lists),
        cmocka_unit_test(test_for_each), cmocka_unit_test(test_rubbish),
    };

    return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
