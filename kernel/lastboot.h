/* SPDX-License-Identifier: MIT
 *
 * The boot before this one, as the flight recorder kept it: its last words in this
 * boot's log, and the monitor's command `lastboot`.
 */
#ifndef PLINTH_KERNEL_LASTBOOT_H
#define PLINTH_KERNEL_LASTBOOT_H

#include "kernel/monitor.h"

/* Logs the last words of the previous boot, unless it ended on purpose or an earlier
 * boot has shown them, and marks them as shown. Needs recorder_start; with symbols it
 * names functions. Once. */
void lastboot_report(void);

/* lastboot. */
extern const struct monitor_table lastboot_table;

#endif
