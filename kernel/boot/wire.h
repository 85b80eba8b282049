/* SPDX-License-Identifier: MIT
 *
 * Fixed-width integers for structures that leave one program and enter another. Freestanding
 * headers only; kernel/base/types.h builds on this.
 */
#ifndef PLINTH_KERNEL_BOOT_WIRE_H
#define PLINTH_KERNEL_BOOT_WIRE_H

#include <stdint.h>
#include <stddef.h>

typedef uint8_t  u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#endif
