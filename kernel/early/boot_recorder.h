/* SPDX-License-Identifier: MIT
 *
 * This boot's bank of the flight recorder, from the kernel's first milestone to its
 * end.
 *
 * The loader has opened the bank and mapped it uncached; boot_info says which it is. It
 * is written at its physical address until the identity map goes, and at RECORDER_VIRT
 * afterwards, where kernel/early/tables.c puts it: no moment of a boot is without it.
 * Off when the firmware's map does not call its range usable.
 *
 * Context: any.
 */
#ifndef PLINTH_KERNEL_EARLY_BOOT_RECORDER_H
#define PLINTH_KERNEL_EARLY_BOOT_RECORDER_H

#include "kernel/base/recorder.h"

extern struct recorder boot_recorder;

/* Once, as soon as handover.info is filled in. */
void boot_recorder_open(void);

/* From now on through the kernel's own tables. Before the identity map goes. */
void boot_recorder_move(void);

/* Where the image runs from now on: as it was loaded, or at its slide. */
void boot_recorder_image(u64 address);

/* A death: its code as text, and where. Its record comes before any of its words. */
struct death_spot {
    u64 rip, cr2, cr3, rsp;
};
void boot_recorder_death(const char *code, const struct death_spot *spot);

#endif
