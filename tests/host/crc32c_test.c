/* SPDX-License-Identifier: MIT
 *
 * CRC-32C against the examples of RFC 3720, B.4, and a bit-by-bit division; FNV-1a
 * against values of its authors.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kernel/base/crc32c.h"
#include "kernel/base/fnv.h"
#include "tests/host/random.h"

static u32 crc32c_by_bits(const u8 *data, u64 bytes)
{
    u32 crc = 0xFFFFFFFF;

    for (u64 bit = 0; bit < 8 * bytes; bit++) {
        u32 top = (crc ^ (u32)data[bit / 8] >> bit % 8) & 1;

        crc = crc >> 1 ^ (top ? 0x82F63B78 : 0);
    }
    return ~crc;
}

static void test_published_values(void **state)
{
    u8 data[32];

    (void)state;
    assert_int_equal(crc32c("", 0), 0);
    assert_int_equal(crc32c("123456789", 9), 0xE3069283);
    memset(data, 0, sizeof data);
    assert_int_equal(crc32c(data, sizeof data), 0x8A9136AA);
    memset(data, 0xFF, sizeof data);
    assert_int_equal(crc32c(data, sizeof data), 0x62A8AB43);
    for (u8 i = 0; i < sizeof data; i++)
        data[i] = i;
    assert_int_equal(crc32c(data, sizeof data), 0x46DD794E);
    for (u8 i = 0; i < sizeof data; i++)
        data[i] = (u8)(31 - i);
    assert_int_equal(crc32c(data, sizeof data), 0x113FDB5C);
}

static void test_by_bits_and_in_pieces(void **state)
{
    u8 data[200];

    (void)state;
    for (u64 seed = 1; seed <= 500; seed++) {
        struct random random = random_of(seed);
        u64 bytes = random_below(&random, sizeof data + 1);
        u64 cut = random_below(&random, bytes + 1);
        u32 crc;

        for (u64 i = 0; i < bytes; i++)
            data[i] = (u8)random_next(&random);
        crc = crc32c(data, bytes);
        assert_int_equal(crc, crc32c_by_bits(data, bytes));
        assert_int_equal(crc32c_extend(crc32c(data, cut), data + cut, bytes - cut), crc);
    }
}

static void test_fnv(void **state)
{
    (void)state;
    assert_int_equal(fnv1a_64_text(FNV1A_64_BASIS, ""), 0xCBF29CE484222325);
    assert_int_equal(fnv1a_64_text(FNV1A_64_BASIS, "a"), 0xAF63DC4C8601EC8C);
    assert_int_equal(fnv1a_64_text(FNV1A_64_BASIS, "foobar"), 0x85944171F73967E8);
    assert_int_equal(fnv1a_64_text(FNV1A_64_BASIS, "\xFF"),
                     fnv1a_64(FNV1A_64_BASIS, "\xFF", 1));
    assert_int_equal(fnv1a_64(fnv1a_64(FNV1A_64_BASIS, "foo", 3), "bar", 3),
                     0x85944171F73967E8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_published_values),
        cmocka_unit_test(test_by_bits_and_in_pieces),
        cmocka_unit_test(test_fnv),
    };

    return cmocka_run_group_tests_name("crc32c", tests, NULL, NULL);
}
