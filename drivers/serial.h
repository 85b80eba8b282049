/* SPDX-License-Identifier: MIT
 *
 * COM1: a 16550 at 115200 8N1, as log sink and as input.
 *
 * An absent chip is found by its scratch register and a loop-back, and costs nothing
 * afterwards. Every wait is bounded; a transmitter that hangs is given up for good
 * after one full wait.
 * Locking: the log's lock serialises writers; the input ring has one reader (the
 * monitor) and one writer at a time (interrupts off).
 */
#ifndef PLINTH_DRIVERS_SERIAL_H
#define PLINTH_DRIVERS_SERIAL_H

#include "kernel/base/log.h"
#include "kernel/base/types.h"

#define SERIAL_IRQ 4

/* Looks for the chip and sets it up. False: absent. Once, before the others. */
bool serial_init(void);
bool serial_is_present(void);

/* Sends text as it is, a line end as CR LF. Any context; does nothing without a chip.
 */
void serial_write(const char *text, u64 bytes);

/* Waits, not for ever, until everything has left the chip: before leaving an emulator.
 */
void serial_drain(void);

/* The sink for log_sink_add; its name is "serial". */
extern const struct log_sink serial_sink;

/* The next character received, or -1. Looks at the chip itself too, so it works without
 * IRQ. */
int serial_poll(void);

/* For the interrupt handler: empties the chip into the ring. */
void serial_irq(void);
/* Lets the chip raise its interrupt on input. */
void serial_irq_enable(void);

/* Characters lost because the ring or the chip was full. */
u64 serial_lost(void);

#endif
