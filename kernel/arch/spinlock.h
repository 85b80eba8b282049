/* SPDX-License-Identifier: MIT
 *
 * A ticket spinlock: first come, first served.
 *
 * A lock that an interrupt handler takes too must be taken with the _irqsave forms
 * everywhere. Taking a lock twice on one CPU, releasing another's, or waiting for
 * minutes is a death with a code (LK-01..03), not a hang. No lock may be held across
 * anything that can fault or block. Needs percpu_init. Not for NMI, machine check or
 * the path of death: those use spin_try_lock.
 */
#ifndef PLINTH_KERNEL_ARCH_SPINLOCK_H
#define PLINTH_KERNEL_ARCH_SPINLOCK_H

#include "kernel/base/types.h"

struct spinlock {
    u32 next;   /* the next ticket to hand out */
    u32 now;    /* the ticket that holds the lock */
    u32 holder; /* index + 1 of the CPU that holds it; 0: free */
    u32 reserved;
    const char *name;
};

#define SPINLOCK_INIT(text) \
    {                       \
        .name = (text)      \
    }

/* Rounds of a pause after which waiting for another CPU is a death. Far beyond any
 * honest wait, also on an emulator that runs other CPUs in turn: 2^32 of them are at
 * least ten seconds anywhere. */
#define SPIN_ROUNDS_MAX ((u64)1 << 32)

void spin_init(struct spinlock *lock, const char *name);

void spin_lock(struct spinlock *lock);
void spin_unlock(struct spinlock *lock);

/* False when somebody holds it, this CPU included. */
MUST_USE bool spin_try_lock(struct spinlock *lock);

/* With interrupts off meanwhile; the result of the first goes to the second. */
MUST_USE u64 spin_lock_irqsave(struct spinlock *lock);
void spin_unlock_irqrestore(struct spinlock *lock, u64 flags);

/* Held by this CPU: for assertions. */
bool spin_is_mine(const struct spinlock *lock);

#endif
