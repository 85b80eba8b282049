/* SPDX-License-Identifier: MIT
 *
 * Dying in good order, and dying while dying.
 */
#include "kernel/base/panic.h"
#include "kernel/base/atomic.h"
#include "kernel/base/cpu_hooks.h"
#include "kernel/base/format.h"
#include "kernel/base/log.h"
#include "kernel/base/string.h"

#define SENTENCE_BYTES 256
#define DEPTH_MAX      (LOG_SINK_MAX + 4)

static struct {
    u32 depth;
    u32 cpu; /* index + 1 of the CPU that dies */
    u32 hook_count;
    const struct panic_hook *hooks[PANIC_HOOK_MAX];
    struct panic_facts facts; /* of the first death */
    char sentence[SENTENCE_BYTES];
} panic;

bool panic_hook_add(const struct panic_hook *hook)
{
    if (panic.hook_count == PANIC_HOOK_MAX)
        return false;
    panic.hooks[panic.hook_count++] = hook;
    return true;
}

u32 panic_depth(void)
{
    return atomic_load_u32(&panic.depth);
}

static void hooks_run(enum panic_stage stage)
{
    for (u32 i = 0; i < panic.hook_count; i++)
        if (panic.hooks[i]->stage == stage)
            panic.hooks[i]->run(&panic.facts);
}

static void headline_print(enum code code, const char *sentence)
{
    char name[CODE_NAME_BYTES];

    code_name(code, name);
    log_fresh_line();
    log_print_at(LOG_ERROR, "plinth: %s %s\n", name, sentence);
}

/* A further death on this CPU, inside the report of the first. sink: who was writing,
 * or NULL. */
static NORETURN void die_again(enum code code, const char *sentence, const char *sink)
{
    char name[CODE_NAME_BYTES], again[CODE_NAME_BYTES];

    code_name(code, name);
    code_name(CODE_PN_02, again);
    headline_print(panic.facts.code, panic.sentence);
    log_print_at(LOG_ERROR, "plinth: %s died again while %s %s: %s %s\n", again,
                 sink == NULL ? "reporting" : "writing to",
                 sink == NULL ? "the death above" : sink,
                 code == CODE_PN_02 ? "by" : name, sentence);
    log_print("  explained in docs/errors/%s.md\n", again);
    panic_leave();
}

void panic_enter(enum code code, const char *sentence)
{
    u32 me = cpu_index() + 1, nobody = 0, depth;

    if (!atomic_compare_exchange_u32(&panic.cpu, &nobody, me) && nobody != me)
        cpu_halt();
    (void)cpu_irq_save();
    depth = atomic_fetch_add_u32(&panic.depth, 1) + 1;
    if (depth > DEPTH_MAX)
        cpu_halt();
    log_enter_death();
    if (depth > 1) {
        const char *sink = log_drop_active_sink();

        /* Each dropped sink is a reason to try once more with the others. */
        if (depth == 2 || sink != NULL)
            die_again(code, sentence, sink);
        panic_leave();
    }
    panic.facts.code = code;
    format(panic.sentence, sizeof(panic.sentence), "%s", sentence);
    panic.facts.sentence = panic.sentence;
    hooks_run(PANIC_STOP);
    headline_print(code, panic.sentence);
}

void panic_leave(void)
{
    hooks_run(PANIC_END);
    cpu_halt();
}

void panic_code(enum code code, const char *fmt, ...)
{
    char sentence[SENTENCE_BYTES];
    va_list arguments;

    va_start(arguments, fmt);
    format_va(sentence, sizeof(sentence), fmt, arguments);
    va_end(arguments);
    if (panic_depth() == 0) {
        panic.facts.rip = (u64)(uintptr_t)__builtin_return_address(0);
        panic.facts.rbp = *(const u64 *)__builtin_frame_address(0);
    }
    panic_enter(code, sentence);
    hooks_run(PANIC_DETAIL);
    panic_leave();
}
