/* SPDX-License-Identifier: MIT
 *
 * Last words before the move: straight to COM1, port E9 and VGA text memory through the
 * identity map. Used for nothing but early_die.
 */
#include "kernel/arch/instr.h"
#include "kernel/base/format.h"
#include "kernel/base/string.h"
#include "kernel/boot/layout.h"
#include "kernel/early/boot_recorder.h"
#include "kernel/early/early.h"
#include "kernel/early/handover.h"

#define UART_LSR      5
#define UART_LSR_THRE 0x20
#define UART_WAIT_MAX 100000
#define VGA_COLUMNS   80
#define VGA_ROWS      25
#define VGA_RED       0x4F00

static void serial_put(char c)
{
    for (u32 wait = 0; wait < UART_WAIT_MAX; wait++)
        if (inb(PORT_COM1 + UART_LSR) & UART_LSR_THRE)
            break;
    outb(PORT_COM1, (u8)c);
}

static void ports_put(const char *text)
{
    for (; *text; text++) {
        /* Without a boot_info that can be believed, try: an absent chip reads as ready. */
        if (handover.info.magic != BOOT_INFO_MAGIC || handover.info.serial_present)
            serial_put(*text);
        outb(PORT_E9, (u8)*text);
    }
}

/* The last rows of the screen, so that what the loader said above stays readable. */
static void screen_put(const char *text)
{
    volatile u16 *cell = (volatile u16 *)VGA_TEXT_PHYS + (VGA_ROWS - 3) * VGA_COLUMNS;
    volatile u16 *end = (volatile u16 *)VGA_TEXT_PHYS + VGA_ROWS * VGA_COLUMNS;
    for (; *text && cell < end; text++)
        *cell++ = (u16)(VGA_RED | (u8)*text);
}

NORETURN void early_die(enum early_code code, const char *fmt, ...)
{
    char line[256];
    char name[8];
    struct death_spot spot = {(u64)(uintptr_t)__builtin_return_address(0), read_cr2(),
                              read_cr3(), (u64)(uintptr_t)__builtin_frame_address(0)};
    va_list args;

    format(name, sizeof(name), "EA-%02d", code);
    boot_recorder_death(name, &spot);
    int head = format(line, sizeof(line), "plinth: %s ", name);
    va_start(args, fmt);
    format_va(line + head, sizeof(line) - (u64)head, fmt, args);
    va_end(args);
    screen_put(line);
    ports_put("\r\n");
    ports_put(line);
    ports_put("\r\n");
    for (;;)
        halt_forever();
}
