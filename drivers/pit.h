/* SPDX-License-Identifier: MIT
 *
 * Channel 0 of the 8254 timer as a 100 Hz tick, to wake an idle CPU. The tick counts;
 * it keeps no time of day.
 */
#ifndef PLINTH_DRIVERS_PIT_H
#define PLINTH_DRIVERS_PIT_H

#include "kernel/base/types.h"

#define PIT_IRQ     0
#define PIT_TICK_HZ 100

/* Programs the channel. The caller unmasks the line. */
void pit_init(void);

/* For the interrupt handler. */
void pit_irq(void);

u64 pit_ticks(void);

#endif
