/* SPDX-License-Identifier: MIT
 *
 * A place in the code, kept in four bytes and printed by name: who allocated, who
 * freed.
 *
 * The image lies in the top 2 GiB, so the lower half of an address is enough, extended
 * by its sign. Names come from above, through the namer; without one the address itself
 * is printed.
 *
 * Context: any, the path of death included.
 */
#ifndef PLINTH_KERNEL_BASE_SITE_H
#define PLINTH_KERNEL_BASE_SITE_H

#include "kernel/base/types.h"

#define SITE_TEXT_BYTES 72

/* 0: not known. */
typedef struct {
    u32 raw;
} site_t;

/* Behind the call of the function that says this. */
#define SITE_OF_CALLER() ((site_t){(u32)(uintptr_t)__builtin_return_address(0)})

static inline u64 site_address(site_t site)
{
    return (u64)(int64_t)(int32_t)site.raw;
}

/* "memset+0x1c" into out, "nobody known" for 0. Returns out. */
const char *site_text(site_t site, char out[SITE_TEXT_BYTES]);

/* Gives addresses in the code a name; the result is out. */
typedef const char *(*site_namer_fn)(u64 address, char out[SITE_TEXT_BYTES]);
void site_set_namer(site_namer_fn namer);

#endif
