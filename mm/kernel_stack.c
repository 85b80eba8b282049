/* SPDX-License-Identifier: MIT
 *
 * Giving stacks, taking them back, keeping some.
 */
#include "mm/kernel_stack.h"

#include "kernel/arch/instr.h"
#include "kernel/arch/percpu.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "kernel/base/format.h"
#include "kernel/base/panic.h"
#include "kernel/base/string.h"
#include "mm/kernel_stack_internal.h"
#include "mm/page_table.h"
#include "mm/pmm.h"
#include "mm/ram.h"

STATIC_ASSERT(STACK_GROUP_SLOTS == 64, "one word of bits a group");

struct stacks stacks;

/* --- slots --- */

/* Tables and descriptors for a group's 64 slots, once. Needs the lock. */
static enum status group_prepare(u32 group)
{
    pfn_t descriptors;
    phys_t table;
    if (stacks.group[group])
        return STATUS_OK;
    if (pmm_alloc(0, OWNER_STACK, &descriptors) != STATUS_OK)
        return STATUS_NO_MEMORY;
    virt_t base = virt_make(STACKS_BASE + (u64)group * PAGE_2M_BYTES);
    if (page_table_prepare(&kernel_page_space, base, &table) != STATUS_OK) {
        enum status status = pmm_free(descriptors, 0, OWNER_STACK);
        ASSERT(status == STATUS_OK);
        return STATUS_NO_MEMORY;
    }
    atomic_store_pointer((void **)&stacks.group[group], pfn_to_ptr(descriptors));
    stacks.stats.groups++;
    return STATUS_OK;
}

/* The lowest free slot is taken. Needs the lock. */
static enum status slot_take(u32 *out)
{
    for (u32 group = 0; group < STACK_GROUPS; group++) {
        if (~stacks.taken[group] == 0)
            continue;
        enum status status = group_prepare(group);
        if (status != STATUS_OK)
            return status;
        u32 bit = (u32)__builtin_ctzl(~stacks.taken[group]);
        stacks.taken[group] |= 1UL << bit;
        *out = group * STACK_GROUP_SLOTS + bit;
        return STATUS_OK;
    }
    return STATUS_NO_SPACE;
}

static void slot_release(u32 slot)
{
    u64 flags = spin_lock_irqsave(&stacks.lock);
    stacks.taken[slot / STACK_GROUP_SLOTS] &= ~(1UL << slot % STACK_GROUP_SLOTS);
    stack_slot_of(slot)->state = STACK_FREE;
    spin_unlock_irqrestore(&stacks.lock, flags);
}

/* --- frames --- */

static void frames_free(const pfn_t *frames, u32 count)
{
    for (u32 i = 0; i < count; i++) {
        enum status status = pmm_free(frames[i], 0, OWNER_STACK);
        ASSERT(status == STATUS_OK);
    }
}

/* All frames first: mapping them cannot fail then, for the table is there. */
static enum status stack_map(u32 slot)
{
    pfn_t frames[STACK_PAGES];
    u64 virt = stack_slot_top(slot) - STACK_BYTES;
    for (u32 i = 0; i < STACK_PAGES; i++)
        if (pmm_alloc(0, OWNER_STACK, &frames[i]) != STATUS_OK) {
            frames_free(frames, i);
            return STATUS_NO_MEMORY;
        }
    for (u32 i = 0; i < STACK_PAGES; i++, virt += PAGE_BYTES) {
        enum status status = page_table_map(&kernel_page_space, virt_make(virt),
                                            pfn_to_phys(frames[i]), PAGE_BYTES,
                                            PTE_W | PTE_NX);
        ASSERT_MSG(status == STATUS_OK, "V:%#lx of a free stack slot cannot be mapped",
                   virt);
    }
    return STATUS_OK;
}

static void leaf_free(virt_t virt, phys_t phys, u64 bytes, void *context)
{
    pfn_t frame = phys_to_pfn(phys);
    (void)virt, (void)context;
    ASSERT(bytes == PAGE_BYTES);
    frames_free(&frame, 1);
}

/* Its frames go back after the full flush that page_table_unmap owes this window. */
static void stack_unmap(u32 slot)
{
    virt_t bottom = virt_make(stack_slot_top(slot) - STACK_BYTES);
    enum status status = page_table_unmap(&kernel_page_space, bottom, STACK_BYTES,
                                          leaf_free, NULL);
    ASSERT(status == STATUS_OK);
}

/* --- kept stacks --- */

/* STACK_SLOTS: none. Needs the lock. */
static u32 kept_pop(void)
{
    if (stacks.kept_first == 0)
        return STACK_SLOTS;
    u32 slot = stacks.kept_first - 1;
    stacks.kept_first = stack_slot_of(slot)->next_kept;
    stacks.stats.kept--;
    return slot;
}

/* False: enough are kept. */
static bool kept_push(u32 slot)
{
    u64 flags = spin_lock_irqsave(&stacks.lock);
    bool room = stacks.stats.kept < STACKS_KEPT_MAX;
    if (room) {
        stack_slot_of(slot)->state = STACK_KEPT;
        stack_slot_of(slot)->next_kept = stacks.kept_first;
        stacks.kept_first = slot + 1;
        stacks.stats.kept++;
    }
    spin_unlock_irqrestore(&stacks.lock, flags);
    return room;
}

void kernel_stack_trim(void)
{
    for (;;) {
        u64 flags = spin_lock_irqsave(&stacks.lock);
        u32 slot = kept_pop();
        if (slot != STACK_SLOTS)
            stack_slot_of(slot)->state = STACK_DYING;
        spin_unlock_irqrestore(&stacks.lock, flags);
        if (slot == STACK_SLOTS)
            return;
        stack_unmap(slot);
        slot_release(slot);
    }
}

/* --- alloc --- */

static void slot_open(u32 slot, const char *name, site_t site)
{
    struct stack_slot *descriptor = stack_slot_of(slot);
    ASSERT(name != NULL);
    format(descriptor->name, sizeof(descriptor->name), "%s", name);
    descriptor->alloc_site = site;
    atomic_store_u32(&descriptor->state, STACK_LIVE);
    atomic_fetch_add_u64(&stacks.stats.live, 1);
}

enum status kernel_stack_alloc(const char *name, u64 *top)
{
    u64 flags = spin_lock_irqsave(&stacks.lock);
    enum status status = STATUS_OK;
    u32 slot = kept_pop();
    bool is_mapped = slot != STACK_SLOTS;
    if (!is_mapped)
        status = slot_take(&slot);
    spin_unlock_irqrestore(&stacks.lock, flags);
    if (status != STATUS_OK)
        return status;
    if (!is_mapped && stack_map(slot) != STATUS_OK) {
        slot_release(slot);
        return STATUS_NO_MEMORY;
    }
    slot_open(slot, name, SITE_OF_CALLER());
    *top = stack_slot_top(slot);
    return STATUS_OK;
}

/* --- free --- */

/* This CPU stands on it, or enters it by the next trap. */
static bool is_in_use_here(u64 top)
{
    const struct percpu *cpu = percpu();
    u64 here = (u64)(uintptr_t)__builtin_frame_address(0);
    bool used = top - here <= STACK_BYTES || cpu->stack_top == top ||
                cpu->tss.rsp[0] == top || cpu->death_stack_top == top;
    for (u32 i = 0; i < ARRAY_COUNT(cpu->tss.ist); i++)
        used = used || cpu->tss.ist[i] == top;
    return used;
}

static NORETURN void die_not_live(u64 top, u32 slot)
{
    char alloc[SITE_TEXT_BYTES], freed[SITE_TEXT_BYTES];
    const struct stack_slot *descriptor = slot < STACK_SLOTS ? stack_slot_of(slot)
                                                             : NULL;
    if (!descriptor || descriptor->free_site.raw == 0)
        panic_code(CODE_SO_03,
                   "V:%#lx is freed as the top of a kernel stack, and is none", top);
    panic_code(CODE_SO_03, "%s, V:%#lx, is freed twice: allocated by %s, freed by %s",
               descriptor->name, top, site_text(descriptor->alloc_site, alloc),
               site_text(descriptor->free_site, freed));
}

/* A live stack becomes nobody's, or death. */
static void slot_close(u64 top, site_t site)
{
    char alloc[SITE_TEXT_BYTES];
    u32 slot = stack_slot_find(top), live = STACK_LIVE;
    struct stack_slot *descriptor = slot < STACK_SLOTS ? stack_slot_of(slot) : NULL;
    if (slot < STACK_SLOTS_AT_BOOT)
        panic_code(CODE_SO_03,
                   "%s, V:%#lx, is freed; kernel/early made it, and it stays",
                   stack_early_name(slot), top);
    if (descriptor && descriptor->state == STACK_LIVE && is_in_use_here(top))
        panic_code(CODE_SO_03,
                   "%s, V:%#lx, is freed while CPU %u uses it; allocated by %s",
                   descriptor->name, top, percpu()->index,
                   site_text(descriptor->alloc_site, alloc));
    if (!descriptor ||
        !atomic_compare_exchange_u32(&descriptor->state, &live, STACK_DYING))
        die_not_live(top, slot);
    descriptor->free_site = site;
    atomic_fetch_sub_u64(&stacks.stats.live, 1);
}

void kernel_stack_free(u64 top)
{
    slot_close(top, SITE_OF_CALLER());
    u32 slot = stack_slot_find(top);
    u64 depth = stack_depth(top);
    stack_guard_check(slot);
    u64 flags = spin_lock_irqsave(&stacks.lock);
    stacks.stats.deepest = MAX(stacks.stats.deepest, depth);
    spin_unlock_irqrestore(&stacks.lock, flags);
    memset((void *)(top - depth), 0, depth);
    if (kept_push(slot))
        return;
    stack_unmap(slot);
    slot_release(slot);
}

/* --- life --- */

void kernel_stack_init(void)
{
    spin_init(&stacks.lock, "kernel stacks");
    for (u32 slot = 0; slot < STACK_SLOTS_AT_BOOT; slot++) {
        u32 taken;
        u64 flags = spin_lock_irqsave(&stacks.lock);
        enum status status = slot_take(&taken);
        spin_unlock_irqrestore(&stacks.lock, flags);
        ASSERT_MSG(status == STATUS_OK && taken == slot, "no memory for stack slots");
        slot_open(slot, stack_early_name(slot), SITE_OF_CALLER());
    }
}

void kernel_stack_stats_get(struct kernel_stack_stats *out)
{
    u64 flags = spin_lock_irqsave(&stacks.lock);
    *out = stacks.stats;
    spin_unlock_irqrestore(&stacks.lock, flags);
}
