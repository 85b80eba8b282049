/* SPDX-License-Identifier: MIT
 *
 * The debug port.
 */
#include "drivers/port_e9.h"
#include "kernel/arch/instr.h"
#include "kernel/boot/layout.h"

static void sink_write(enum log_level level, const char *text, u64 bytes)
{
    (void)level;
    for (u64 i = 0; i < bytes; i++)
        outb(PORT_E9, (u8)text[i]);
}

const struct log_sink port_e9_sink = {"e9", LOG_DEBUG, sink_write};

bool port_e9_is_present(void)
{
    return inb(PORT_E9) == PORT_E9;
}
