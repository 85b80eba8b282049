/* SPDX-License-Identifier: MIT
 *
 * Port E9h: QEMU's debug console and Bochs's port_e9_hack. Nothing listens on a real
 * machine, so nothing is tested for and nothing is waited for.
 */
#ifndef PLINTH_DRIVERS_PORT_E9_H
#define PLINTH_DRIVERS_PORT_E9_H

#include "kernel/base/log.h"

/* The sink for log_sink_add; its name is "e9". */
extern const struct log_sink port_e9_sink;

/* True when something that reads back E9h is there: then the sink is worth adding. */
bool port_e9_is_present(void);

#endif
