/* SPDX-License-Identifier: MIT
 *
 * What is known of kernel stacks: names, depths, and whether all is as it should be.
 */
#include "kernel/base/atomic.h"
#include "kernel/base/panic.h"
#include "mm/kernel_stack_internal.h"
#include "mm/page_table.h"
#include "mm/ram.h"

struct stack_slot *stack_slot_of(u32 slot)
{
    struct stack_slot *group = atomic_load_pointer(
        (void *const *)&stacks.group[slot / STACK_GROUP_SLOTS]);
    return group ? &group[slot % STACK_GROUP_SLOTS] : NULL;
}

u32 stack_slot_find(u64 top)
{
    u64 offset = top - STACKS_BASE;
    if (offset == 0 || offset > STACKS_BYTES || offset % STACK_SLOT_BYTES != 0)
        return STACK_SLOTS;
    return (u32)(offset / STACK_SLOT_BYTES - 1);
}

u64 stack_depth(u64 top)
{
    const u64 *at = (const u64 *)(top - STACK_BYTES), *end = (const u64 *)top;
    while (at < end &&
           (at[0] | at[1] | at[2] | at[3] | at[4] | at[5] | at[6] | at[7]) == 0)
        at += 8;
    while (at < end && *at == 0)
        at++;
    return (u64)(end - at) * sizeof(u64);
}

/* What is dying may lose its pages at any moment. */
u64 kernel_stack_depth(u64 top)
{
    u32 slot = stack_slot_find(top);
    if (slot == STACK_SLOTS || !stack_slot_of(slot))
        return 0;
    u32 state = atomic_load_u32(&stack_slot_of(slot)->state);
    return state == STACK_LIVE || state == STACK_KEPT ? stack_depth(top) : 0;
}

bool kernel_stack_next(u32 *slot, u64 *top, const char **name)
{
    for (; *slot < STACK_SLOTS; ++*slot) {
        const struct stack_slot *at = stack_slot_of(*slot);
        if (!at || at->state != STACK_LIVE)
            continue;
        *top = stack_slot_top(*slot);
        *name = at->name;
        ++*slot;
        return true;
    }
    return false;
}

const char *stack_early_name(u32 slot)
{
    static const char *const names[STACK_SLOTS_AT_BOOT] = {
        [STACK_SLOT_BOOT] = "the kernel stack of CPU 0",
        [STACK_SLOT_DOUBLE_FAULT] = "the #DF stack of CPU 0",
        [STACK_SLOT_NMI] = "the NMI stack of CPU 0",
        [STACK_SLOT_MACHINE_CHECK] = "the #MC stack of CPU 0",
        [STACK_SLOT_DEBUG] = "the #DB stack of CPU 0",
        [STACK_SLOT_DEATH] = "the death stack of CPU 0",
    };
    return names[slot];
}

bool kernel_stack_locate(virt_t address, struct kernel_stack_place *out)
{
    u64 offset = address.raw - STACKS_BASE;
    u32 slot = (u32)(offset / STACK_SLOT_BYTES);
    if (offset >= STACKS_BYTES)
        return false;
    const struct stack_slot *at = stack_slot_of(slot);
    bool is_early = !at && slot < STACK_SLOTS_AT_BOOT;
    if (!is_early && (!at || at->name[0] == 0))
        return false;
    out->state = is_early ? STACK_LIVE : (enum kernel_stack_state)at->state;
    out->name = is_early                   ? stack_early_name(slot)
                : out->state == STACK_LIVE ? at->name
                                           : "a freed kernel stack";
    out->top = stack_slot_top(slot);
    out->bottom = out->top - STACK_BYTES;
    out->in_guard = out->state == STACK_LIVE && address.raw < out->bottom;
    out->bytes_below = out->in_guard ? out->bottom - address.raw : 0;
    return true;
}

bool kernel_stack_descriptors(u32 *group, pfn_t *frame)
{
    for (; *group < STACK_GROUPS; ++*group) {
        u64 at = virt_of(stacks.group[*group]).raw;
        if (at == 0)
            continue;
        *frame = phys_to_pfn(phys_make(at - DIRECT_MAP_BASE));
        ++*group;
        return true;
    }
    return false;
}

/* --- verifying --- */

static bool page_is_mapped(u64 virt)
{
    struct pt_walk walk;
    page_table_walk_raw(kernel_page_space.root.raw, virt, &walk);
    return walk.end == PT_LEAF;
}

void stack_guard_check(u32 slot)
{
    u64 bottom = stack_slot_top(slot) - STACK_BYTES;
    for (u64 virt = bottom - STACK_BYTES; virt < bottom; virt += PAGE_BYTES)
        if (page_is_mapped(virt))
            panic_code(CODE_SO_04, "the guard of %s is mapped at V:%#lx",
                       stack_slot_of(slot)->name, virt);
}

static void slot_verify(u32 slot, const struct stack_slot *at)
{
    u64 top = stack_slot_top(slot);
    bool taken = stacks.taken[slot / STACK_GROUP_SLOTS] >> slot % STACK_GROUP_SLOTS & 1;
    stack_guard_check(slot);
    for (u64 virt = top - STACK_BYTES; virt < top; virt += PAGE_BYTES)
        if (page_is_mapped(virt) != taken)
            panic_code(CODE_SO_04, "V:%#lx of stack slot %u (%s) is %s", virt, slot,
                       at->name, taken ? "not mapped" : "mapped, and nobody's");
    if (taken != (at->state != STACK_FREE))
        panic_code(CODE_SO_04, "stack slot %u is %s, its state is %u", slot,
                   taken ? "taken" : "free", at->state);
    if (at->state == STACK_KEPT && kernel_stack_depth(top) != 0)
        panic_code(
            CODE_SO_04,
            "a freed kernel stack was written to, %lu bytes below its top V:%#lx",
            kernel_stack_depth(top), top);
}

void kernel_stack_verify(void)
{
    u64 live = 0, kept = 0;
    for (u32 slot = 0; slot < STACK_SLOTS; slot++) {
        const struct stack_slot *at = stack_slot_of(slot);
        if (!at)
            continue;
        slot_verify(slot, at);
        live += at->state == STACK_LIVE;
        kept += at->state == STACK_KEPT;
    }
    if (live != stacks.stats.live || kept != stacks.stats.kept)
        panic_code(CODE_SO_04,
                   "%lu stacks live and %lu kept, the counters say %lu, %lu", live,
                   kept, stacks.stats.live, stacks.stats.kept);
}
