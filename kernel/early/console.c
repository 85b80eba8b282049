/* SPDX-License-Identifier: MIT
 *
 * Last words before the move: straight to COM1, port E9 and VGA text memory through the
 * identity map. Used for nothing but deaths.
 */
#include "kernel/arch/exit.h"
#include "kernel/arch/instr.h"
#include "kernel/base/config.h"
#include "kernel/base/format.h"
#include "kernel/base/string.h"
#include "kernel/boot/layout.h"
#include "kernel/early/boot_recorder.h"
#include "kernel/early/early.h"
#include "kernel/early/handover.h"

#define UART_LSR          5
#define UART_LSR_THRE     0x20
#define UART_WAIT_MAX     100000
#define VGA_COLUMNS       80
#define VGA_ROWS          25
#define VGA_RED           0x4F00
#define SHORT_ROW         (VGA_ROWS - 4)
#define LONG_ROW          2

#define EARLY_PRINT_BYTES 256

static struct {
    u32 row, column;
} screen;

static void serial_put(char c)
{
    for (u32 wait = 0; wait < UART_WAIT_MAX; wait++)
        if (inb(PORT_COM1 + UART_LSR) & UART_LSR_THRE)
            break;
    outb(PORT_COM1, (u8)c);
}

static void port_put(char c)
{
    /* Without a boot_info that can be believed, try: an absent chip reads as ready. */
    if (handover.info.magic != BOOT_INFO_MAGIC || handover.info.serial_present)
        serial_put(c);
    outb(PORT_E9, (u8)c);
}

/* One character to the screen, white on red; a line that ends blanks the rest of its
 * row. */
static void screen_put(char c)
{
    volatile u16 *cells = (volatile u16 *)VGA_TEXT_PHYS;

    if (screen.row >= VGA_ROWS)
        return;
    if (c != '\n')
        cells[screen.row * VGA_COLUMNS + screen.column++] = (u16)(VGA_RED | (u8)c);
    while (c == '\n' && screen.column < VGA_COLUMNS)
        cells[screen.row * VGA_COLUMNS + screen.column++] = (u16)(VGA_RED | ' ');
    if (screen.column == VGA_COLUMNS) {
        screen.row++;
        screen.column = 0;
    }
}

static void text_put(const char *text)
{
    for (; *text != '\0'; text++) {
        screen_put(*text);
        if (*text == '\n')
            port_put('\r');
        port_put(*text);
    }
}

void early_print(const char *fmt, ...)
{
    char line[EARLY_PRINT_BYTES];
    va_list args;

    va_start(args, fmt);
    format_va(line, sizeof(line), fmt, args);
    va_end(args);
    text_put(line);
}

void early_death_begin(enum early_code code, const struct death_spot *spot,
                       const char *sentence)
{
    char name[8];

    format(name, sizeof(name), "EA-%02d", code);
    boot_recorder_death(name, spot);
    /* What the loader said above stays readable as far as there is room. */
    screen.row = code >= EA_PAGE_FAULT && code <= EA_INTERRUPT ? LONG_ROW : SHORT_ROW;
    screen.column = 0;
    port_put('\r');
    port_put('\n');
    text_put("plinth: ");
    text_put(name);
    text_put(" ");
    text_put(sentence);
    text_put("\n");
}

/* Before boot_info was believed there is no configuration to ask. */
NORETURN void early_leave(void)
{
    if (handover.info.magic == BOOT_INFO_MAGIC && config_flag(handover.config, "exit"))
        emulator_exit(false);
    for (;;)
        halt_forever();
}

NORETURN void early_death_end(enum early_code code)
{
    early_print("  explained in docs/errors/EA-%02d.md\n", code);
    early_leave();
}

NORETURN void early_die(enum early_code code, const char *fmt, ...)
{
    char sentence[EARLY_PRINT_BYTES];
    struct death_spot spot = {(u64)(uintptr_t)__builtin_return_address(0), read_cr2(),
                              read_cr3(), (u64)(uintptr_t)__builtin_frame_address(0)};
    va_list args;

    va_start(args, fmt);
    format_va(sentence, sizeof(sentence), fmt, args);
    va_end(args);
    early_death_begin(code, &spot, sentence);
    early_death_end(code);
}

NORETURN void early_die_plain(const char *text)
{
    screen.row = SHORT_ROW;
    screen.column = 0;
    text_put(text);
    for (;;)
        halt_forever();
}
