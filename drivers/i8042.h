/* SPDX-License-Identifier: MIT
 *
 * The PS/2 keyboard behind the 8042 controller: scan codes of set 1 (the controller
 * translates) to ASCII, US layout. An absent controller answers FFh and costs nothing
 * afterwards. Every wait is bounded.
 * Locking: the ring has one reader and one writer at a time (interrupts off).
 */
#ifndef PLINTH_DRIVERS_I8042_H
#define PLINTH_DRIVERS_I8042_H

#include "kernel/base/types.h"

#define I8042_IRQ 1

/* Looks for the controller and sets it up. False: absent. Once. */
bool i8042_init(void);
bool i8042_is_present(void);

/* The next character typed, or -1. Looks at the controller itself too. Enter is '\n',
 * Backspace
 * '\b', Ctrl with a letter 1..26; Escape and function keys are nothing. */
int i8042_poll(void);

/* For the interrupt handler. */
void i8042_irq(void);

#endif
