/* SPDX-License-Identifier: MIT
 *
 * Memory and text primitives on 8-byte words. What is left at the end is done by one
 * more step that overlaps the last, instead of a byte loop; up to 32 bytes everything
 * is read before the first store, so that these sizes need not ask whether source and
 * target overlap.
 *
 * gcc recognises such loops and would replace them by calls to memcpy and memset, that
 * is, to themselves; the option below forbids it for this file. clang needs
 * -ffreestanding only.
 */
#if !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

#include "kernel/base/string.h"

/* Words at any address and over any type: defined behaviour for both compilers and
 * sanitizers. */
struct word8 {
    u64 value;
} __attribute__((packed, may_alias));

struct word4 {
    u32 value;
} __attribute__((packed, may_alias));

struct word2 {
    u16 value;
} __attribute__((packed, may_alias));

static inline u64 get8(const u8 *at)
{
    return ((const struct word8 *)(const void *)at)->value;
}

static inline void put8(u8 *at, u64 value)
{
    ((struct word8 *)(void *)at)->value = value;
}

static inline u32 get4(const u8 *at)
{
    return ((const struct word4 *)(const void *)at)->value;
}

static inline void put4(u8 *at, u32 value)
{
    ((struct word4 *)(void *)at)->value = value;
}

static inline void put2(u8 *at, u16 value)
{
    ((struct word2 *)(void *)at)->value = value;
}

/* 32 bytes, all read before the first is written. */
static inline void copy_32(u8 *to, const u8 *from)
{
    u64 a = get8(from), b = get8(from + 8), c = get8(from + 16), d = get8(from + 24);

    put8(to, a);
    put8(to + 8, b);
    put8(to + 16, c);
    put8(to + 24, d);
}

/* At most 32 bytes, all read before the first is written. */
static inline void copy_short(u8 *to, const u8 *from, u64 bytes)
{
    if (bytes >= 16) {
        u64 a = get8(from), b = get8(from + 8);
        u64 c = get8(from + bytes - 16), d = get8(from + bytes - 8);

        put8(to, a);
        put8(to + 8, b);
        put8(to + bytes - 16, c);
        put8(to + bytes - 8, d);
    } else if (bytes >= 8) {
        u64 head = get8(from), tail = get8(from + bytes - 8);

        put8(to, head);
        put8(to + bytes - 8, tail);
    } else if (bytes >= 4) {
        u32 head = get4(from), tail = get4(from + bytes - 4);

        put4(to, head);
        put4(to + bytes - 4, tail);
    } else if (bytes != 0) {
        u8 first = from[0], middle = from[bytes / 2], last = from[bytes - 1];

        to[0] = first;
        to[bytes / 2] = middle;
        to[bytes - 1] = last;
    }
}

/* More than 32 bytes; to may lie below an overlapping from. */
static void copy_up(u8 *to, const u8 *from, u64 bytes)
{
    u8 *last = to + bytes - 8;
    u64 tail = get8(from + bytes - 8);

    for (; bytes > 32; bytes -= 32, to += 32, from += 32)
        copy_32(to, from);
    for (; bytes > 8; bytes -= 8, to += 8, from += 8)
        put8(to, get8(from));
    put8(last, tail);
}

/* More than 32 bytes; to may lie above an overlapping from. */
static void copy_down(u8 *to, const u8 *from, u64 bytes)
{
    u8 *first = to;
    u64 head = get8(from);

    for (; bytes > 32; bytes -= 32)
        copy_32(to + bytes - 32, from + bytes - 32);
    for (; bytes > 8; bytes -= 8)
        put8(to + bytes - 8, get8(from + bytes - 8));
    put8(first, head);
}

void *memcpy(void *start, const void *source, u64 bytes)
{
    u8 *to = start;
    const u8 *from = source;
    u8 *last;

    if (bytes <= 32) {
        copy_short(to, from, bytes);
        return start;
    }
    for (last = to + bytes - 32; to < last; to += 32, from += 32)
        copy_32(to, from);
    copy_32(last, from - (to - last));
    return start;
}

void *memmove(void *to, const void *from, u64 bytes)
{
    if (bytes <= 32)
        copy_short(to, from, bytes);
    else if ((u64)(uintptr_t)to - (u64)(uintptr_t)from >= bytes)
        copy_up(to, from, bytes);
    else
        copy_down(to, from, bytes);
    return to;
}

static inline void set_32(u8 *at, u64 pattern)
{
    put8(at, pattern);
    put8(at + 8, pattern);
    put8(at + 16, pattern);
    put8(at + 24, pattern);
}

static inline void set_short(u8 *at, u64 pattern, u64 bytes)
{
    if (bytes >= 16) {
        put8(at, pattern);
        put8(at + 8, pattern);
        put8(at + bytes - 16, pattern);
        put8(at + bytes - 8, pattern);
    } else if (bytes >= 8) {
        put8(at, pattern);
        put8(at + bytes - 8, pattern);
    } else if (bytes >= 4) {
        put4(at, (u32)pattern);
        put4(at + bytes - 4, (u32)pattern);
    } else if (bytes >= 2) {
        put2(at, (u16)pattern);
        at[bytes - 1] = (u8)pattern;
    } else if (bytes == 1) {
        at[0] = (u8)pattern;
    }
}

void *memset(void *start, int value, u64 bytes)
{
    u8 *at = start;
    u8 *last;
    u64 pattern = (u8)value * (u64)0x0101010101010101;

    if (bytes <= 32) {
        set_short(at, pattern, bytes);
        return start;
    }
    for (last = at + bytes - 32; at < last; at += 32)
        set_32(at, pattern);
    set_32(last, pattern);
    return start;
}

int memcmp(const void *a, const void *b, u64 bytes)
{
    const u8 *x = a;
    const u8 *y = b;

    for (; bytes >= 8 && get8(x) == get8(y); bytes -= 8)
        x += 8, y += 8;
    for (; bytes != 0; bytes--, x++, y++)
        if (*x != *y)
            return *x < *y ? -1 : 1;
    return 0;
}

u64 strlen(const char *text)
{
    const char *end = text;

    while (*end != '\0')
        end++;
    return (u64)(end - text);
}

u64 strnlen(const char *text, u64 most)
{
    u64 length = 0;

    while (length < most && text[length] != '\0')
        length++;
    return length;
}

int strcmp(const char *a, const char *b)
{
    for (; *a != '\0' && *a == *b; a++)
        b++;
    return (int)(u8)*a - (int)(u8)*b;
}

int strncmp(const char *a, const char *b, u64 most)
{
    for (; most != 0; most--, a++, b++) {
        if (*a != *b)
            return (int)(u8)*a - (int)(u8)*b;
        if (*a == '\0')
            return 0;
    }
    return 0;
}
