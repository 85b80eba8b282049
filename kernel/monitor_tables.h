/* SPDX-License-Identifier: MIT
 *
 * Looking commands up, for the monitor itself and its help.
 */
#ifndef PLINTH_KERNEL_MONITOR_TABLES_H
#define PLINTH_KERNEL_MONITOR_TABLES_H

#include "kernel/monitor.h"

/* The index-th command over all tables; NULL behind the last. */
const struct monitor_command *monitor_command_at(u32 index);
const struct monitor_command *monitor_command_find(const char *name);

#endif
