/* SPDX-License-Identifier: MIT
 *
 * Leaving.
 */
#include "kernel/arch/exit.h"
#include "kernel/arch/instr.h"
#include "kernel/boot/layout.h"

#define QEMU_GOOD         0x10
#define QEMU_BAD          0x11

#define PORT_I8042_STATUS 0x64
#define I8042_INPUT_FULL  0x02
#define I8042_PULSE_RESET 0xFE
#define PORT_RESET        0xCF9
#define RESET_HARD        0x02
#define RESET_GO          0x06

#define WAITS_MAX         10000
#define WAITS_LONG        100000

void emulator_exit(bool good)
{
    outb(PORT_QEMU_EXIT, good ? QEMU_GOOD : QEMU_BAD);
    for (const char *at = "Shutdown"; *at != '\0'; at++)
        outb(PORT_BOCHS_SHUTDOWN, (u8)*at);
}

/* Some chips take a moment to pull the line. */
static void wait_for_reset(void)
{
    for (u32 i = 0; i < WAITS_LONG; i++)
        io_delay();
}

void machine_reset(void)
{
    struct table_register none = {0, 0};

    cli();
    for (u32 i = 0; i < WAITS_MAX && (inb(PORT_I8042_STATUS) & I8042_INPUT_FULL); i++)
        io_delay();
    outb(PORT_I8042_STATUS, I8042_PULSE_RESET);
    wait_for_reset();
    outb(PORT_RESET, RESET_HARD);
    io_delay();
    outb(PORT_RESET, RESET_GO);
    wait_for_reset();
    /* A trap without an IDT cannot be delivered, nor can the two that follow from it.
     */
    lidt(&none);
    for (;;)
        __asm__ volatile("int3");
}
