/* SPDX-License-Identifier: MIT
 *
 * Promises: frames that are kept for page faults which cannot fail. They are counted,
 * not chosen; every one is covered by a clear bit of an open area, never by what lies
 * on a CPU's stack, because a fault on another CPU could not get at that.
 */
#include "kernel/base/panic.h"
#include "mm/pmm_single.h"

enum status pmm_promise(u64 frames)
{
    if (request_fails())
        return STATUS_NO_MEMORY;
    u64 flags = irq_save();
    struct pmm_cpu *cpu = percpu_frames();
    /* What lies on the own stack can be promised once it is put back. */
    bool had = unpromised_take(cpu, frames) ||
               (stack_drain(cpu) && unpromised_take(cpu, frames));
    irq_restore(flags);
    if (!had)
        return STATUS_NO_MEMORY;
    atomic_fetch_add_u64(&pmm.promised, frames);
    return STATUS_OK;
}

void pmm_promise_return(u64 frames)
{
    /* A page fault that loses its race holds somebody's promise for a moment. */
    bool had = false;
    for (u64 tries = 0; !had && tries < SPIN_ROUNDS_MAX; tries++) {
        had = pool_take(&pmm.promised, frames);
        if (!had)
            cpu_pause();
    }
    ASSERT(had);
    atomic_fetch_add_u64(&pmm.unpromised, frames);
}

/* The promise is kept from the own stack where it has a frame: then a frame in the
 * areas is free of it. An empty stack is filled first, so that a fault costs a search
 * of the areas only where all that is free was promised. Writing *out must not fault. */
static bool promised_find(struct pmm_cpu *cpu, pfn_t *out)
{
    if (__builtin_expect(cpu->count == 0, 0))
        stack_fill_open(cpu);
    if (cpu->count != 0) {
        *out = pfn_make(cpu->frames[--cpu->count]);
        atomic_fetch_add_u64(&pmm.unpromised, 1);
        return true;
    }
    return tree_take(cpu, 0, false, out);
}

bool pmm_take_promised(enum frame_owner owner, pfn_t *out)
{
    if (!pool_take(&pmm.promised, 1))
        return false;
    /* The frame exists: open areas hold unpromised + promised free frames. Another CPU
     * may hold a counter for a moment while it fails to find a large block, and may
     * itself be stopped meanwhile, so look again for as long as a lock would wait. */
    pfn_t pfn;
    u64 flags = irq_save();
    struct pmm_cpu *cpu = percpu_frames();
    bool found = promised_find(cpu, &pfn);
    for (u64 tries = 0; !found && tries < SPIN_ROUNDS_MAX; tries++) {
        cpu_pause();
        found = promised_find(cpu, &pfn);
    }
    ASSERT(found);
    struct frame was = single_own(cpu, pfn, owner);
    irq_restore(flags);
    frame_contents(pfn, was, CONTENTS_ZERO);
    *out = pfn;
    return true;
}

enum status pmm_free_to_promise(pfn_t pfn, enum frame_owner owner)
{
    return block_free(pfn, 0, owner, FRAME_ZERO, &pmm.promised);
}
