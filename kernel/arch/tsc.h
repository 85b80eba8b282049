/* SPDX-License-Identifier: MIT
 *
 * The frequency of the time stamp counter, found once at boot on the boot CPU.
 *
 * By CPUID 15h where the CPU gives a full answer that the PIT does not contradict, else
 * by the PIT (channel 2, about one millisecond), else by CPUID 15h or 16h alone, else a
 * guess. Never waits longer than 10 ms, whatever the PIT does.
 */
#ifndef PLINTH_KERNEL_ARCH_TSC_H
#define PLINTH_KERNEL_ARCH_TSC_H

#include "kernel/base/types.h"

enum tsc_source { TSC_GUESS, TSC_PIT, TSC_CPUID_15, TSC_CPUID_16 };

/* Interrupts off, or a tick may fall into the measurement. */
void tsc_init(void);

/* Ticks per second; 1 GHz before tsc_init. Never 0. */
u64 tsc_hz(void);

enum tsc_source tsc_source_now(void);
const char *tsc_source_name(enum tsc_source source);

/* Nanoseconds for a number of ticks; saturates after 584 years. */
u64 tsc_to_ns(u64 ticks);

/* Waits at least so long by the counter. Any context; interrupts stay as they are. */
void tsc_wait_us(u64 microseconds);

#endif
