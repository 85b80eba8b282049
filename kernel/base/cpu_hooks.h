/* SPDX-License-Identifier: MIT
 *
 * What the lowest layer needs to know of the CPU it runs on, as a table that
 * kernel/arch fills in (percpu_init does). Until then the answers are those of the only
 * CPU with interrupts off.
 */
#ifndef PLINTH_KERNEL_BASE_CPU_HOOKS_H
#define PLINTH_KERNEL_BASE_CPU_HOOKS_H

#include "kernel/base/types.h"

struct cpu_hooks {
    u64 (*irq_save)(void); /* interrupts off; returns what irq_restore wants */
    void (*irq_restore)(u64 state);
    u32 (*index)(void); /* of this CPU */
    void (*halt)(void); /* interrupts off and stop; does not return */
    /* Text to whatever port may have a listener: the last words of a kernel without a
     * sink. */
    void (*last_words)(const char *text, u64 bytes);
};

/* Installs the table. Before any second CPU runs. */
void cpu_hooks_set(const struct cpu_hooks *hooks);

u64 cpu_irq_save(void);
void cpu_irq_restore(u64 state);
u32 cpu_index(void);
NORETURN void cpu_halt(void);
void cpu_last_words(const char *text, u64 bytes);

/* Ticks of the time stamp counter. */
u64 cpu_ticks(void);

#endif
