/* SPDX-License-Identifier: MIT
 *
 * Changing what is mapped: smaller pages, and rights. An entry that the CPU may be
 * using changes by compare-and-exchange, so that an A or D set meanwhile is seen. A
 * table put in place of a leaf says the same as the leaf, so that it does not matter
 * which of the two a CPU uses until the flush.
 */
#include "kernel/base/atomic.h"
#include "mm/page_internal.h"

/* --- split --- */

/* One leaf into a table of 512 that map the same. */
static void entry_split(struct page_cursor *cursor, pte_t *entry, u32 level)
{
    phys_t frame = cursor_spare_take(cursor);
    pte_t *table = table_at(frame);
    pte_t was = pte_read(entry);
    do {
        u64 bits = pte_leaf_bits(was, level);
        phys_t phys = pte_phys(was, level);
        pte_t leaf = pte_leaf_make(phys, bits, level - 1);
        for (u32 i = 0; i < TABLE_ENTRIES; i++, leaf.raw += level_bytes(level - 1))
            table[i] = leaf;
    } while (!atomic_compare_exchange_u64(&entry->raw, &was.raw,
                                          frame.raw | table_bits(cursor->space)));
    children_add(cursor->space, frame, TABLE_ENTRIES);
    tlb_gather_all(&cursor->gather);
}

/* Tables it takes to split a leaf of this level so that virt and virt + bytes, within
 * it, become borders. */
static u64 tables_to_cut(u64 virt, u64 bytes, u32 level)
{
    if (bytes == level_bytes(level))
        return 0;
    struct part part = {.level = level - 1, .virt = virt, .bytes = bytes};
    u64 head = part_step(&part);
    u64 tail = (virt + bytes) & (level_bytes(level - 1) - 1);
    u64 count = 1 + tables_to_cut(virt, head, level - 1);
    if (head != bytes && tail != 0)
        count += tables_to_cut(virt + bytes - tail, tail, level - 1);
    return count;
}

/* --- the range, cut out of what is mapped --- */

/* No hole then: only the count has to be looked at. */
static NOINLINE bool table_is_full(const struct page_cursor *cursor, phys_t table)
{
    return cursor->space->source->children &&
           cursor->space->source->children(table) == TABLE_ENTRIES;
}

/* The 4 KiB entries of a part. */
static inline bool entries_are_mapped(const struct page_cursor *cursor,
                                      const struct part *part, const pte_t *entry)
{
    u64 all = PTE_P, count = part->bytes >> PAGE_SHIFT;
    if (count >= TABLE_ENTRIES / 4 && table_is_full(cursor, part->table))
        return true;
    for (u64 i = 0; i < count; i++)
        all &= pte_read(&entry[i]).raw;
    return all != 0;
}

/* STATUS_OK when all of the part is mapped; adds to *tables what it takes to split the
 * leaves that reach over its ends. */
static enum status survey(const struct page_cursor *cursor, struct part part,
                          u64 *tables)
{
    enum status status = STATUS_OK;
    if (part.level == 1)
        return entries_are_mapped(cursor, &part, part_entry(&part)) ? STATUS_OK
                                                                    : STATUS_NOT_FOUND;
    while (part.bytes != 0 && status == STATUS_OK) {
        u64 step = part_step(&part);
        pte_t entry = pte_read(part_entry(&part));
        if (!pte_is_present(entry))
            status = STATUS_NOT_FOUND;
        else if (pte_is_leaf(entry, part.level))
            *tables += tables_to_cut(part.virt, step, part.level);
        else
            status = survey(cursor, part_below(&part, entry, step), tables);
        part_skip(&part, step);
    }
    return status;
}

/* Splits the leaves that reach over the part's ends; the tables are reserved. */
static void cut(struct page_cursor *cursor, struct part part)
{
    while (part.bytes != 0) {
        u64 step = part_step(&part);
        pte_t *entry = part_entry(&part);
        if (step != level_bytes(part.level)) {
            if (pte_is_leaf(pte_read(entry), part.level))
                entry_split(cursor, entry, part.level);
            cut(cursor, part_below(&part, pte_read(entry), step));
        }
        part_skip(&part, step);
    }
}

enum status cursor_cut_out(struct page_cursor *cursor)
{
    u64 tables = 0;
    enum status status = survey(cursor, cursor_top(cursor), &tables);
    if (status != STATUS_OK || tables == 0)
        return status;
    status = cursor_reserve(cursor, tables);
    if (status == STATUS_OK)
        cut(cursor, cursor_top(cursor));
    return status;
}

/* --- pages of one size --- */

/* Tables it takes to bring what is below one leaf of `level` down to `target`. */
static u64 tables_to_split(u64 virt, u64 bytes, u32 level, u32 target)
{
    u64 count = 1;
    if (level - 1 > target) {
        u64 reach = level_bytes(level - 1);
        count += (virt + bytes - 1) / reach - virt / reach + 1;
    }
    return count;
}

static u64 split_survey(struct part part, u32 target)
{
    u64 tables = 0;
    while (part.bytes != 0) {
        u64 step = part_step(&part);
        pte_t entry = pte_read(part_entry(&part));
        if (pte_is_table(entry, part.level) && part.level - 1 > target)
            tables += split_survey(part_below(&part, entry, step), target);
        else if (part.level > target && pte_is_present(entry) &&
                 pte_is_leaf(entry, part.level))
            tables += tables_to_split(part.virt, step, part.level, target);
        part_skip(&part, step);
    }
    return tables;
}

static void split_down(struct page_cursor *cursor, struct part part, u32 target)
{
    while (part.bytes != 0) {
        u64 step = part_step(&part);
        pte_t *entry = part_entry(&part);
        pte_t is = pte_read(entry);
        if (pte_is_present(is) && pte_is_leaf(is, part.level))
            entry_split(cursor, entry, part.level);
        is = pte_read(entry);
        if (pte_is_present(is) && part.level - 1 > target)
            split_down(cursor, part_below(&part, is, step), target);
        part_skip(&part, step);
    }
}

enum status page_cursor_split(struct page_cursor *cursor, u64 page_bytes)
{
    if (page_bytes != PAGE_BYTES && page_bytes != PAGE_2M_BYTES)
        return STATUS_INVALID;
    u32 target = page_bytes == PAGE_BYTES ? 1 : 2;
    page_cursor_commit(cursor);
    if (cursor->top_level <= target)
        return STATUS_OK;
    enum status status = cursor_reserve(cursor,
                                        split_survey(cursor_top(cursor), target));
    if (status == STATUS_OK)
        split_down(cursor, cursor_top(cursor), target);
    return status;
}

/* --- protect --- */

static u64 widenings;

u64 page_table_widenings(void)
{
    return atomic_load_u64(&widenings);
}

static void entry_protect(struct page_cursor *cursor, pte_t *entry, u64 virt,
                          u64 rights)
{
    pte_t was = pte_read(entry);
    while (!atomic_compare_exchange_u64(&entry->raw, &was.raw,
                                        (was.raw & ~PTE_RIGHTS) | rights))
        continue;
    /* NX takes a right away, the others give one. */
    u64 lost = (was.raw ^ PTE_NX) & ~(rights ^ PTE_NX) & PTE_RIGHTS;
    if (lost == 0)
        atomic_fetch_add_u64(&widenings, 1);
    else if (!cursor->gather.all)
        cursor_gather_leaf(cursor, virt, was.raw);
}

static void entries_protect(struct page_cursor *cursor, const struct part *part,
                            pte_t *entry, u64 rights)
{
    u64 virt = part->virt, end = virt + part->bytes;
    for (; virt != end; virt += PAGE_BYTES)
        entry_protect(cursor, entry++, virt, rights);
}

static void protect_set(struct page_cursor *cursor, struct part part, u64 rights)
{
    while (part.bytes != 0) {
        u64 step = part_step(&part);
        pte_t *entry = part_entry(&part);
        pte_t was = pte_read(entry);
        struct part below = part_below(&part, was, step);
        if (pte_is_leaf(was, part.level))
            entry_protect(cursor, entry, part.virt, rights);
        else if (below.level == 1)
            entries_protect(cursor, &below, part_entry(&below), rights);
        else
            protect_set(cursor, below, rights);
        part_skip(&part, step);
    }
}

/* The range lies in one table, as most do: one look at it, one pass. */
static enum status protect_in_table(struct page_cursor *cursor, u64 rights)
{
    struct part part = cursor_top(cursor);
    pte_t *entry = part_entry(&part);
    if (!entries_are_mapped(cursor, &part, entry))
        return STATUS_NOT_FOUND;
    entries_protect(cursor, &part, entry, rights);
    return STATUS_OK;
}

enum status page_cursor_protect(struct page_cursor *cursor, u64 rights)
{
    if ((rights & ~PTE_RIGHTS) || !cursor_bits_are_good(cursor, rights))
        return STATUS_INVALID;
    page_cursor_commit(cursor);
    if (cursor->top_level == 1)
        return protect_in_table(cursor, rights);
    enum status status = cursor_cut_out(cursor);
    if (status == STATUS_OK)
        protect_set(cursor, cursor_top(cursor), rights);
    return status;
}
