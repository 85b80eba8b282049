/* SPDX-License-Identifier: MIT
 *
 * Mapping: a survey, in which the range must turn out empty and the tables are counted,
 * then the entries, with the largest pages that fit.
 */
#include "kernel/base/atomic.h"
#include "mm/page_internal.h"

static bool leaf_fits(const struct page_space *space, u64 phys, u64 step, u32 level)
{
    return level == 1 || (level <= (space->has_1g_pages ? 3u : 2u) &&
                          step == level_bytes(level) && IS_ALIGNED(phys, step));
}

/* Tables that bytes at virt need below an empty entry of this level. */
static u64 tables_below(const struct page_space *space, u64 virt, u64 phys, u64 bytes,
                        u32 level)
{
    if (leaf_fits(space, phys, bytes, level))
        return 0;
    u64 count = 1;
    while (level > 2 && bytes != 0) {
        struct part part = {.level = level - 1, .virt = virt, .bytes = bytes};
        u64 step = part_step(&part);
        count += tables_below(space, virt, phys, step, level - 1);
        virt += step, phys += step, bytes -= step;
    }
    return count;
}

/* The 4 KiB entries of a part; true when there is nothing in them. */
static bool entries_are_empty(const struct part *part)
{
    const pte_t *entry = part_entry(part);
    u64 any = 0;
    for (u64 i = 0; i < part->bytes >> PAGE_SHIFT; i++)
        any |= pte_read(&entry[i]).raw;
    return any == 0;
}

/* STATUS_OK when nothing is in the range; *tables is what mapping phys there takes. */
static enum status map_survey(const struct page_cursor *cursor, struct part part,
                              u64 phys, u64 *tables)
{
    if (part.level == 1)
        return entries_are_empty(&part) ? STATUS_OK : STATUS_EXISTS;
    while (part.bytes != 0) {
        u64 step = part_step(&part);
        pte_t entry = pte_read(part_entry(&part));
        enum status status = STATUS_OK;
        if (entry.raw == 0)
            *tables += tables_below(cursor->space, part.virt, phys, step, part.level);
        else if (pte_is_table(entry, part.level))
            status = map_survey(cursor, part_below(&part, entry, step), phys, tables);
        else
            status = STATUS_EXISTS;
        if (status != STATUS_OK)
            return status;
        phys += step;
        part_skip(&part, step);
    }
    return STATUS_OK;
}

static void entries_fill(const struct part *part, u64 phys, u64 bits)
{
    pte_t *entry = part_entry(part);
    for (u64 i = 0; i < part->bytes >> PAGE_SHIFT; i++)
        atomic_store_u64(&entry[i].raw, (phys + i * PAGE_BYTES) | bits);
}

/* An empty table may stand where a large page would fit: the leaves go into it then. */
static void map_fill(struct page_cursor *cursor, struct part part, u64 phys, u64 bits)
{
    int added = 0;
    if (part.level == 1) {
        entries_fill(&part, phys, bits);
        children_add(cursor->space, part.table, (int)(part.bytes >> PAGE_SHIFT));
        return;
    }
    while (part.bytes != 0) {
        u64 step = part_step(&part);
        pte_t *entry = part_entry(&part);
        pte_t was = pte_read(entry);
        if (was.raw == 0) {
            bool leaf = leaf_fits(cursor->space, phys, step, part.level);
            if (leaf)
                was = pte_leaf_make(phys_make(phys), bits, part.level);
            else
                was = pte_make(cursor_spare_take(cursor), table_bits(cursor->space));
            /* The kernel's PML4 entries are frozen: programs have copies of them. */
            ASSERT(part.level != 4 || part.virt < USER_END);
            atomic_store_u64(&entry->raw, was.raw);
            added++;
        }
        if (pte_is_table(was, part.level))
            map_fill(cursor, part_below(&part, was, step), phys, bits);
        phys += step;
        part_skip(&part, step);
    }
    children_add(cursor->space, part.table, added);
}

enum status page_cursor_map(struct page_cursor *cursor, phys_t phys, u64 bits)
{
    if (!IS_ALIGNED(phys.raw, PAGE_BYTES) || !phys_range_ok(phys, cursor->bytes) ||
        ((phys.raw + cursor->bytes - 1) & ~(PTE_FRAME_MASK | (PAGE_BYTES - 1))) ||
        !cursor_bits_are_good(cursor, bits))
        return STATUS_INVALID;
    /* What an unmap before this one took may still be cached. */
    page_cursor_commit(cursor);
    u64 tables = 0;
    enum status status = map_survey(cursor, cursor_top(cursor), phys.raw, &tables);
    if (status == STATUS_OK)
        status = cursor_reserve(cursor, tables);
    if (status != STATUS_OK)
        return status;
    bits |= cursor->space->user ? PTE_P : PTE_P | PTE_USED;
    map_fill(cursor, cursor_top(cursor), phys.raw, bits);
    return STATUS_OK;
}
