/* SPDX-License-Identifier: MIT
 *
 * The ticket lock.
 */
#include "kernel/arch/spinlock.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/percpu.h"
#include "kernel/base/atomic.h"
#include "kernel/base/panic.h"

static const char *name_of(const struct spinlock *lock)
{
    return lock->name == NULL ? "without a name" : lock->name;
}

void spin_init(struct spinlock *lock, const char *name)
{
    *lock = (struct spinlock)SPINLOCK_INIT(name);
}

bool spin_is_mine(const struct spinlock *lock)
{
    return atomic_load_relaxed_u32(&lock->holder) == percpu()->index + 1;
}

static void wait_for(struct spinlock *lock, u32 ticket)
{
    u64 rounds = 0;

    while (atomic_load_u32(&lock->now) != ticket) {
        if (++rounds == SPIN_ROUNDS_MAX)
            panic_code(CODE_LK_03, "lock %s at V:%p held by CPU %d for far too long",
                       name_of(lock), (void *)lock, (int)lock->holder - 1);
        cpu_pause();
    }
}

void spin_lock(struct spinlock *lock)
{
    u32 ticket;

    if (spin_is_mine(lock))
        panic_code(CODE_LK_01, "lock %s at V:%p taken twice by CPU %u", name_of(lock),
                   (void *)lock, percpu()->index);
    ticket = atomic_fetch_add_u32(&lock->next, 1);
    wait_for(lock, ticket);
    atomic_store_relaxed_u32(&lock->holder, percpu()->index + 1);
}

bool spin_try_lock(struct spinlock *lock)
{
    u32 ticket = atomic_load_u32(&lock->now);
    u32 expected = ticket;

    if (!atomic_compare_exchange_u32(&lock->next, &expected, ticket + 1))
        return false;
    atomic_store_relaxed_u32(&lock->holder, percpu()->index + 1);
    return true;
}

void spin_unlock(struct spinlock *lock)
{
    if (!spin_is_mine(lock))
        panic_code(CODE_LK_02, "lock %s at V:%p released by CPU %u, holder is CPU %d",
                   name_of(lock), (void *)lock, percpu()->index, (int)lock->holder - 1);
    atomic_store_relaxed_u32(&lock->holder, 0);
    atomic_store_u32(&lock->now, lock->now + 1);
}

u64 spin_lock_irqsave(struct spinlock *lock)
{
    u64 flags = irq_save();

    spin_lock(lock);
    return flags;
}

void spin_unlock_irqrestore(struct spinlock *lock, u64 flags)
{
    spin_unlock(lock);
    irq_restore(flags);
}
