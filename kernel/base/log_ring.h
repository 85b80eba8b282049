/* SPDX-License-Identifier: MIT
 *
 * The records of the log, oldest first, the newest LOG_RING_BYTES of them. For
 * kernel/base/log.c only.
 *
 * Locking: the log's, around each call, but in a death: log_ring_head and
 *          log_ring_visit run without it, log_ring_append and log_ring_take do when it
 *          was waited for in vain.
 */
#ifndef PLINTH_KERNEL_BASE_LOG_RING_H
#define PLINTH_KERNEL_BASE_LOG_RING_H

#include "kernel/base/log.h"

/* Where the next record goes: a position that only grows. */
u64 log_ring_head(void);

/* Pushes out as many of the oldest records as it takes. */
void log_ring_append(enum log_level level, const char *text, u64 bytes);

/* The record at the cursor, which moves on: the bytes of its text, cut to out_bytes - 1
 * and ended by a 0; 0 bytes when there is none. An overtaken cursor starts again at the
 * oldest record. */
u64 log_ring_take(u64 *cursor, char *out, u64 out_bytes, enum log_level *level);

/* The last `most` records that end before a position, oldest first. */
void log_ring_visit(u64 end, u32 most,
                    void (*visit)(enum log_level level, const char *text));

#endif
