/* SPDX-License-Identifier: MIT
 *
 * Memory and text primitives, for every small size, offset and overlap, in buffers of
 * exactly the size, so that AddressSanitizer sees one byte too many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "tests/host/random.h"
#include "tests/host/string_renamed.h"

#define MOST 100

static u8 *filled(u64 bytes, u64 seed)
{
    struct random random = random_of(seed);
    u8 *buffer = malloc(bytes == 0 ? 1 : bytes);

    assert_non_null(buffer);
    for (u64 i = 0; i < bytes; i++)
        buffer[i] = (u8)random_next(&random);
    return buffer;
}

static void test_memcpy(void **state)
{
    (void)state;
    for (u64 offset = 0; offset < 9; offset++) {
        for (u64 bytes = 0; bytes <= MOST; bytes++) {
            u8 *from = filled(offset + bytes, bytes + 1);
            u8 *to = filled(offset + bytes, bytes + 2);
            u8 *before = filled(offset + bytes, bytes + 2);

            assert_ptr_equal(plinth_memcpy(to + offset, from + offset, bytes),
                             to + offset);
            for (u64 i = 0; i < offset; i++)
                assert_int_equal(to[i], before[i]);
            for (u64 i = offset; i < offset + bytes; i++)
                assert_int_equal(to[i], from[i]);
            free(from);
            free(to);
            free(before);
        }
    }
}

/* Every distance between source and target, both ways, in one buffer. */
static void test_memmove(void **state)
{
    (void)state;
    for (u64 bytes = 0; bytes <= MOST; bytes++) {
        for (u64 to = 0; to <= MOST; to += bytes < 40 ? 1 : 3) {
            u64 from = MOST / 2;
            u64 all = MAX(to, from) + bytes;
            u8 *buffer = filled(all, bytes);
            u8 *before = filled(all, bytes);

            assert_ptr_equal(plinth_memmove(buffer + to, buffer + from, bytes),
                             buffer + to);
            for (u64 i = 0; i < all; i++) {
                bool moved = i >= to && i < to + bytes;

                assert_int_equal(buffer[i], before[moved ? from + i - to : i]);
            }
            free(buffer);
            free(before);
        }
    }
}

static void test_memset(void **state)
{
    (void)state;
    for (u64 offset = 0; offset < 9; offset++) {
        for (u64 bytes = 0; bytes <= MOST; bytes++) {
            u8 *buffer = filled(offset + bytes, bytes);
            u8 *before = filled(offset + bytes, bytes);

            assert_ptr_equal(plinth_memset(buffer + offset, 0x1A5, bytes),
                             buffer + offset);
            for (u64 i = 0; i < offset + bytes; i++)
                assert_int_equal(buffer[i], i < offset ? before[i] : 0xA5);
            free(buffer);
            free(before);
        }
    }
}

static int sign(int value)
{
    return (value > 0) - (value < 0);
}

static void test_memcmp(void **state)
{
    (void)state;
    for (u64 bytes = 0; bytes <= MOST; bytes++) {
        u8 *a = filled(bytes, bytes);
        u8 *b = filled(bytes, bytes);

        assert_int_equal(plinth_memcmp(a, b, bytes), 0);
        for (u64 i = 0; i < bytes; i++) {
            b[i] ^= 0x80; /* bytes compare unsigned */
            assert_int_equal(sign(plinth_memcmp(a, b, bytes)), a[i] < b[i] ? -1 : 1);
            assert_int_equal(plinth_memcmp(a, b, i), 0);
            b[i] ^= 0x80;
        }
        /* The first difference decides, not the last. */
        if (bytes >= 2) {
            a[0] = 1, b[0] = 2, a[bytes - 1] = 2, b[bytes - 1] = 1;
            assert_true(plinth_memcmp(a, b, bytes) < 0);
            assert_true(plinth_memcmp(b, a, bytes) > 0);
        }
        free(a);
        free(b);
    }
}

static void test_lengths(void **state)
{
    (void)state;
    for (u64 length = 0; length <= 20; length++) {
        char *text = malloc(length + 1);

        plinth_memset(text, 'x', length);
        text[length] = '\0';
        assert_int_equal(plinth_strlen(text), length);
        for (u64 most = 0; most <= 25; most++)
            assert_int_equal(plinth_strnlen(text, most), MIN(length, most));
        text[length] = 'x'; /* no end: most bounds what is read */
        assert_int_equal(plinth_strnlen(text, length + 1), length + 1);
        free(text);
    }
}

static void test_comparison(void **state)
{
    static const char *const sorted[] = {"", "a", "ab", "abc", "abd", "b", "\xFF"};

    (void)state;
    for (int i = 0; i < (int)ARRAY_COUNT(sorted); i++) {
        for (int k = 0; k < (int)ARRAY_COUNT(sorted); k++) {
            assert_int_equal(sign(plinth_strcmp(sorted[i], sorted[k])), sign(i - k));
            assert_int_equal(sign(plinth_strncmp(sorted[i], sorted[k], 9)), sign(i - k));
        }
    }
    assert_int_equal(plinth_strncmp("abc", "abd", 2), 0);
    assert_true(plinth_strncmp("abc", "abd", 3) < 0);
    assert_int_equal(plinth_strncmp("abc", "xyz", 0), 0);
    assert_int_equal(plinth_strncmp("ab", "ab\0c", 9), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memcpy), cmocka_unit_test(test_memmove),
        cmocka_unit_test(test_memset), cmocka_unit_test(test_memcmp),
        cmocka_unit_test(test_lengths), cmocka_unit_test(test_comparison),
    };

    return cmocka_run_group_tests_name("string", tests, NULL, NULL);
}
