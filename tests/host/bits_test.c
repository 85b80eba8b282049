/* SPDX-License-Identifier: MIT
 *
 * Bit arithmetic against loops over the bits; lists against arrays; words for codes and
 * results.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kernel/base/bits.h"
#include "kernel/base/codes.h"
#include "kernel/base/list.h"
#include "kernel/base/status.h"
#include "tests/host/random.h"

static u64 word_of(u64 seed)
{
    struct random random = random_of(seed);

    return random_next(&random) & random_next(&random) >> random_below(&random, 64);
}

static void test_bits(void **state)
{
    (void)state;
    for (u64 seed = 0; seed < 3000; seed++) {
        u64 word = seed < 64 ? (u64)1 << seed : word_of(seed);
        u32 count = 0, lowest = 64, highest = 64;

        for (u32 bit = 0; bit < 64; bit++) {
            if ((word >> bit & 1) == 0)
                continue;
            count++;
            lowest = MIN(lowest, bit);
            highest = bit;
        }
        assert_int_equal(bits_count(word), count);
        assert_int_equal(bits_is_power_of_two(word), count == 1);
        if (word == 0)
            continue;
        assert_int_equal(bits_lowest(word), lowest);
        assert_int_equal(bits_highest(word), highest);
        assert_int_equal(bits_log2_ceil(word), count == 1 ? highest : highest + 1);
    }
    assert_int_equal(bits_count(0), 0);
    assert_int_equal(bits_count(~(u64)0), 64);
    assert_false(bits_is_power_of_two(0));
    assert_int_equal(bits_log2_ceil(0), 0);
}

static void test_fields(void **state)
{
    (void)state;
    for (u32 low = 0; low < 64; low++) {
        for (u32 high = low; high < 64; high++) {
            u64 mask = 0;

            for (u32 bit = low; bit <= high; bit++)
                mask |= BIT(bit);
            assert_int_equal(bits_mask(low, high), mask);
            assert_int_equal(bits_get(0xFEDCBA9876543210, low, high),
                             (0xFEDCBA9876543210 & mask) >> low);
        }
    }
}

struct item {
    int number;
    struct list links;
};

/* Numbers of the list, forwards; the way back must be the same. */
static u32 numbers_of(struct list *head, int *out)
{
    u32 count = 0;

    list_for_each(node, head)
        out[count++] = CONTAINER_OF(node, struct item, links)->number;
    u32 left = count;
    for (struct list *node = head->previous; node != head; node = node->previous)
        assert_int_equal(CONTAINER_OF(node, struct item, links)->number, out[--left]);
    assert_int_equal(left, 0);
    return count;
}

static void test_list(void **state)
{
    struct list head = LIST_EMPTY(head);
    struct item items[5] = {{.number = 0}, {.number = 1}, {.number = 2}, {.number = 3},
                            {.number = 4}};
    int numbers[5];

    (void)state;
    assert_true(list_is_empty(&head));
    assert_null(list_find_first(&head));
    assert_null(list_take_first(&head));
    list_add_last(&head, &items[2].links);
    list_add_last(&head, &items[4].links);
    list_add_first(&head, &items[0].links);
    list_add_before(&items[4].links, &items[3].links);
    list_add_after(&items[0].links, &items[1].links);
    assert_int_equal(numbers_of(&head, numbers), 5);
    for (int i = 0; i < 5; i++)
        assert_int_equal(numbers[i], i);

    assert_ptr_equal(list_find_first(&head), &items[0].links);
    assert_ptr_equal(list_take_first(&head), &items[0].links);
    assert_false(list_is_linked(&items[0].links));
    assert_true(list_is_linked(&items[1].links));
    list_remove(&items[3].links);
    assert_int_equal(numbers_of(&head, numbers), 3);
    assert_int_equal(numbers[2], 4);
    list_for_each_safe(node, &head)
        list_remove(node);
    assert_true(list_is_empty(&head));
    list_init(&head);
    assert_true(list_is_empty(&head));
}

static void test_words(void **state)
{
    char name[CODE_NAME_BYTES], other[CODE_NAME_BYTES];

    (void)state;
    for (u32 code = 0; code < CODE_COUNT; code++) {
        code_name((enum code)code, name);
        assert_int_equal(strlen(name), 5);
        assert_int_equal(name[2], '-');
        assert_true(strlen(code_text((enum code)code)) > 5);
        for (u32 before = 0; before < code; before++) {
            code_name((enum code)before, other);
            assert_string_not_equal(name, other);
        }
    }
    code_name(CODE_COUNT, name);
    assert_memory_equal(name, "XX-", 3);
    assert_string_equal(code_text((enum code)~0u), "an unknown code");
    assert_string_equal(status_name(STATUS_OK), "ok");
    assert_string_equal(status_name((enum status)-9999), "unknown status");
    assert_string_not_equal(status_name(STATUS_INVALID), status_name(STATUS_RANGE));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_words),
    };

    return cmocka_run_group_tests_name("bits", tests, NULL, NULL);
}
