/* SPDX-License-Identifier: MIT
 *
 * Log sink and death hook of the flight recorder.
 */
#include "kernel/recorder_hooks.h"
#include "kernel/arch/instr.h"
#include "kernel/base/codes.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/base/string.h"
#include "kernel/early/boot_recorder.h"
#include "mm/kernel_space.h"

static struct {
    bool muted;
    bool in_exception;
    bool has_exception;
    struct death_spot exception; /* of the first fatal trap */
    u32 typed_bytes;
    char typed[RECORDER_TEXT_BYTES]; /* single characters that wait for company */
} hooks;

static void typed_flush(void)
{
    u32 bytes = hooks.typed_bytes;

    hooks.typed_bytes = 0;
    recorder_log(&boot_recorder, hooks.typed, bytes);
}

/* A text of one character is the echo of a key: a record each would fill the ring with
 * what one line of typing says. They wait until the line ends, which it does before the
 * command runs. Everything longer is written at once, so that a progress mark without a
 * line end is there when the machine stops behind it. */
static void sink_write(enum log_level level, const char *text, u64 bytes)
{
    (void)level;
    if (hooks.muted)
        return;
    if (bytes == 1) {
        hooks.typed[hooks.typed_bytes++] = *text;
        if (*text == '\n' || hooks.typed_bytes == sizeof(hooks.typed))
            typed_flush();
        return;
    }
    if (hooks.typed_bytes != 0)
        typed_flush();
    recorder_log(&boot_recorder, text, (u32)bytes);
}

/* The first of the STOP hooks: before the headline, which may die on its way. */
static void death_write(const struct panic_facts *facts)
{
    struct death_spot spot = {facts->rip, read_cr2(), read_cr3(), facts->rbp};
    char name[CODE_NAME_BYTES];

    if (hooks.has_exception)
        spot = hooks.exception;
    code_name(facts->code, name);
    boot_recorder_death(name, &spot);
}

static const struct log_sink sink = {"recorder", LOG_DEBUG, sink_write};
static const struct panic_hook hook = {"flight recorder", PANIC_STOP, death_write};

void recorder_start(void)
{
    if (boot_recorder.bank == NULL)
        return;
    boot_recorder_move();
    (void)panic_hook_add(&hook);
    (void)log_sink_add(&sink);
}

void recorder_claim(void)
{
    void *window;
    enum status status;

    if (boot_recorder.bank == NULL)
        return;
    status = recorder_map(&window);
    if (status != STATUS_OK)
        log_warn("flight recorder: its mapping is not as it should be (%s)",
                 status_name(status));
}

void recorder_exception(const struct trap_frame *frame)
{
    u64 cr2 = frame->vector == VECTOR_PAGE_FAULT ? frame->cr2 : read_cr2();
    u64 values[] = {frame->vector | frame->error_code << 32,
                    frame->rip,
                    cr2,
                    read_cr3(),
                    frame->rsp,
                    rdtsc()};

    /* Its own mapping is what faults: without it the report can still be made. */
    if (hooks.in_exception) {
        boot_recorder.bank = NULL;
        return;
    }
    hooks.in_exception = true;
    recorder_event(&boot_recorder, RECORD_EXCEPTION, values, ARRAY_COUNT(values));
    hooks.in_exception = false;
    if (!hooks.has_exception)
        hooks.exception = (struct death_spot){frame->rip, cr2, values[3], frame->rsp};
    hooks.has_exception = true;
}

void recorder_end(void)
{
    u64 values[] = {0, rdtsc()};

    recorder_event(&boot_recorder, RECORD_CLEAN, values, ARRAY_COUNT(values));
}

void recorder_mute(bool muted)
{
    hooks.muted = muted;
}
