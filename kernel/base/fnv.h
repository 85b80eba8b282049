/* SPDX-License-Identifier: MIT
 *
 * FNV-1a (Fowler, Noll, Vo), 64 bits. Not for secrets: it ties a test run's last line to
 * its content.
 * Chain calls by passing the last result; start with FNV1A_64_BASIS. Pure, any context.
 */
#ifndef PLINTH_KERNEL_BASE_FNV_H
#define PLINTH_KERNEL_BASE_FNV_H

#include "kernel/base/types.h"

#define FNV1A_64_BASIS 0xCBF29CE484222325
#define FNV1A_64_PRIME 0x00000100000001B3

static inline u64 fnv1a_64(u64 hash, const void *data, u64 bytes)
{
    const u8 *at = data;

    for (u64 i = 0; i < bytes; i++)
        hash = (hash ^ at[i]) * FNV1A_64_PRIME;
    return hash;
}

/* Over a NUL-terminated text, without the NUL. */
static inline u64 fnv1a_64_text(u64 hash, const char *text)
{
    for (; *text != '\0'; text++)
        hash = (hash ^ (u8)*text) * FNV1A_64_PRIME;
    return hash;
}

#endif
