/* SPDX-License-Identifier: MIT
 *
 * What the boot configuration says, looked at once: the level of the log is set, and
 * what is unknown, meaningless or said twice becomes a warning.
 */
#ifndef PLINTH_KERNEL_CONFIG_START_H
#define PLINTH_KERNEL_CONFIG_START_H

#include "kernel/base/config.h"
#include "mm/heap.h"

/* Once, when warnings can be read and before anybody asks the log's level. */
void config_start(void);

/* False, out untouched, when the value names no mode of the heap. */
bool config_heap_mode(const struct config_value *value, enum heap_mode *out);

#endif
