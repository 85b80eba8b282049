/* SPDX-License-Identifier: MIT
 *
 * What the running kernel tells the flight recorder: its log, its deaths, its end.
 *
 * Locking: none needed; the records take their own slots (kernel/base/recorder.h). The
 *          log calls its sink under its own lock.
 * Life:    recorder_start first of all, recorder_claim once apertures are kept.
 */
#ifndef PLINTH_KERNEL_RECORDER_HOOKS_H
#define PLINTH_KERNEL_RECORDER_HOOKS_H

#include "kernel/arch/trap_frame.h"

/* Goes over to the kernel's own mapping, and adds the sink and the hook of death.
 * Before the identity map goes; needs nothing. */
void recorder_start(void);

/* Claims the mapping in the aperture window. Needs kernel_space_init. */
void recorder_claim(void);

/* A trap that nobody resolves, before anything is made of it. When it comes from
 * writing the record of another one, the recorder is given up. Any context. */
void recorder_exception(const struct trap_frame *frame);

/* This boot ends on purpose: the next one has nothing to report. */
void recorder_end(void);

/* While muted the log is not recorded: for showing an old log, which would push out the
 * new one. */
void recorder_mute(bool muted);

#endif
