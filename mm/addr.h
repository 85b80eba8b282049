/* SPDX-License-Identifier: MIT
 *
 * Kinds of address. Each is a struct of one member, so that the compiler refuses to mix
 * them; at -O1 and above they cost nothing. `.raw` is opened here and in mm/pte.h,
 * elsewhere it is a smell.
 *
 *   phys_t  a physical address          virt_t  a kernel virtual address
 *   pfn_t   a frame number              user_t  what a program alleges to be an address
 *
 * Address + bytes = address, address - address = bytes. No physical address becomes a
 * pointer except by phys_to_ptr() of mm/ram.h, which asserts that it is RAM.
 */
#ifndef PLINTH_MM_ADDR_H
#define PLINTH_MM_ADDR_H

#include "kernel/base/types.h"
#include "kernel/boot/layout.h"

typedef struct {
    u64 raw;
} phys_t;
typedef struct {
    u64 raw;
} virt_t;
typedef struct {
    u64 raw;
} pfn_t;
typedef struct {
    u64 raw;
} user_t;

static inline phys_t phys_make(u64 raw)
{
    return (phys_t){raw};
}
static inline virt_t virt_make(u64 raw)
{
    return (virt_t){raw};
}
static inline pfn_t pfn_make(u64 raw)
{
    return (pfn_t){raw};
}

static inline phys_t phys_add(phys_t phys, u64 bytes)
{
    return (phys_t){phys.raw + bytes};
}
static inline virt_t virt_add(virt_t virt, u64 bytes)
{
    return (virt_t){virt.raw + bytes};
}
static inline pfn_t pfn_add(pfn_t pfn, u64 frames)
{
    return (pfn_t){pfn.raw + frames};
}

static inline pfn_t phys_to_pfn(phys_t phys)
{
    return (pfn_t){phys.raw >> PAGE_SHIFT};
}
static inline phys_t pfn_to_phys(pfn_t pfn)
{
    return (phys_t){pfn.raw << PAGE_SHIFT};
}

static inline virt_t virt_of(const volatile void *pointer)
{
    return (virt_t){(u64)(uintptr_t)pointer};
}
static inline void *virt_to_ptr(virt_t virt)
{
    return (void *)(uintptr_t)virt.raw;
}

/* Half-open ranges. The constructor of callers' choice must have refused wrap:
 * phys_range_ok(). */
struct phys_range {
    phys_t base;
    u64 bytes;
};
static inline bool phys_range_ok(phys_t base, u64 bytes)
{
    return bytes != 0 && base.raw + bytes > base.raw;
}

/* Bits 63..47 all equal (SDM vol. 1, 3.3.7.1); four levels, so 48 bits. */
static inline bool virt_is_canonical(virt_t virt)
{
    u64 top = virt.raw >> 47;
    return top == 0 || top == 0x1FFFF;
}
static inline u32 virt_slot(virt_t virt, u32 level)
{
    return (u32)(virt.raw >> (PAGE_SHIFT + 9 * (level - 1))) & (TABLE_ENTRIES - 1);
}

#endif
