/* SPDX-License-Identifier: MIT
 *
 * Assertions: documentation that runs. On in the default build; -DPLINTH_NO_ASSERT turns
 * them off without evaluating the expression. A failure dies with AS-01 and names
 * expression, file, line and function. Not for code that runs before relocation.
 */
#ifndef PLINTH_KERNEL_BASE_ASSERT_H
#define PLINTH_KERNEL_BASE_ASSERT_H

#include "kernel/base/types.h"

NORETURN void assert_fail(const char *expression, const char *file, u32 line,
                          const char *function);
NORETURN void assert_fail_message(const char *where, const char *fmt, ...) PRINTF(2, 3);

#define ASSERT_TEXT_(x) #x
#define ASSERT_TEXT(x)  ASSERT_TEXT_(x)

#ifdef PLINTH_NO_ASSERT
#define ASSERT(expression)          ((void)sizeof(!(expression)))
#define ASSERT_MSG(expression, ...) ((void)sizeof(!(expression)))
#else
#define ASSERT(expression)                                                            \
    (__builtin_expect(!!(expression), 1)                                              \
         ? (void)0                                                                    \
         : assert_fail(#expression, __FILE__, __LINE__, __func__))
/* The message, printf-like, should name expected, found and the address with its kind. */
#define ASSERT_MSG(expression, ...)                                                   \
    (__builtin_expect(!!(expression), 1)                                              \
         ? (void)0                                                                    \
         : assert_fail_message(#expression " at " __FILE__ ":"                        \
                               ASSERT_TEXT(__LINE__), __VA_ARGS__))
#endif

#endif
