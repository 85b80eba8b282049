/* SPDX-License-Identifier: MIT
 *
 * Walking frame pointers. Every word is read only after the reader hook has called its
 * address readable, so a broken chain ends the walk and nothing else. Recursion is
 * folded: callers that repeat are counted. At most BACKTRACE_MAX callers and
 * BACKTRACE_LINKS_MAX links.
 */
#ifndef PLINTH_KERNEL_ARCH_BACKTRACE_H
#define PLINTH_KERNEL_ARCH_BACKTRACE_H

#include "kernel/base/types.h"

#define BACKTRACE_MAX       24
#define BACKTRACE_LINKS_MAX 4096

struct backtrace_caller {
    u64 address; /* the return address */
    u32 repeats; /* how often it follows itself; 0: once */
};

/* Says whether the 8 bytes at this kernel address can be read without a fault; must not
 * fault, lock or allocate. Until it is set, nothing is read. */
void backtrace_set_reader(bool (*readable)(u64 virt));

/* True when [virt, virt + bytes) can be read, asked of the reader word by word. */
bool backtrace_is_readable(u64 virt, u64 bytes);

/* Puts the callers found from frame pointer rbp into out, nearest first; returns how
 * many. */
u32 backtrace_walk(u64 rbp, struct backtrace_caller out[BACKTRACE_MAX]);

#endif
