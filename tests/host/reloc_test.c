/* SPDX-License-Identifier: MIT
 *
 * Self-relocation on an image in a buffer of exactly its size.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kernel/early/reloc.h"
#include "tests/host/random.h"

#define IMAGE_WORDS 64
#define BYTES       (IMAGE_WORDS * sizeof(u64))
#define BASE        0xFFFFFFFF80000000

static u64 *image;

static int image_make(void **state)
{
    (void)state;
    image = malloc(BYTES);
    for (u64 i = 0; i < IMAGE_WORDS; i++)
        image[i] = 0x1111111111111111 * (i % 15);
    return image == NULL ? -1 : 0;
}

static int image_drop(void **state)
{
    (void)state;
    free(image);
    return 0;
}

static enum status apply(const struct elf_rela *rela, u64 count, u64 *bad_index)
{
    return reloc_apply((u8 *)image, BYTES, rela, count, BASE, bad_index);
}

static void test_good(void **state)
{
    const struct elf_rela rela[] = {
        {0, R_X86_64_RELATIVE, 0x100},
        {BYTES - 8, R_X86_64_RELATIVE, BYTES},
        {16, R_X86_64_RELATIVE, 0},
        {16, R_X86_64_RELATIVE, 8}, /* the last one for a place counts */
    };
    u64 bad = 77;

    (void)state;
    assert_int_equal(apply(rela, ARRAY_COUNT(rela), &bad), STATUS_OK);
    assert_int_equal(image[0], BASE + 0x100);
    assert_int_equal(image[1], 0x1111111111111111);
    assert_int_equal(image[2], BASE + 8);
    assert_int_equal(image[IMAGE_WORDS - 1], BASE + BYTES);
    assert_int_equal(bad, 77);
    assert_int_equal(apply(NULL, 0, &bad), STATUS_OK);
}

/* A bad entry between two good ones: its index is told, what follows is not applied. */
static void test_bad(void **state)
{
    static const struct elf_rela bad_ones[] = {
        {8, 1, 0},                                  /* R_X86_64_64 */
        {8, 0, 0},                                  /* R_X86_64_NONE */
        {8, R_X86_64_RELATIVE | (u64)3 << 32, 0},   /* names a symbol */
        {BYTES - 7, R_X86_64_RELATIVE, 0},          /* one byte behind the image */
        {BYTES - 1, R_X86_64_RELATIVE, 0},
        {BYTES, R_X86_64_RELATIVE, 0},
        {0 - (u64)8, R_X86_64_RELATIVE, 0},         /* would wrap */
        {8, R_X86_64_RELATIVE, BYTES + 1},
        {8, R_X86_64_RELATIVE, 0 - (u64)1},
    };

    (void)state;
    for (u64 i = 0; i < ARRAY_COUNT(bad_ones); i++) {
        struct elf_rela rela[] = {
            {0, R_X86_64_RELATIVE, 8}, bad_ones[i], {24, R_X86_64_RELATIVE, 8}};
        u64 bad = 77;

        image[0] = image[3] = 5;
        assert_int_equal(apply(rela, ARRAY_COUNT(rela), &bad), STATUS_INVALID);
        assert_int_equal(bad, 1);
        assert_int_equal(image[0], BASE + 8);
        assert_int_equal(image[1], 0x1111111111111111);
        assert_int_equal(image[3], 5);
    }
}

/* A pointer in a packed structure may stand anywhere. */
static void test_unaligned(void **state)
{
    (void)state;
    for (u64 offset = 0; offset <= BYTES - 8; offset++) {
        const struct elf_rela rela = {offset, R_X86_64_RELATIVE, 0x100};
        u64 value, before = 0, behind = 0, bad;

        memset(image, 0x5A, BYTES);
        assert_int_equal(apply(&rela, 1, &bad), STATUS_OK);
        memcpy(&value, (u8 *)image + offset, sizeof value);
        assert_int_equal(value, BASE + 0x100);
        for (u64 i = 0; i < BYTES; i++) {
            before += i < offset && ((u8 *)image)[i] != 0x5A;
            behind += i >= offset + 8 && ((u8 *)image)[i] != 0x5A;
        }
        assert_int_equal(before + behind, 0);
    }
}

static void test_no_room_for_one(void **state)
{
    const struct elf_rela rela = {0, R_X86_64_RELATIVE, 0};
    const struct elf_rela second = {8, R_X86_64_RELATIVE, 0};
    u64 *one = malloc(sizeof *one);
    u8 *tiny = malloc(7);
    u64 bad = 77;

    (void)state;
    for (u64 bytes = 0; bytes < 8; bytes++)
        assert_int_equal(reloc_apply(tiny, bytes, &rela, 1, BASE, &bad), STATUS_INVALID);
    assert_int_equal(reloc_apply((u8 *)one, 8, &rela, 1, BASE, &bad), STATUS_OK);
    assert_int_equal(*one, BASE);
    for (u64 bytes = 8; bytes < 16; bytes++)
        assert_int_equal(reloc_apply((u8 *)one, bytes, &second, 1, BASE, &bad),
                         STATUS_INVALID);
    free(one);
    free(tiny);
}

/* Against the plain sentence: place = base + addend, all else as it was. */
static void test_random(void **state)
{
    (void)state;
    for (u64 seed = 1; seed <= 500; seed++) {
        struct random random = random_of(seed);
        struct elf_rela rela[20];
        u64 expected[IMAGE_WORDS];
        u64 base = random_next(&random);
        u64 count = ARRAY_COUNT(rela);
        u64 bad;

        memcpy(expected, image, BYTES);
        for (u64 i = 0; i < count; i++) {
            u64 word = random_below(&random, IMAGE_WORDS);

            rela[i].offset = 8 * word;
            rela[i].info = R_X86_64_RELATIVE;
            rela[i].addend = random_below(&random, BYTES + 1);
            expected[word] = base + rela[i].addend;
        }
        assert_int_equal(reloc_apply((u8 *)image, BYTES, rela, count, base, &bad),
                         STATUS_OK);
        assert_memory_equal(image, expected, BYTES);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_good, image_make, image_drop),
        cmocka_unit_test_setup_teardown(test_bad, image_make, image_drop),
        cmocka_unit_test_setup_teardown(test_unaligned, image_make, image_drop),
        cmocka_unit_test(test_no_room_for_one),
        cmocka_unit_test_setup_teardown(test_random, image_make, image_drop),
    };

    return cmocka_run_group_tests_name("reloc", tests, NULL, NULL);
}
