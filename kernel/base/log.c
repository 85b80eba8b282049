/* SPDX-License-Identifier: MIT
 *
 * The log: formatting of lines, the lock, the sinks. The ring: kernel/base/log_ring.c.
 */
#include "kernel/base/log.h"
#include "kernel/base/atomic.h"
#include "kernel/base/cpu_hooks.h"
#include "kernel/base/format.h"
#include "kernel/base/log_ring.h"
#include "kernel/base/string.h"

#define DEATH_SPINS 1000000

static struct {
    enum log_level threshold; /* of all sinks */
    u32 owner;                /* index + 1 of the CPU that holds the lock */
    u32 dying;
    bool midline; /* the last text did not end its line: a prompt, a progress mark */
    u64 hz;
    u64 life; /* where the first death's report begins, once dying is set */
    u32 sink_count;
    const struct log_sink *sinks[LOG_SINK_MAX];
    const struct log_sink *active; /* writing now */
} log = {.threshold = LOG_INFO};

/* What log_leave needs to undo log_enter. */
struct section {
    u64 irq;
    bool locked;
};

static struct section log_enter(void)
{
    struct section section = {cpu_irq_save(), false};
    u32 me = cpu_index() + 1;
    u64 spins = 0;

    for (;;) {
        u32 owner = 0;

        if (atomic_compare_exchange_u32(&log.owner, &owner, me)) {
            section.locked = true;
            return section;
        }
        if (owner == me)
            return section;
        if (atomic_load_u32(&log.dying) != 0 && ++spins > DEATH_SPINS)
            return section;
        __builtin_ia32_pause();
    }
}

static void log_leave(struct section section)
{
    if (section.locked)
        atomic_store_u32(&log.owner, 0);
    cpu_irq_restore(section.irq);
}

static void sink_write(const struct log_sink *sink, enum log_level level,
                       const char *text, u64 bytes)
{
    if (level > sink->most || level > log.threshold)
        return;
    log.active = sink;
    sink->write(level, text, bytes);
    log.active = NULL;
}

static void sinks_write(enum log_level level, const char *text, u64 bytes)
{
    log.midline = text[bytes - 1] != '\n';
    if (log.sink_count == 0 && atomic_load_u32(&log.dying) != 0)
        cpu_last_words(text, bytes);
    for (u32 i = 0; i < log.sink_count; i++)
        sink_write(log.sinks[i], level, text, bytes);
}

static const char *level_word(enum log_level level)
{
    return level == LOG_ERROR ? "error: " : level == LOG_WARN ? "warning: " : "";
}

static u64 prefix_format(char *out, u64 out_bytes, enum log_level level)
{
    u64 ticks = cpu_ticks();
    u64 hz = log.hz;
    const char *word = level_word(level);

    if (hz == 0)
        return (u64)format(out, out_bytes, "[t%15lu] %s", ticks, word);
    return (u64)format(out, out_bytes, "[%5lu.%06lu] %s", ticks / hz,
                       ticks % hz * 1000000 / hz, word);
}

static void log_put(enum log_level level, const char *text, u64 bytes)
{
    struct section section;

    if (bytes == 0)
        return;
    section = log_enter();
    log_ring_append(level, text, bytes);
    sinks_write(level, text, bytes);
    log_leave(section);
}

void log_line(enum log_level level, const char *fmt, ...)
{
    char line[LOG_LINE_BYTES];
    u64 used = prefix_format(line, sizeof(line), level);
    va_list arguments;

    log_fresh_line();
    va_start(arguments, fmt);
    used += (u64)format_va(line + used, sizeof(line) - used, fmt, arguments);
    va_end(arguments);
    if (used > sizeof(line) - 2) {
        used = sizeof(line) - 2;
        memcpy(line + used - 3, "...", 3);
    }
    line[used++] = '\n';
    log_put(level, line, used);
}

static PRINTF(2, 0) void print_va(enum log_level level, const char *fmt,
                                  va_list arguments)
{
    char text[LOG_LINE_BYTES];
    u64 used = (u64)format_va(text, sizeof(text), fmt, arguments);

    log_put(level, text, MIN(used, sizeof(text) - 1));
}

void log_print(const char *fmt, ...)
{
    va_list arguments;

    va_start(arguments, fmt);
    print_va(LOG_PLAIN, fmt, arguments);
    va_end(arguments);
}

void log_print_at(enum log_level level, const char *fmt, ...)
{
    va_list arguments;

    va_start(arguments, fmt);
    print_va(level, fmt, arguments);
    va_end(arguments);
}

void log_fresh_line(void)
{
    if (log.midline)
        log_echo("\n", 1);
}

void log_echo(const char *text, u64 bytes)
{
    struct section section;

    if (bytes == 0)
        return;
    section = log_enter();
    sinks_write(LOG_PLAIN, text, bytes);
    log_leave(section);
}

bool log_echo_to(const char *sink_name, const char *text, u64 bytes)
{
    struct section section = log_enter();
    bool found = false;

    for (u32 i = 0; i < log.sink_count; i++) {
        if (strcmp(log.sinks[i]->name, sink_name) == 0) {
            sink_write(log.sinks[i], LOG_PLAIN, text, bytes);
            found = true;
        }
    }
    log_leave(section);
    return found;
}

bool log_sink_add(const struct log_sink *sink)
{
    char text[LOG_LINE_BYTES];
    struct section section = log_enter();
    enum log_level level;
    u64 cursor = 0, bytes;
    bool room = log.sink_count < LOG_SINK_MAX;

    if (room) {
        while ((bytes = log_ring_take(&cursor, text, sizeof(text), &level)) != 0)
            sink_write(sink, level, text, bytes);
        log.sinks[log.sink_count++] = sink;
    }
    log_leave(section);
    return room;
}

void log_set_level(enum log_level level)
{
    log.threshold = level;
}

enum log_level log_level_now(void)
{
    return log.threshold;
}

bool log_level_find(const char *text, u64 bytes, enum log_level *out)
{
    static const struct {
        char name[8];
        enum log_level level;
    } levels[] = {{"error", LOG_ERROR},
                  {"warn", LOG_WARN},
                  {"info", LOG_INFO},
                  {"debug", LOG_DEBUG}};

    for (u32 i = 0; i < ARRAY_COUNT(levels); i++) {
        if (strlen(levels[i].name) == bytes &&
            memcmp(levels[i].name, text, bytes) == 0) {
            *out = levels[i].level;
            return true;
        }
    }
    return false;
}

void log_set_clock(u64 hz)
{
    log.hz = hz;
}

u64 log_read(u64 *cursor, char *out, u64 out_bytes, enum log_level *level)
{
    struct section section;
    u64 bytes;

    if (out_bytes == 0)
        return 0;
    section = log_enter();
    bytes = log_ring_take(cursor, out, out_bytes, level);
    log_leave(section);
    return bytes;
}

void log_enter_death(void)
{
    if (atomic_load_u32(&log.dying) == 0)
        log.life = log_ring_head();
    atomic_store_u32(&log.dying, 1);
}

void log_before_death(u32 most, void (*visit)(enum log_level level, const char *text))
{
    log_ring_visit(log.life, most, visit);
}

const char *log_drop_active_sink(void)
{
    const struct log_sink *sink = log.active;

    if (sink == NULL)
        return NULL;
    log.active = NULL;
    for (u32 i = 0; i < log.sink_count; i++) {
        if (log.sinks[i] == sink) {
            log.sinks[i] = log.sinks[--log.sink_count];
            break;
        }
    }
    return sink->name;
}
