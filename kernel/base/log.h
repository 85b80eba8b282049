/* SPDX-License-Identifier: MIT
 *
 * The kernel's log: a ring in memory that keeps the last 64 KiB, and sinks that show
 * lines as they come.
 *
 * Owns: the ring and the table of sinks.
 * Does not: know any device; a driver adds itself.
 * Locking: one lock inside, taken with interrupts off for the length of one line on
 * all sinks (sinks have bounded waits). A CPU that logs while it holds the lock
 * itself (NMI, machine check, a fault inside a sink) goes on without it; lines may
 * then mix, memory stays intact. So every function may be called from any context.
 * Nothing allocates, nothing sleeps.
 * Life: usable from the first C instruction after relocation; what is logged before a
 * sink exists is replayed to it.
 *
 * A line on a sink starts with "[seconds.micros] " once log_set_clock was called,
 * before that with the raw time stamp counter. Errors and warnings say so. Lines are
 * cut at LOG_LINE_BYTES.
 */
#ifndef PLINTH_KERNEL_BASE_LOG_H
#define PLINTH_KERNEL_BASE_LOG_H

#include "kernel/base/types.h"

#define LOG_LINE_BYTES 400
#define LOG_RING_BYTES 65536
#define LOG_SINK_MAX   8

/* LOG_PLAIN is for text that is somebody's output rather than a log line: no prefix, no
 * filter. */
enum log_level { LOG_PLAIN, LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* write() must not log, wait without bound, or touch memory that may fault. level is
 * that of the text, for colours. most is the least urgent level that this sink shows.
 */
struct log_sink {
    const char *name;
    enum log_level most;
    void (*write)(enum log_level level, const char *text, u64 bytes);
};

#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_DEBUG, __VA_ARGS__)

/* One line; the line end is added. */
void log_line(enum log_level level, const char *fmt, ...) PRINTF(2, 3);

/* Text as it is: no prefix, no line end added, at most LOG_LINE_BYTES a call. */
void log_print(const char *fmt, ...) PRINTF(1, 2);

/* The same with the colour and the filter of a level. */
void log_print_at(enum log_level level, const char *fmt, ...) PRINTF(2, 3);

/* Text of any length as it is, to all sinks, not into the ring: an editor's echo. */
void log_echo(const char *text, u64 bytes);

/* Text of any length to the one sink of this name, not into the ring. False: no such
 * sink. */
bool log_echo_to(const char *sink_name, const char *text, u64 bytes);

/* Ends the line that some output has left unfinished, if any. A log line does so by
 * itself. */
void log_fresh_line(void);

/* Adds a sink and replays the ring to it. The struct must stay for ever. False: table
 * full. */
bool log_sink_add(const struct log_sink *sink);

/* Lines above this level go to the ring only. The start value is LOG_INFO. */
void log_set_level(enum log_level level);
enum log_level log_level_now(void);

/* The level called "error", "warn", "info" or "debug" in a text of bytes; false: none.
 */
bool log_level_find(const char *text, u64 bytes, enum log_level *out);

/* From now on lines carry seconds, counted from TSC zero. */
void log_set_clock(u64 hz);

/* Reads one record of the ring, oldest first. *cursor starts at 0 and is moved on;
 * records lost meanwhile are skipped. Returns the text's length and puts it,
 * NUL-terminated and cut to out_bytes - 1, into out; 0 at the end. */
u64 log_read(u64 *cursor, char *out, u64 out_bytes, enum log_level *level);

/* For panic.c: from now on the lock is waited for only a bounded time, and what is
 * logged is the report. */
void log_enter_death(void);

/* For that report: visits the last records from before the death, oldest first, of any
 * level. Takes no lock, skips what is torn, reads nothing but the ring. Only after
 * log_enter_death. */
void log_before_death(u32 most, void (*visit)(enum log_level level, const char *text));

/* For panic.c: if a sink is writing at this moment, it is never used again; its name,
 * or NULL. */
const char *log_drop_active_sink(void);

#endif
