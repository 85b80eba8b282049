/* SPDX-License-Identifier: MIT
 *
 * Where a failed assertion ends.
 */
#include "kernel/base/assert.h"
#include "kernel/base/format.h"
#include "kernel/base/panic.h"
#include "kernel/base/refusal.h"
#include "kernel/base/string.h"

/* An assertion about a status: what gave it has said more than the number. */
static bool is_about_status(const char *expression)
{
    static const char word[] = "STATUS_";

    for (; *expression != '\0'; expression++)
        if (strncmp(expression, word, sizeof(word) - 1) == 0)
            return true;
    return false;
}

void assert_fail(const char *expression, const char *file, u32 line,
                 const char *function)
{
    enum code code;
    const char *refusal = refusal_find(__builtin_frame_address(0), &code);

    if (refusal != NULL && is_about_status(expression))
        panic_code(code, "%s (%s at %s:%u in %s)", refusal, expression, file, line,
                   function);
    panic_code(CODE_AS_01, "assertion %s failed at %s:%u in %s", expression, file, line,
               function);
}

void assert_fail_message(const char *where, const char *fmt, ...)
{
    char message[160];
    enum code code;
    const char *refusal = refusal_find(__builtin_frame_address(0), &code);
    va_list arguments;

    va_start(arguments, fmt);
    format_va(message, sizeof(message), fmt, arguments);
    va_end(arguments);
    if (refusal != NULL && is_about_status(where))
        panic_code(code, "%s (%s: %s)", refusal, where, message);
    panic_code(CODE_AS_01, "assertion %s failed: %s", where, message);
}
