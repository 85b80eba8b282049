/* SPDX-License-Identifier: MIT
 *
 * Where typed characters come from: COM1 and the PS/2 keyboard, both woken up by
 * interrupts. Any interrupt, the 100 Hz tick too, leads to a look at both, so that a
 * lost one delays a key and loses none.
 */
#ifndef PLINTH_KERNEL_MONITOR_INPUT_H
#define PLINTH_KERNEL_MONITOR_INPUT_H

#include "kernel/base/types.h"

/* Sets up the interrupt controllers, the tick, the keyboard and COM1's input, and turns
 * interrupts on. Needs trap_init and serial_init. */
void monitor_input_init(void);

/* The next character; sleeps until there is one. Leaves interrupts on. */
char monitor_input_wait(void);

#endif
