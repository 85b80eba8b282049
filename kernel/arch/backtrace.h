/* SPDX-License-Identifier: MIT
 *
 * Walking frame pointers. Every word is read only after the reader hook has called its address
 * readable, so a broken chain ends the walk and nothing else. At most BACKTRACE_MAX steps.
 */
#ifndef PLINTH_KERNEL_ARCH_BACKTRACE_H
#define PLINTH_KERNEL_ARCH_BACKTRACE_H

#include "kernel/base/types.h"

#define BACKTRACE_MAX 32

/* Says whether the 8 bytes at this kernel address can be read without a fault; must not fault,
 * lock or allocate. Until it is set, nothing is read. */
void backtrace_set_reader(bool (*readable)(u64 virt));

/* True when [virt, virt + bytes) can be read, asked of the reader word by word. */
bool backtrace_is_readable(u64 virt, u64 bytes);

/* Puts the callers found from frame pointer rbp into out, nearest first: return addresses, one for
 * each link; returns how many. */
u32 backtrace_walk(u64 rbp, u64 *out, u32 out_count);

#endif
