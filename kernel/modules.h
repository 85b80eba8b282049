/* SPDX-License-Identifier: MIT
 *
 * Boot modules: files that came with the kernel, mapped read-only in their window for
 * ever.
 */
#ifndef PLINTH_KERNEL_MODULES_H
#define PLINTH_KERNEL_MODULES_H

#include "kernel/base/types.h"

struct module {
    const char *name;
    const void *start; /* NULL: could not be mapped, the log says why */
    u64 bytes;
};

/* Maps what boot_info names. Needs the kernel's space. Once. */
void modules_init(void);

/* NULL when there is no such module. */
const struct module *module_at(u32 index);

#endif
