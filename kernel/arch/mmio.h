/* SPDX-License-Identifier: MIT
 *
 * Device registers: one load or store of exactly the width that the name says.
 *
 * What mmio_map gives is a volatile pointer, but a compiler may still split, join or
 * widen what looks like an ordinary access, and devices mind. Each function here is one
 * instruction, and a barrier to the compiler.
 *
 * Order (SDM vol. 3A, 8.2 and 11.3): uncached accesses (UC, UC-) reach the device one
 * by one as the program says, so registers need nothing more. Write-combining memory
 * (WC) waits in buffers: mmio_write_barrier() before a register is told that it is
 * there. A write is only known to have arrived when a read of the same device has
 * answered.
 */
#ifndef PLINTH_KERNEL_ARCH_MMIO_H
#define PLINTH_KERNEL_ARCH_MMIO_H

#include "kernel/base/types.h"

#define MMIO_ACCESS(T, suffix, constraint)                        \
    static inline T mmio_read_##T(const volatile void *at)        \
    {                                                             \
        T value;                                                  \
        __asm__ volatile("mov" suffix " %1, %0"                   \
                         : constraint(value)                      \
                         : "m"(*(const volatile T *)at)           \
                         : "memory");                             \
        return value;                                             \
    }                                                             \
    static inline void mmio_write_##T(volatile void *at, T value) \
    {                                                             \
        __asm__ volatile("mov" suffix " %1, %0"                   \
                         : "=m"(*(volatile T *)at)                \
                         : "r"(value)                             \
                         : "memory");                             \
    }

MMIO_ACCESS(u8, "b", "=q")
MMIO_ACCESS(u16, "w", "=r")
MMIO_ACCESS(u32, "l", "=r")
MMIO_ACCESS(u64, "q", "=r")

#undef MMIO_ACCESS

/* Every write before it, those that are being combined too, goes before every one
 * after. */
static inline void mmio_write_barrier(void)
{
    __asm__ volatile("sfence" : : : "memory");
}

/* The same for reads and writes. */
static inline void mmio_barrier(void)
{
    __asm__ volatile("mfence" : : : "memory");
}

#endif
