/* SPDX-License-Identifier: MIT
 *
 * Memory and text primitives on 8-byte words. Short sizes use two overlapping words instead of a
 * byte loop; tails are read before the first store, so that one routine serves copies in which
 * the target lies below an overlapping source.
 *
 * gcc recognises such loops and would replace them by calls to memcpy and memset, that is, to
 * themselves; the option below forbids it for this file. clang needs -ffreestanding only.
 */
#if !defined(__clang__)
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

#include "kernel/base/string.h"

/* Words at any address and over any type: defined behaviour for both compilers and sanitizers. */
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

/* Fewer than 16 bytes: every load comes before the first store, so overlap does not matter. */
static inline void copy_short(u8 *to, const u8 *from, u64 bytes)
{
    if (bytes >= 8) {
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

/* At least 16 bytes; to may lie below an overlapping from. */
static inline void copy_up(u8 *to, const u8 *from, u64 bytes)
{
    u8 *last = to + bytes - 8;
    u64 tail = get8(from + bytes - 8);

    for (; bytes > 32; bytes -= 32, to += 32, from += 32) {
        u64 a = get8(from), b = get8(from + 8), c = get8(from + 16), d = get8(from + 24);

        put8(to, a);
        put8(to + 8, b);
        put8(to + 16, c);
        put8(to + 24, d);
    }
    for (; bytes > 8; bytes -= 8, to += 8, from += 8)
        put8(to, get8(from));
    put8(last, tail);
}

/* At least 16 bytes; to may lie above an overlapping from. */
static inline void copy_down(u8 *to, const u8 *from, u64 bytes)
{
    u8 *first = to;
    u64 head = get8(from);

    for (; bytes > 32; bytes -= 32) {
        u64 a = get8(from + bytes - 8), b = get8(from + bytes - 16);
        u64 c = get8(from + bytes - 24), d = get8(from + bytes - 32);

        put8(to + bytes - 8, a);
        put8(to + bytes - 16, b);
        put8(to + bytes - 24, c);
        put8(to + bytes - 32, d);
    }
    for (; bytes > 8; bytes -= 8)
        put8(to + bytes - 8, get8(from + bytes - 8));
    put8(first, head);
}

void *memcpy(void *to, const void *from, u64 bytes)
{
    if (bytes < 16)
        copy_short(to, from, bytes);
    else
        copy_up(to, from, bytes);
    return to;
}

void *memmove(void *to, const void *from, u64 bytes)
{
    if (bytes < 16)
        copy_short(to, from, bytes);
    else if ((u64)(uintptr_t)to - (u64)(uintptr_t)from >= bytes)
        copy_up(to, from, bytes);
    else
        copy_down(to, from, bytes);
    return to;
}

static inline void set_short(u8 *at, u64 pattern, u64 bytes)
{
    if (bytes >= 8) {
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
    u64 pattern = (u8)value * (u64)0x0101010101010101;

    if (bytes < 16) {
        set_short(at, pattern, bytes);
        return start;
    }
    put8(at + bytes - 8, pattern);
    for (; bytes > 32; bytes -= 32, at += 32) {
        put8(at, pattern);
        put8(at + 8, pattern);
        put8(at + 16, pattern);
        put8(at + 24, pattern);
    }
    for (; bytes > 8; bytes -= 8, at += 8)
        put8(at, pattern);
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
