/* SPDX-License-Identifier: MIT
 *
 * Atomic operations by name, for u8, u16, u32, u64 and pointers. The one place where
 * memory order is decided: loads acquire, stores release, everything that reads and
 * writes is sequentially consistent; the _relaxed forms order nothing and are for
 * counters and hints.
 *
 * ATOMIC_HOOK runs before each operation. A host program that explores interleavings
 * defines it on its command line; in the kernel it is nothing.
 */
#ifndef PLINTH_KERNEL_BASE_ATOMIC_H
#define PLINTH_KERNEL_BASE_ATOMIC_H

#include "kernel/base/types.h"

#ifndef ATOMIC_HOOK
#define ATOMIC_HOOK(operation, address) ((void)0)
#endif

/* atomic_compare_exchange_T: when *at equals *expected stores desired and returns true;
 * else copies *at to *expected and returns false. Strong: never fails without reason. */
#define ATOMIC_OPERATIONS(T)                                                          \
    static inline T atomic_load_##T(const T *at)                                      \
    {                                                                                 \
        ATOMIC_HOOK("load", at);                                                      \
        return __atomic_load_n(at, __ATOMIC_ACQUIRE);                                 \
    }                                                                                 \
    static inline T atomic_load_relaxed_##T(const T *at)                              \
    {                                                                                 \
        ATOMIC_HOOK("load_relaxed", at);                                              \
        return __atomic_load_n(at, __ATOMIC_RELAXED);                                 \
    }                                                                                 \
    static inline void atomic_store_##T(T *at, T value)                               \
    {                                                                                 \
        ATOMIC_HOOK("store", at);                                                     \
        __atomic_store_n(at, value, __ATOMIC_RELEASE);                                \
    }                                                                                 \
    static inline void atomic_store_relaxed_##T(T *at, T value)                       \
    {                                                                                 \
        ATOMIC_HOOK("store_relaxed", at);                                             \
        __atomic_store_n(at, value, __ATOMIC_RELAXED);                                \
    }                                                                                 \
    static inline T atomic_exchange_##T(T *at, T value)                               \
    {                                                                                 \
        ATOMIC_HOOK("exchange", at);                                                  \
        return __atomic_exchange_n(at, value, __ATOMIC_SEQ_CST);                      \
    }                                                                                 \
    static inline bool atomic_compare_exchange_##T(T *at, T *expected, T desired)     \
    {                                                                                 \
        ATOMIC_HOOK("compare_exchange", at);                                          \
        return __atomic_compare_exchange_n(at, expected, desired, false,              \
                                           __ATOMIC_SEQ_CST, __ATOMIC_ACQUIRE);       \
    }                                                                                 \
    static inline T atomic_fetch_add_##T(T *at, T value)                              \
    {                                                                                 \
        ATOMIC_HOOK("fetch_add", at);                                                 \
        return __atomic_fetch_add(at, value, __ATOMIC_SEQ_CST);                       \
    }                                                                                 \
    static inline T atomic_fetch_sub_##T(T *at, T value)                              \
    {                                                                                 \
        ATOMIC_HOOK("fetch_sub", at);                                                 \
        return __atomic_fetch_sub(at, value, __ATOMIC_SEQ_CST);                       \
    }                                                                                 \
    static inline T atomic_fetch_or_##T(T *at, T bits)                                \
    {                                                                                 \
        ATOMIC_HOOK("fetch_or", at);                                                  \
        return __atomic_fetch_or(at, bits, __ATOMIC_SEQ_CST);                         \
    }                                                                                 \
    static inline T atomic_fetch_and_##T(T *at, T bits)                               \
    {                                                                                 \
        ATOMIC_HOOK("fetch_and", at);                                                 \
        return __atomic_fetch_and(at, bits, __ATOMIC_SEQ_CST);                        \
    }

ATOMIC_OPERATIONS(u8)
ATOMIC_OPERATIONS(u16)
ATOMIC_OPERATIONS(u32)
ATOMIC_OPERATIONS(u64)

#undef ATOMIC_OPERATIONS

/* Adds to a word that nobody else writes at this moment: a counter of this CPU, with
 * interrupts off. Others may read it. One instruction without a lock, where that is
 * possible and no race detector has to follow. */
static inline void atomic_add_own_u64(u64 *at, u64 value)
{
    ATOMIC_HOOK("add_own", at);
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__)
    __asm__("addq %1, %0" : "+m"(*at) : "er"(value));
#else
    __atomic_store_n(at, __atomic_load_n(at, __ATOMIC_RELAXED) + value,
                     __ATOMIC_RELAXED);
#endif
}

static inline void *atomic_load_pointer(void *const *at)
{
    ATOMIC_HOOK("load", at);
    return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static inline void atomic_store_pointer(void **at, void *value)
{
    ATOMIC_HOOK("store", at);
    __atomic_store_n(at, value, __ATOMIC_RELEASE);
}

/* Orders every memory access before it against every one after it, for all observers. */
static inline void atomic_fence(void)
{
    ATOMIC_HOOK("fence", NULL);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Keeps the compiler, not the CPU, from moving memory accesses across. Enough between
 * code and an interrupt on the same CPU. */
static inline void atomic_compiler_fence(void)
{
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

#endif
