/* SPDX-License-Identifier: MIT
 *
 * Counting the children of tables: once for those that early code built, and again
 * whenever somebody wants to be sure.
 */
#include "kernel/base/panic.h"
#include "mm/page_internal.h"

static u32 table_count(phys_t table)
{
    u32 count = 0;
    for (u32 slot = 0; slot < TABLE_ENTRIES; slot++)
        count += pte_read(&table_at(table)[slot]).raw != 0;
    return count;
}

/* The upper half of a program's PML4 is the kernel's. */
static bool is_shared(const struct page_space *space, u32 level, u32 slot)
{
    return level == 4 && (slot >= TABLE_ENTRIES / 2) == space->user;
}

static bool four_are_large(const pte_t *entry)
{
    u64 all = entry[0].raw & entry[1].raw & entry[2].raw & entry[3].raw;
    return (all & (PTE_P | PTE_PS)) == (PTE_P | PTE_PS);
}

/* For a table and all below it, each in one pass; answers how many. Nobody writes yet,
 * so plain loads do; and the tables of a large direct map are full of large leaves, so
 * four entries are looked at together first. */
static u64 table_adopt(const struct page_space *space, phys_t table, u32 level)
{
    const pte_t *entry = table_at(table);
    u64 tables = 1;
    u32 count = level == 1 ? table_count(table) : 0;
    for (u32 slot = 0, end; level > 1 && slot < TABLE_ENTRIES; slot = end) {
        end = slot + 4;
        if (four_are_large(&entry[slot])) {
            count += 4;
            continue;
        }
        for (; slot < end; slot++) {
            count += entry[slot].raw != 0;
            if (pte_is_table(entry[slot], level) && !is_shared(space, level, slot))
                tables += table_adopt(space, pte_phys(entry[slot], level), level - 1);
        }
    }
    children_add(space, table, (int)count - space->source->children(table));
    return tables;
}

u64 page_table_adopt(struct page_space *space)
{
    return table_adopt(space, space->root, 4);
}

static void table_check(const struct page_space *space, phys_t table, u32 level)
{
    u32 noted = space->source->children(table), counted = table_count(table);
    if (noted != counted)
        panic_code(CODE_PT_01,
                   "the table at P:%#lx, level %u, has %u entries, its frame says %u",
                   table.raw, level, counted, noted);
    for (u32 slot = 0; slot < TABLE_ENTRIES; slot++) {
        u64 entry = pte_read(&table_at(table)[slot]).raw;
        if (entry != 0 && !(entry & PTE_P) && entry != PTE_ARMED)
            panic_code(CODE_PT_01,
                       "entry %u of the table at P:%#lx, level %u, is %#lx: neither "
                       "present nor 0 nor armed",
                       slot, table.raw, level, entry);
    }
}

/* Checks a table and every one below it; answers how many. */
static u64 tables_check(const struct page_space *space, phys_t table, u32 level)
{
    u64 count = 1;
    table_check(space, table, level);
    for (u32 slot = 0; level > 1 && slot < TABLE_ENTRIES; slot++) {
        pte_t entry = pte_read(&table_at(table)[slot]);
        if (pte_is_table(entry, level) && !is_shared(space, level, slot))
            count += tables_check(space, pte_phys(entry, level), level - 1);
    }
    return count;
}

u64 page_table_verify(struct page_space *space)
{
    return tables_check(space, space->root, 4);
}
