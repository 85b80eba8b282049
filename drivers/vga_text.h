/* SPDX-License-Identifier: MIT
 *
 * The 80x25 text screen as a log sink. Goes on below what firmware and loader have
 * written.
 *
 * A copy in RAM is kept, because reading video memory is slow; only cells that change
 * are written.
 * Locking: the log's lock.
 * Does not: know where the buffer comes from; the caller maps P:B8000h uncached and
 * hands the pointer in.
 */
#ifndef PLINTH_DRIVERS_VGA_TEXT_H
#define PLINTH_DRIVERS_VGA_TEXT_H

#include "kernel/base/log.h"
#include "kernel/base/types.h"

#define VGA_COLUMNS    80
#define VGA_ROWS       25

/* Takes over the screen. buffer: its cells, mapped for good, 8-byte aligned. */
void vga_text_init(volatile u16 *buffer);

/* The sink for log_sink_add; its name is "vga". */
extern const struct log_sink vga_text_sink;

#endif
