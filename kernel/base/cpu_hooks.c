/* SPDX-License-Identifier: MIT
 *
 * The CPU as the lowest layer sees it.
 */
#include "kernel/base/cpu_hooks.h"

static const struct cpu_hooks *hooks_now;

void cpu_hooks_set(const struct cpu_hooks *hooks)
{
    hooks_now = hooks;
}

u64 cpu_irq_save(void)
{
    return hooks_now == NULL ? 0 : hooks_now->irq_save();
}

void cpu_irq_restore(u64 state)
{
    if (hooks_now != NULL)
        hooks_now->irq_restore(state);
}

u32 cpu_index(void)
{
    return hooks_now == NULL ? 0 : hooks_now->index();
}

void cpu_halt(void)
{
    for (;;)
        if (hooks_now != NULL)
            hooks_now->halt();
        else
            __builtin_ia32_pause();
}

void cpu_last_words(const char *text, u64 bytes)
{
    if (hooks_now != NULL)
        hooks_now->last_words(text, bytes);
}

u64 cpu_ticks(void)
{
    return __builtin_ia32_rdtsc();
}
