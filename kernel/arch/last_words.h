/* SPDX-License-Identifier: MIT
 *
 * Output without a driver: COM1 as the loader left it, and port E9h. For a death so
 * early that no driver has looked at its device yet.
 */
#ifndef PLINTH_KERNEL_ARCH_LAST_WORDS_H
#define PLINTH_KERNEL_ARCH_LAST_WORDS_H

#include "kernel/base/types.h"

/* Every wait is bounded; without a chip at COM1 its part ends after one. Any context.
 */
void last_words_write(const char *text, u64 bytes);

#endif
