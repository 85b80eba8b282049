/* SPDX-License-Identifier: MIT
 *
 * The tick.
 */
#include "drivers/pit.h"
#include "kernel/arch/instr.h"
#include "kernel/base/atomic.h"

#define PIT_HZ           1193182
#define PORT_PIT_0       0x40
#define PORT_PIT_COMMAND 0x43
#define PIT_0_MODE_2     0x34 /* channel 0, low then high byte, rate generator, binary */
#define DIVISOR          ((PIT_HZ + PIT_TICK_HZ / 2) / PIT_TICK_HZ)

STATIC_ASSERT(DIVISOR <= 0xFFFF, "the counter has 16 bits");

static u64 ticks;

void pit_init(void)
{
    outb(PORT_PIT_COMMAND, PIT_0_MODE_2);
    outb(PORT_PIT_0, DIVISOR & 0xFF);
    outb(PORT_PIT_0, DIVISOR >> 8);
}

void pit_irq(void)
{
    atomic_store_relaxed_u64(&ticks, ticks + 1);
}

u64 pit_ticks(void)
{
    return atomic_load_relaxed_u64(&ticks);
}
