/* SPDX-License-Identifier: MIT
 *
 * The readers: a walk of one address as the CPU does it, and an iteration over all
 * leaves. Nothing that stands in a table is trusted: an entry that points outside RAM
 * ends the walk and says so.
 */
#include "kernel/arch/cpu_features.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/trap_frame.h"
#include "kernel/base/atomic.h"
#include "mm/page_table.h"
#include "mm/ram.h"

/* NULL when the table does not lie in RAM. */
static const u64 *table_if_ram(u64 phys)
{
    if (!ram_contains(phys_make(phys), PAGE_BYTES))
        return NULL;
    return phys_to_ptr(phys_make(phys));
}

static void walk_finish(struct pt_walk *walk, u32 level, u64 entry)
{
    u64 offset_mask = level_bytes(level) - 1;
    walk->end = PT_LEAF;
    walk->leaf_bytes = level_bytes(level);
    walk->phys = pte_phys((pte_t){entry}, level).raw + (walk->virt & offset_mask);
}

void page_table_walk_raw(u64 cr3, u64 virt, struct pt_walk *out)
{
    *out = (struct pt_walk){.cr3 = cr3, .virt = virt, .writable = true, .user = true};
    out->end = PT_NOT_CANONICAL;
    if (!virt_is_canonical(virt_make(virt)))
        return;
    u64 table_phys = cr3 & PTE_FRAME_MASK;
    u64 unaddressable = pte_unaddressable(cpu_phys_bits());
    bool has_1g = cpu_has(FEATURE_PAGE_1G);
    for (u32 level = 4; level >= 1; level--) {
        const u64 *table = table_if_ram(table_phys);
        out->end = PT_BAD_TABLE;
        if (!table)
            return;
        u32 slot = virt_slot(virt_make(virt), level);
        u64 entry = atomic_load_u64(&table[slot]);
        out->level[out->level_count++] = (struct pt_level){table_phys, entry, slot,
                                                           level};
        out->end = PT_NOT_PRESENT;
        if (!(entry & PTE_P))
            return;
        out->end = PT_RESERVED_BIT;
        if (pte_reserved_bits((pte_t){entry}, level, unaddressable, has_1g))
            return;
        out->writable = out->writable && (entry & PTE_W);
        out->user = out->user && (entry & PTE_U);
        out->no_execute = out->no_execute || (entry & PTE_NX);
        if (pte_is_leaf((pte_t){entry}, level)) {
            walk_finish(out, level, entry);
            return;
        }
        table_phys = entry & PTE_FRAME_MASK;
    }
}

bool page_table_permits(u64 cr3, u64 virt, u64 error_code)
{
    struct pt_walk walk;
    page_table_walk_raw(cr3, virt, &walk);
    if (walk.end != PT_LEAF || (error_code & PF_RESERVED))
        return false;
    /* The kernel on a program's page is a matter of SMAP and SMEP, not of stale
     * entries. */
    if (walk.user != !!(error_code & PF_USER))
        return false;
    return (!(error_code & PF_WRITE) || walk.writable) &&
           (!(error_code & PF_FETCH) || !walk.no_execute);
}

enum status page_table_phys_of(virt_t virt, phys_t *out)
{
    struct pt_walk walk;
    page_table_walk_raw(read_cr3(), virt.raw, &walk);
    if (walk.end != PT_LEAF)
        return STATUS_NOT_FOUND;
    *out = phys_make(walk.phys);
    return STATUS_OK;
}

struct iteration {
    u64 first, last;
    pt_leaf_fn each;
    void *context;
};

/* One table and what hangs below it; at most four calls deep. Rights gather on the way
 * down. */
static bool table_for_each(const struct iteration *it, u64 table_phys, u32 level,
                           struct pt_leaf above)
{
    const u64 *table = table_if_ram(table_phys);
    if (!table)
        return true;
    for (u32 slot = 0; slot < TABLE_ENTRIES; slot++) {
        u64 entry = atomic_load_u64(&table[slot]);
        if (entry == 0)
            continue;
        u64 virt = above.virt + slot * level_bytes(level);
        if (level == 4 && slot >= TABLE_ENTRIES / 2)
            virt |= 0xFFFF000000000000;
        if (virt > it->last || virt + (level_bytes(level) - 1) < it->first)
            continue;
        struct pt_leaf here = {
            .virt = virt,
            .entry = entry,
            .level = level,
            .writable = above.writable && (entry & PTE_W),
            .user = above.user && (entry & PTE_U),
            .no_execute = above.no_execute || (entry & PTE_NX),
        };
        bool more = true;
        if (!(entry & PTE_P))
            more = entry != PTE_ARMED || it->each(&here, it->context);
        else if (pte_is_leaf((pte_t){entry}, level))
            more = it->each(&here, it->context);
        else
            more = table_for_each(it, entry & PTE_FRAME_MASK, level - 1, here);
        if (!more)
            return false;
    }
    return true;
}

void page_table_for_each(u64 cr3, u64 first, u64 last, pt_leaf_fn each, void *context)
{
    struct iteration it = {first, last, each, context};
    struct pt_leaf top = {.writable = true, .user = true};
    table_for_each(&it, cr3 & PTE_FRAME_MASK, 4, top);
}
