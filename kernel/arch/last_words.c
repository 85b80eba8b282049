/* SPDX-License-Identifier: MIT
 *
 * Last words.
 */
#include "kernel/arch/last_words.h"
#include "kernel/arch/instr.h"
#include "kernel/boot/layout.h"

#define UART_LSR      5
#define LSR_THR_EMPTY 0x20
#define LSR_ABSENT    0xFF
#define WAITS_MAX     50000

static bool serial_put(u8 byte)
{
    for (u32 i = 0; i < WAITS_MAX; i++) {
        u8 status = inb(PORT_COM1 + UART_LSR);

        if (status == LSR_ABSENT)
            return false;
        if (status & LSR_THR_EMPTY) {
            outb(PORT_COM1, byte);
            return true;
        }
    }
    return false;
}

void last_words_write(const char *text, u64 bytes)
{
    bool serial = true;

    for (u64 i = 0; i < bytes; i++) {
        outb(PORT_E9, (u8)text[i]);
        if (serial && text[i] == '\n')
            serial = serial_put('\r');
        serial = serial && serial_put((u8)text[i]);
    }
}
