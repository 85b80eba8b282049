/* SPDX-License-Identifier: MIT
 *
 * Merging small pages into large ones. The large leaf says the same as the table in
 * whose place it comes, so that it does not matter which of the two a CPU uses until
 * the flush; the table is given away after it.
 */
#include "kernel/base/atomic.h"
#include "mm/page_internal.h"

/* The leaf of `level` that the table's 512 entries could be; 0 when they could not. Its
 * A and D are collected after the flush, when they are final. */
static pte_t merged_leaf(phys_t table, u32 level)
{
    const pte_t *entry = table_at(table);
    pte_t first = pte_read(&entry[0]);
    u64 phys = pte_phys(first, level - 1).raw;
    if (!pte_is_present(first) || !pte_is_leaf(first, level - 1) ||
        !IS_ALIGNED(phys, level_bytes(level)))
        return (pte_t){0};
    u64 expected = first.raw, step = level_bytes(level - 1);
    for (u32 i = 0; i < TABLE_ENTRIES; i++, expected += step)
        if ((pte_read(&entry[i]).raw ^ expected) & ~PTE_USED)
            return (pte_t){0};
    return pte_leaf_make(phys_make(phys), pte_leaf_bits(first, level - 1), level);
}

static void entry_merge(struct page_cursor *cursor, pte_t *entry, u32 level)
{
    phys_t table = pte_phys(pte_read(entry), level);
    pte_t leaf = merged_leaf(table, level);
    if (leaf.raw == 0)
        return;
    if (cursor->dead_count == CURSOR_DEAD_MAX)
        page_cursor_commit(cursor);
    atomic_exchange_u64(&entry->raw, leaf.raw);
    cursor->dead[cursor->dead_count].table = table;
    cursor->dead[cursor->dead_count++].entry = entry;
    tlb_gather_all(&cursor->gather);
}

static void merge_up(struct page_cursor *cursor, struct part part)
{
    u32 largest = cursor->space->has_1g_pages ? 3 : 2;
    while (part.bytes != 0) {
        u64 step = part_step(&part);
        pte_t *entry = part_entry(&part);
        pte_t is = pte_read(entry);
        if (pte_is_table(is, part.level) && part.level > 1) {
            if (part.level > 2)
                merge_up(cursor, part_below(&part, is, step));
            /* Leaves merged just now may get A or D from their old table until then. */
            if (part.level > 2)
                page_cursor_commit(cursor);
            if (part.level <= largest && step == level_bytes(part.level))
                entry_merge(cursor, entry, part.level);
        }
        part_skip(&part, step);
    }
}

void page_cursor_merge(struct page_cursor *cursor)
{
    page_cursor_commit(cursor);
    if (cursor->tables_go)
        merge_up(cursor, cursor_root(cursor));
}
