/* SPDX-License-Identifier: MIT
 *
 * Ways out: leaving an emulator with a result, and restarting the machine. Any context.
 */
#ifndef PLINTH_KERNEL_ARCH_EXIT_H
#define PLINTH_KERNEL_ARCH_EXIT_H

#include "kernel/base/types.h"

/* Tells QEMU's isa-debug-exit device 10h (good) or 11h (bad), then says Shutdown to
 * Bochs. Returns when nobody listens, as on a real machine. */
void emulator_exit(bool good);

/* Restarts: keyboard controller, then the chipset's port CF9h, then a triple fault. */
NORETURN void machine_reset(void);

#endif
