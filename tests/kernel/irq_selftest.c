/* SPDX-License-Identifier: MIT
 *
 * Interrupts of the PIC: those that nobody sent, and that each is ended.
 */
#include "drivers/pic.h"
#include "drivers/pit.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/tsc.h"
#include "tests/kernel/cases.h"

#define TICKS_WANTED 3
#define WAIT_STEPS   10000 /* of a millisecond: only a dead timer waits so long */

/* IRQ 7 and 15 without a request in the controller's service register: counted, not
 * acknowledged. */
void test_spurious_interrupts(struct selftest *t)
{
    u64 before = pic_spurious_count();
    __asm__ volatile("int $0x27" : : : "memory");
    __asm__ volatile("int $0x2F" : : : "memory");
    CHECK_EQUAL(t, pic_spurious_count() - before, 2);
}

/* A line that is never ended comes once and no more, and with it all below it. Between two
 * interrupts none is in service. */
void test_interrupts_end(struct selftest *t)
{
    u64 begun = pit_ticks();
    u16 in_service = 0;
    CHECK(t, irq_is_on());
    for (u32 i = 0; i < WAIT_STEPS && pit_ticks() - begun < TICKS_WANTED; i++) {
        tsc_wait_us(1000);
        in_service = pic_in_service();
        if (in_service != 0)
            break;
    }
    CHECK_MSG(t, in_service == 0,
              "lines %#x of the PIC are still in service, expected none: the end of an "
              "interrupt was never told to it",
              in_service);
    CHECK_MSG(t, pit_ticks() - begun >= TICKS_WANTED,
              "the timer ticked %lu times, expected %u", pit_ticks() - begun, TICKS_WANTED);
}
