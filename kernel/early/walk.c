/* SPDX-License-Identifier: MIT
 *
 * Reading page tables with the CPU's eyes.
 */
#include "kernel/early/walk.h"

#include "kernel/arch/instr.h"
#include "kernel/base/format.h"
#include "kernel/early/early.h"
#include "kernel/early/handover.h"
#include "mm/pte.h"

static bool nxe_is_on(void)
{
    return (rdmsr(MSR_EFER) & EFER_NXE) != 0;
}

static u64 reserved_bits(u32 level, u64 entry)
{
    return pte_reserved_bits((pte_t){entry}, level,
                             pte_unaddressable(early_phys_bits()),
                             early_has_1g_pages()) |
           (nxe_is_on() ? 0 : entry & PTE_NX);
}

/* Tables are reached through the identity map; before the map of memory is clean, that
 * is all one can ask. */
static bool is_table(u64 phys)
{
    return phys < BOOT_MAP_END - PAGE_BYTES &&
           (handover.map.count == 0 ||
            memmap_covers(&handover.map, phys, PAGE_BYTES, E820_USABLE));
}

const char *early_walk_table(u32 index)
{
    static const char names[4][5] = {"PML4", "PDPT", "PD", "PT"};

    return names[MIN(index, 3u)];
}

void early_walk(u64 root, u64 virt, struct early_walk *out)
{
    u64 table = root & PTE_FRAME_MASK;

    *out = (struct early_walk){.virt = virt, .end = WALK_NOT_CANONICAL};
    if (!virt_is_canonical(virt_make(virt)))
        return;
    for (u32 level = 4; level >= 1; level--) {
        u32 slot = virt_slot(virt_make(virt), level);
        u64 entry;

        out->end = WALK_BAD_TABLE;
        if (!is_table(table))
            return;
        entry = ((const u64 *)table)[slot];
        out->slot[out->count] = slot;
        out->entry[out->count++] = entry;
        out->end = WALK_ABSENT;
        if (!(entry & PTE_P))
            return;
        out->reserved = reserved_bits(level, entry);
        out->end = WALK_RESERVED;
        if (out->reserved != 0)
            return;
        if (pte_is_leaf((pte_t){entry}, level)) {
            out->end = WALK_LEAF;
            out->phys = pte_phys((pte_t){entry}, level).raw +
                        (virt & (level_bytes(level) - 1));
            return;
        }
        table = entry & PTE_FRAME_MASK;
    }
}

/* "PML4[511]" */
static int entry_name(const struct early_walk *walk, u32 index,
                      char out[WALK_TEXT_BYTES])
{
    return format(out, WALK_TEXT_BYTES, "%s[%u]", early_walk_table(index),
                  walk->slot[index]);
}

static void end_explain(const struct early_walk *walk, char out[WALK_TEXT_BYTES])
{
    u32 last = walk->count == 0 ? 0 : walk->count - 1;
    int used = walk->count == 0 ? 0 : entry_name(walk, last, out);
    u64 room = WALK_TEXT_BYTES - (u64)used;
    u64 entry = walk->entry[last];

    if (walk->end == WALK_NOT_CANONICAL)
        format(out, WALK_TEXT_BYTES, "the address is not canonical");
    else if (walk->count == 0)
        format(out, WALK_TEXT_BYTES, "CR3 points to no RAM");
    else if (walk->end == WALK_ABSENT)
        format(out + used, room, " is not present");
    else if (walk->end == WALK_BAD_TABLE)
        format(out + used, room, " points to a table at P:%#lx, which is not RAM",
               entry & PTE_FRAME_MASK);
    else if (walk->reserved == PTE_NX)
        format(out + used, room,
               " has reserved bit 63 set: it means no-execute only when EFER.NXE is "
               "set, and it is clear");
    else
        format(out + used, room, " has reserved bits set (%#lx): rubbish, or not zero",
               walk->reserved);
}

/* "no-execute" or "not writable" at the first level that says so. */
static bool right_is_missing(const struct early_walk *walk, u32 want, u32 *entry,
                             char out[WALK_TEXT_BYTES])
{
    for (u32 i = 0; i < walk->count; i++) {
        bool no_execute = want == WANT_EXECUTE && (walk->entry[i] & PTE_NX);
        bool read_only = want == WANT_WRITE && !(walk->entry[i] & PTE_W);
        int used;

        if (!no_execute && !read_only)
            continue;
        *entry = i;
        used = entry_name(walk, i, out);
        format(out + used, WALK_TEXT_BYTES - (u64)used, " is %s%s",
               no_execute ? "no-execute" : "not writable",
               i + 1 < walk->count ? ", and with it all that it leads to" : "");
        return true;
    }
    return false;
}

bool early_walk_refuses(const struct early_walk *walk, u32 want, u32 *entry,
                        char out[WALK_TEXT_BYTES])
{
    out[0] = '\0';
    *entry = walk->count == 0 ? 0 : walk->count - 1;
    if (walk->end == WALK_LEAF)
        return right_is_missing(walk, want, entry, out);
    end_explain(walk, out);
    return true;
}

bool early_is_mapped(u64 virt, u64 bytes)
{
    struct early_walk first, last;

    early_walk(read_cr3(), virt, &first);
    early_walk(read_cr3(), virt + bytes - 1, &last);
    return first.end == WALK_LEAF && last.end == WALK_LEAF;
}
