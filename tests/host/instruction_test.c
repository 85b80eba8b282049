/* SPDX-License-Identifier: MIT
 *
 * Reading an instruction's memory operand: encodings as the manuals give them, and no
 * read beyond the bytes that are there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kernel/instruction.h"
#include "tests/host/random.h"

struct sample {
    u8 bytes[15];
    u32 count;
    const char *operand; /* NULL: none */
};

static void test_operands(void **state)
{
    static const struct sample samples[] = {
        {{0x48, 0x8B, 0x07}, 3, "[rdi]"},
        {{0x48, 0x89, 0x45, 0xF8}, 4, "[rbp-0x8]"},
        {{0x8B, 0x44, 0x24, 0x10}, 4, "[rsp+0x10]"},
        {{0x4A, 0x8B, 0x04, 0xE0}, 4, "[rax+r12*8]"},
        {{0x42, 0x8A, 0x54, 0x25, 0x00}, 5, "[rbp+r12*1]"},
        {{0x41, 0x8B, 0x04, 0x24}, 4, "[r12]"},
        {{0x43, 0xC6, 0x44, 0x35, 0x7F, 1}, 6, "[r13+r14*1+0x7f]"},
        {{0x8B, 0x04, 0x25, 0, 0x10, 0, 0}, 7, "[0x1000]"},
        {{0x8B, 0x04, 0xCD, 0, 0, 0, 0x80}, 7, "[rcx*8-0x80000000]"},
        {{0x65, 0x48, 0x8B, 0x04, 0x25, 0, 0, 0, 0}, 9, "gs:[0x0]"},
        {{0x0F, 0xB6, 0x03}, 3, "[rbx]"},
        {{0xF3, 0x48, 0xAB}, 3, "[rdi]"},
        {{0xF3, 0xA4}, 2, "[rsi]"},
        {{0x48, 0xA1, 1, 2, 3, 4, 5, 6, 7, 8}, 10, "[0x807060504030201]"},
        {{0xFF, 0x50, 0x08}, 3, "[rax+0x8]"},
        {{0x50}, 1, "[rsp]"},
        {{0xC3}, 1, "[rsp]"},
        {{0x0F, 0x22, 0xE0}, 3, NULL},
        {{0x0F, 0x30}, 2, NULL},
        {{0x48, 0x01, 0xD8}, 3, NULL},
        {{0x90}, 1, NULL},
    };

    (void)state;
    for (u32 i = 0; i < ARRAY_COUNT(samples); i++) {
        struct instruction instruction;
        char text[OPERAND_TEXT_BYTES];

        assert_true(instruction_read(samples[i].bytes, samples[i].count, &instruction));
        assert_int_equal(instruction.has_memory, samples[i].operand != NULL);
        if (samples[i].operand != NULL)
            assert_string_equal(instruction_operand_text(&instruction, text),
                                samples[i].operand);
    }
}

static void test_address(void **state)
{
    static const u8 bytes[] = {0x4A, 0x8B, 0x44, 0xE0, 0xF0}; /* [rax+r12*8-0x10] */
    u64 registers[16] = {0};
    struct instruction instruction;

    (void)state;
    registers[0] = 0xFFFF800000000000;
    registers[12] = 3;
    assert_true(instruction_read(bytes, sizeof(bytes), &instruction));
    assert_int_equal(instruction_address(&instruction, registers), 0xFFFF800000000008);
}

static void test_rip_relative(void **state)
{
    static const u8 bytes[] = {0x48, 0x8B, 0x05, 1, 0, 0, 0};
    struct instruction instruction;

    (void)state;
    assert_true(instruction_read(bytes, sizeof(bytes), &instruction));
    assert_true(instruction.rip_relative);
}

/* Every shorter piece of an instruction is refused, never guessed. */
static void test_cut_short(void **state)
{
    static const u8 bytes[] = {0x65, 0x4A, 0x8B, 0x84, 0xE0, 1, 2, 3, 4};
    struct instruction instruction;

    (void)state;
    for (u32 count = 0; count < sizeof(bytes); count++)
        assert_false(instruction_read(bytes, count, &instruction));
    assert_true(instruction_read(bytes, sizeof(bytes), &instruction));
}

/* On its own heap block, so that the sanitizer sees a read past the end. */
static void test_random(void **state)
{
    struct random seed = random_of(20);

    (void)state;
    for (u32 round = 0; round < 200000; round++) {
        u64 count = random_next(&seed) % 17;
        u8 *bytes = malloc(count + 1);
        char text[OPERAND_TEXT_BYTES];
        struct instruction instruction;

        for (u64 i = 0; i < count; i++)
            bytes[i] = (u8)random_next(&seed);
        bytes = realloc(bytes, count == 0 ? 1 : count);
        if (instruction_read(bytes, count, &instruction) && instruction.has_memory) {
            instruction_operand_text(&instruction, text);
            assert_true(strlen(text) < sizeof(text) - 1);
            assert_int_equal(text[strlen(text) - 1], ']');
        }
        free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operands),     cmocka_unit_test(test_address),
        cmocka_unit_test(test_rip_relative), cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
