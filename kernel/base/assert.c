/* SPDX-License-Identifier: MIT
 *
 * Where a failed assertion ends.
 */
#include "kernel/base/assert.h"
#include "kernel/base/format.h"
#include "kernel/base/panic.h"

void assert_fail(const char *expression, const char *file, u32 line,
                 const char *function)
{
    panic_code(CODE_AS_01, "assertion %s failed at %s:%u in %s", expression, file, line,
               function);
}

void assert_fail_message(const char *where, const char *fmt, ...)
{
    char message[160];
    va_list arguments;

    va_start(arguments, fmt);
    format_va(message, sizeof(message), fmt, arguments);
    va_end(arguments);
    panic_code(CODE_AS_01, "assertion %s failed: %s", where, message);
}
