/* SPDX-License-Identifier: MIT
 *
 * Small arithmetic on bits. Pure, any context, no library calls (the compiler's
 * popcount would call one on a baseline CPU).
 */
#ifndef PLINTH_KERNEL_BASE_BITS_H
#define PLINTH_KERNEL_BASE_BITS_H

#include "kernel/base/types.h"

#define BIT(n) ((u64)1 << (n))

/* Bits low..high, both included; 0 <= low <= high <= 63. */
static inline u64 bits_mask(u32 low, u32 high)
{
    return (~(u64)0 >> (63 - high)) & (~(u64)0 << low);
}

/* The field low..high of word, shifted down. */
static inline u64 bits_get(u64 word, u32 low, u32 high)
{
    return (word & bits_mask(low, high)) >> low;
}

static inline bool bits_is_power_of_two(u64 x)
{
    return x != 0 && (x & (x - 1)) == 0;
}

/* Index of the lowest set bit. x must not be zero. */
static inline u32 bits_lowest(u64 x)
{
    return (u32)__builtin_ctzl(x);
}

/* Index of the highest set bit, that is floor(log2(x)). x must not be zero. */
static inline u32 bits_highest(u64 x)
{
    return 63 - (u32)__builtin_clzl(x);
}

/* The least n with (1 << n) >= x; 0 for x <= 1. */
static inline u32 bits_log2_ceil(u64 x)
{
    return x <= 1 ? 0 : bits_highest(x - 1) + 1;
}

static inline u32 bits_count(u64 x)
{
    x -= (x >> 1) & 0x5555555555555555;
    x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333);
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0F;
    return (u32)((x * 0x0101010101010101) >> 56);
}

#endif
