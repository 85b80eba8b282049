/* SPDX-License-Identifier: MIT
 *
 * The words every file uses: integer types, attributes, small arithmetic helpers. No code.
 */
#ifndef PLINTH_KERNEL_BASE_TYPES_H
#define PLINTH_KERNEL_BASE_TYPES_H

#include <stdarg.h>
#include <stdbool.h>

#include "kernel/boot/wire.h"

#define MUST_USE        __attribute__((warn_unused_result))
#define NORETURN        __attribute__((noreturn))
#define PRINTF(f, a)    __attribute__((format(printf, f, a)))
#define NOINLINE        __attribute__((noinline))
#define ALIGNED(n)      __attribute__((aligned(n)))
#define UNUSED          __attribute__((unused))

#define STATIC_ASSERT(expr, text) _Static_assert(expr, text)
#define ARRAY_COUNT(a)            (sizeof(a) / sizeof((a)[0]))
#define KIB(n)                    ((u64)(n) << 10)
#define MIB(n)                    ((u64)(n) << 20)
#define GIB(n)                    ((u64)(n) << 30)

/* unit must be a power of two */
#define ALIGN_DOWN(x, unit) ((x) & ~((__typeof__(x))(unit) - 1))
#define ALIGN_UP(x, unit)   ALIGN_DOWN((x) + ((__typeof__(x))(unit) - 1), unit)
#define IS_ALIGNED(x, unit) (((x) & ((__typeof__(x))(unit) - 1)) == 0)
#define MIN(a, b)           ((a) < (b) ? (a) : (b))
#define MAX(a, b)           ((a) > (b) ? (a) : (b))

#endif
