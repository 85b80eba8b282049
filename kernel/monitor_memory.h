/* SPDX-License-Identifier: MIT
 *
 * The monitor's commands about memory, and the one that runs tests.
 */
#ifndef PLINTH_KERNEL_MONITOR_MEMORY_H
#define PLINTH_KERNEL_MONITOR_MEMORY_H

#include "kernel/monitor.h"

extern const struct monitor_table monitor_memory_table;

#endif
