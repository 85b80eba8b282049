/* SPDX-License-Identifier: MIT
 *
 * The newest refusal.
 */
#include "kernel/base/refusal.h"
#include "kernel/base/cpu_hooks.h"
#include "kernel/base/format.h"

/* Longer ago or farther away on the stack, and it was somebody else's. */
#define TICKS_MAX    100000000
#define DISTANCE_MAX 1024

static struct {
    bool exists;
    enum code code;
    u32 cpu;
    u64 ticks;
    u64 frame;
    char sentence[REFUSAL_BYTES];
} last;

void refusal_note(enum code code, const char *fmt, ...)
{
    va_list arguments;

    va_start(arguments, fmt);
    format_va(last.sentence, sizeof(last.sentence), fmt, arguments);
    va_end(arguments);
    last.code = code;
    last.cpu = cpu_index();
    last.ticks = cpu_ticks();
    last.frame = (u64)(uintptr_t)__builtin_frame_address(0);
    last.exists = true;
}

const char *refusal_find(const void *frame, enum code *code)
{
    u64 distance = (u64)(uintptr_t)frame - last.frame + DISTANCE_MAX;

    if (last.cpu != cpu_index() || distance > 2 * DISTANCE_MAX ||
        cpu_ticks() - last.ticks > TICKS_MAX)
        return NULL;
    return refusal_last(code);
}

const char *refusal_last(enum code *code)
{
    *code = last.code;
    return last.exists ? last.sentence : NULL;
}
