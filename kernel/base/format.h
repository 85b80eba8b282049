/* SPDX-License-Identifier: MIT
 *
 * Text formatting into a buffer of known size.
 *
 * Conversions: %c %s %d %i %u %x %X %o %p %%; flags - 0 + space #; width and precision
 * as number or *; lengths hh h l ll z t j. %p prints 0x and 16 hex digits. There is no
 * floating point (the kernel has no such registers) and no %n. A conversion outside
 * this list is copied as it stands and takes no argument. A null %s prints (null).
 *
 * Always NUL-terminates when out_bytes is not zero; never writes past out_bytes. The
 * work is bounded by out_bytes and the arguments: a width of a billion costs nothing.
 * No lock, no memory, no tables of pointers: any context, before relocation, on the
 * host.
 */
#ifndef PLINTH_KERNEL_BASE_FORMAT_H
#define PLINTH_KERNEL_BASE_FORMAT_H

#include "kernel/base/types.h"

/* Returns the length the whole text would have had, without the NUL, at most INT_MAX;
 * the text was cut when that is not below out_bytes. out may be NULL when out_bytes is
 * 0. */
int format(char *out, u64 out_bytes, const char *fmt, ...) PRINTF(3, 4);
int format_va(char *out, u64 out_bytes, const char *fmt, va_list arguments)
    PRINTF(3, 0);

#endif
