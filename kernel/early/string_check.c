/* SPDX-License-Identifier: MIT
 *
 * memcpy, memset and memmove under test, before anything relies on them: compilers call
 * them where no source does, and what a wrong one leaves behind is blamed on others.
 *
 * One area of bytes that all differ; each case is done to a piece of it, then the piece
 * and MARGIN bytes on both sides are compared with what should be there.
 */
#include "kernel/base/string.h"
#include "kernel/early/early.h"

#define AREA_BYTES 256
#define MARGIN     8
#define FILL       0xA5
#define LOW        (2 * MARGIN) /* two pieces of the longest case that do not meet */
#define HIGH       (LOW + 112)
#define SHIFT      5 /* of pieces that overlap */

/* Each way that the functions go: nothing, one load of each width or two that overlap,
 * blocks with and without a rest. */
static const u8 sizes[] = {0, 1, 2, 3, 5, 11, 22, 32, 33, 64, 77};

STATIC_ASSERT(HIGH + 77 + 2 * MARGIN <= AREA_BYTES, "the longest case fits");

static u8 pattern(u64 at)
{
    return (u8)(at * 5 + 1);
}

/* Places in the area. */
struct piece {
    u64 to, from, bytes;
};

/* Every byte is what it was, but for those from `to` on: there it is what was at
 * `from`, or FILL when that is `to` itself. Makes the area whole again. */
static void result_check(u8 *area, const char *name, struct piece piece)
{
    u64 to = piece.to, bytes = piece.bytes;

    for (u64 at = to - MARGIN; at < to + bytes + MARGIN; at++) {
        bool inside = at - to < bytes, filled = inside && piece.from == to;
        u8 expected = filled ? FILL : pattern(inside ? at - to + piece.from : at);

        if (area[at] != expected)
            early_die(EA_STRING,
                      "%s of %lu byte%s to an address %lu above a multiple of 8: byte "
                      "%ld of the target is %#x, expected %#x",
                      name, bytes, bytes == 1 ? "" : "s", to % 8, (long)(at - to),
                      area[at], expected);
        area[at] = pattern(at);
    }
}

static void copy_check(u8 *area, u64 to, u64 from, u64 bytes)
{
    memcpy(area + to, area + from, bytes);
    result_check(area, "memcpy", (struct piece){to, from, bytes});
}

static void move_overlap_check(u8 *area, u64 to, u64 from, u64 bytes)
{
    memmove(area + to, area + from, bytes);
    result_check(area, to < from ? "memmove down" : "memmove up",
                 (struct piece){to, from, bytes});
}

void string_check(void)
{
    u8 area[AREA_BYTES] ALIGNED(8);

    for (u64 at = 0; at < AREA_BYTES; at++)
        area[at] = pattern(at);
    for (u32 i = 0; i < ARRAY_COUNT(sizes); i++) {
        u64 bytes = sizes[i];

        copy_check(area, HIGH, LOW, bytes);
        copy_check(area, LOW + 3, HIGH + 1, bytes);
        move_overlap_check(area, LOW, LOW + SHIFT, bytes);
        move_overlap_check(area, LOW + SHIFT, LOW, bytes);
        memset(area + LOW + 1, FILL, bytes);
        result_check(area, "memset", (struct piece){LOW + 1, LOW + 1, bytes});
    }
}
