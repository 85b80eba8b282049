/* SPDX-License-Identifier: MIT
 *
 * Input of the monitor.
 */
#include "kernel/monitor_input.h"
#include "drivers/i8042.h"
#include "drivers/pic.h"
#include "drivers/pit.h"
#include "drivers/serial.h"
#include "kernel/arch/instr.h"
#include "kernel/base/log.h"
#include "kernel/trap.h"

void monitor_input_init(void)
{
    pic_init();
    pit_init();
    irq_set_handler(PIT_IRQ, pit_irq);
    if (i8042_init())
        irq_set_handler(I8042_IRQ, i8042_irq);
    if (serial_is_present()) {
        irq_set_handler(SERIAL_IRQ, serial_irq);
        serial_irq_enable();
    }
    log_info("input: keyboard %s, COM1 %s", i8042_is_present() ? "present" : "absent",
             serial_is_present() ? "present" : "absent");
    sti();
}

char monitor_input_wait(void)
{
    for (;;) {
        int c;

        cli();
        c = serial_poll();
        if (c < 0)
            c = i8042_poll();
        if (c >= 0) {
            sti();
            return (char)c;
        }
        /* One step, so that an interrupt between the look and the sleep ends the sleep.
         */
        sti_hlt();
    }
}
