/* SPDX-License-Identifier: MIT
 *
 * The kernel's side of the symbols blob: names for addresses, and no belief in damaged blobs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kernel/boot/symbols.h"
#include "kernel/symbols.h"

#define BASE 0xFFFFFFFF80200000

static const u8 build_id[20] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

/* What scripts/symbols.py would make: three functions, then the end of text at 0x100. */
struct blob {
    struct symbols_head head;
    struct symbol list[4];
    struct symbol files[2];
    char strings[32];
};

static struct blob blob_make(void)
{
    struct blob blob = {
        .head = {.magic = SYMBOLS_MAGIC, .version = SYMBOLS_VERSION, .count = 4,
                 .file_count = 2,
                 .strings_offset = offsetof(struct blob, strings),
                 .total_bytes = sizeof(struct blob)},
        .list = {{0x10, 0}, {0x20, 6}, {0x80, 12}, {0x100, 5}},
        .files = {{0x20, 18}, {0x80, 5}},
    };

    memcpy(blob.head.build_id, build_id, sizeof build_id);
    memcpy(blob.strings, "first\0other\0third\0mm/a.c", 25);
    return blob;
}

static enum status take(const struct blob *blob, u64 bytes)
{
    static void *copy; /* of exactly the size; the kernel keeps pointers into it */

    free(copy);
    copy = malloc(bytes == 0 ? 1 : bytes);
    memcpy(copy, blob, bytes);
    return symbols_init(copy, bytes, BASE, build_id);
}

static void test_names(void **state)
{
    struct blob blob = blob_make();
    char text[SYMBOL_TEXT_BYTES], place[SYMBOL_PLACE_BYTES];
    const char *name;
    u64 offset;

    (void)state;
    assert_string_equal(symbol_text(BASE, text), "V:ffffffff80200000");
    assert_int_equal(take(&blob, sizeof blob), STATUS_OK);
    assert_int_equal(symbols_count(), 4);
    assert_false(symbol_find(BASE, &name, &offset));
    assert_false(symbol_find(BASE - 1, &name, &offset));
    assert_false(symbol_find(BASE + 0xF, &name, &offset));
    assert_string_equal(symbol_text(BASE + 0x10, text), "first+0x0");
    assert_string_equal(symbol_text(BASE + 0x1F, text), "first+0xf");
    assert_string_equal(symbol_text(BASE + 0x20, text), "other+0x0");
    assert_string_equal(symbol_text(BASE + 0xFF, text), "third+0x7f");
    assert_null(symbol_file(BASE + 0x10));
    assert_string_equal(symbol_file(BASE + 0x7F), "mm/a.c");
    assert_null(symbol_file(BASE + 0x80));
    assert_string_equal(symbol_place(BASE + 0x20, place), "other+0x0 (mm/a.c)");
    assert_string_equal(symbol_place(BASE + 0x80, place), "third+0x0");
    assert_string_equal(symbol_text(BASE + 0x100, text), "V:ffffffff80200100");
    assert_false(symbol_find(0xFFFFFFFFFFFFFFFF, &name, &offset));
}

static void test_other_build(void **state)
{
    struct blob blob = blob_make();

    (void)state;
    blob.head.build_id[19] ^= 1;
    assert_int_equal(take(&blob, sizeof blob), STATUS_NOT_FOUND);
}

static void test_damage(void **state)
{
    (void)state;
#define DAMAGED(statement)                                             \
    do {                                                               \
        struct blob blob = blob_make();                                \
        statement;                                                     \
        assert_int_equal(take(&blob, sizeof blob), STATUS_INVALID);    \
    } while (0)
    DAMAGED(blob.head.magic++);
    DAMAGED(blob.head.version++);
    DAMAGED(blob.head.count = 0);
    DAMAGED(blob.head.count = 5);
    DAMAGED(blob.head.count = SYMBOLS_MAX + 1);
    DAMAGED(blob.head.count = 0xFFFFFFFF);
    DAMAGED(blob.head.total_bytes++);
    DAMAGED(blob.head.total_bytes = blob.head.strings_offset);
    DAMAGED(blob.head.total_bytes = 0);
    DAMAGED(blob.head.strings_offset = 0xFFFFFFFF);
    DAMAGED(blob.head.strings_offset--);
    DAMAGED(blob.strings[31] = 'x');
    DAMAGED(blob.list[2].offset = blob.list[1].offset);
    DAMAGED(blob.list[2].offset = 0);
    DAMAGED(blob.list[3].name_offset = 32);
    DAMAGED(blob.list[0].name_offset = 0xFFFFFFFF);
    DAMAGED(blob.files[1].name_offset = 32);
    DAMAGED(blob.files[1].offset = blob.files[0].offset);
    DAMAGED(blob.head.file_count = 3);
    DAMAGED(blob.head.file_count = 0xFFFFFFFF);
#undef DAMAGED
    assert_int_equal(symbols_init(NULL, 0, BASE, build_id), STATUS_INVALID);
}

/* Cut anywhere, and every byte changed in turn: refused, or nothing is read outside of it. */
static void test_any_damage(void **state)
{
    (void)state;
    for (u64 bytes = 0; bytes < sizeof(struct blob); bytes++) {
        struct blob blob = blob_make();

        assert_int_equal(take(&blob, bytes), STATUS_INVALID);
    }
    for (u64 at = 0; at < sizeof(struct blob); at++) {
        for (u32 change = 1; change < 256; change = change * 2 + 1) {
            struct blob blob = blob_make();
            char text[SYMBOL_PLACE_BYTES];

            ((u8 *)&blob)[at] ^= (u8)change;
            if (take(&blob, sizeof blob) != STATUS_OK)
                continue;
            for (u64 virt = BASE; virt < BASE + 0x200; virt += 8)
                assert_true(strlen(symbol_place(virt, text)) < SYMBOL_PLACE_BYTES);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_other_build),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_any_damage),
    };

    return cmocka_run_group_tests_name("symbols", tests, NULL, NULL);
}
