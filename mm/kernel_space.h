/* SPDX-License-Identifier: MIT
 *
 * The kernel's windows other than heap, direct map and stacks: device apertures,
 * firmware tables, boot modules.
 *
 * Owns:     which addresses of these windows are in use.
 * Does not: own what is mapped there.
 * Locking:  one spinlock for the aperture window; the rest is written at boot only.
 * Context:  map and unmap: not in traps. Questions: any context.
 */
#ifndef PLINTH_MM_KERNEL_SPACE_H
#define PLINTH_MM_KERNEL_SPACE_H

#include "kernel/base/status.h"
#include "mm/page_table.h"

#define APERTURE_MAX 64 /* live mappings at a time */

/* Gives kernel_page_space its root and the frame allocator as source. After pmm_init.
 */
void kernel_space_init(phys_t root);

/* Maps a device's registers: read-write, NX, GLOBAL, with a cache type of page_table.h.
 * *out points to phys itself, also when it is not page-aligned. STATUS_INVALID: 0
 * bytes, wraps, or a byte of it is RAM (the recorder is not RAM). STATUS_NO_SPACE:
 * APERTURE_MAX live mappings. */
MUST_USE enum status mmio_map(phys_t phys, u64 bytes, u64 cache, volatile void **out);

/* Maps a table of the firmware read-only, write-back, NX. As mmio_map; refuses RAM. */
MUST_USE enum status firmware_map(phys_t phys, u64 bytes, const void **out);

/* The flight recorder's one mapping: all of it, at RECORDER_VIRT, uncached, NX, GLOBAL.
 * kernel/early has made it; this proves it entry by entry and claims it, for ever. From
 * then on no other mapping of the range is made. STATUS_EXISTS: claimed already.
 * STATUS_NOT_FOUND: not mapped, or otherwise than here. */
MUST_USE enum status recorder_map(void **out);

/* The same for the text screen at VGA_TEXT_VIRT; other mappings of it may be made. */
MUST_USE enum status screen_map(void);

/* Undoes mmio_map or firmware_map. STATUS_NOT_FOUND: not the start of a live mapping of
 * theirs. */
MUST_USE enum status aperture_unmap(const volatile void *start);

/* The device mapping that holds an address, if any; *phys is what it maps there. */
bool aperture_find(virt_t address, phys_t *phys);

/* Maps a boot module read-only into its window, after the ones before it; a guard page
 * between. STATUS_INVALID: not page-aligned RAM. At boot only, on one CPU: no lock guards
 * the window's end. */
MUST_USE enum status module_map(phys_t phys, u64 bytes, const void **out);

#endif
