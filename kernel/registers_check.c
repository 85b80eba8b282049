/* SPDX-License-Identifier: MIT
 *
 * The registers of interrupted code, proven once on the way up: who loses one in a trap
 * would be noticed far away.
 */
#include "kernel/registers_check.h"
#include "kernel/arch/register_trap.h"
#include "kernel/base/panic.h"
#include "kernel/instruction.h"
#include "kernel/trap.h"

/* A byte that no other register has, eight times. */
#define VALUE(number) ((0xA0 + (u64)(number)) * 0x0101010101010101)

static NORETURN void lost(u64 vector, const char *where, u8 number, u64 found)
{
    for (u8 other = 0; other < REGISTER_COUNT; other++)
        if (found == VALUE(other))
            panic_code(CODE_TR_04,
                       "%s %s a trap (vector %lu) as %#lx, expected %#lx: it has the "
                       "value of %s",
                       register_name(number), where, vector, found, VALUE(number),
                       register_name(other));
    panic_code(CODE_TR_04, "%s %s a trap (vector %lu) as %#lx, expected %#lx",
               register_name(number), where, vector, found, VALUE(number));
}

static void vector_check(u64 vector, void (*raise)(struct register_trap *))
{
    static struct trap_expectation e;
    struct register_trap registers;
    u64 saved[REGISTER_COUNT];

    for (u8 number = 0; number < REGISTER_COUNT; number++)
        registers.before[number] = VALUE(number);
    e.vector = vector;
    e.returns = true;
    trap_expectation_arm(&e);
    raise(&registers);
    trap_expect_end(&e);
    trap_registers_take(&e.frame, saved);
    for (u8 number = 0; number < REGISTER_COUNT; number++) {
        if (number == REGISTER_RSP) /* the CPU itself saves it */
            continue;
        if (saved[number] != VALUE(number))
            lost(vector, "stands in the frame of", number, saved[number]);
        if (registers.after[number] != VALUE(number))
            lost(vector, "came back from", number, registers.after[number]);
    }
}

void registers_check(void)
{
    vector_check(VECTOR_BREAKPOINT, register_trap);
    vector_check(VECTOR_DEBUG, register_trap_ist);
}
