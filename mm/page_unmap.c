/* SPDX-License-Identifier: MIT
 *
 * Unmapping. Marking takes the P out of what dies: a leaf, or the entry of a table of
 * which nothing stays, at the highest level where that is so. Sweeping, after the
 * flush, clears what was marked.
 */
#include "kernel/base/atomic.h"
#include "mm/page_internal.h"

/* True when nothing of the part's table stays once the part, all of it mapped, is gone.
 */
static bool part_is_all(const struct page_cursor *cursor, struct part part)
{
    u64 reach = level_bytes(part.level);
    u64 first = part.virt / reach, last = (part.virt + part.bytes - 1) / reach;
    if (cursor->space->source->children(part.table) != last - first + 1)
        return false;
    /* What the range takes only a part of, at its two ends, must be a table that goes.
     */
    while (part.bytes != 0) {
        u64 step = part_step(&part);
        struct part below = part_below(&part, pte_read(part_entry(&part)), step);
        if (step != reach && !part_is_all(cursor, below))
            return false;
        if (step == reach && part.bytes > reach)
            step = ALIGN_DOWN(part.bytes - 1, reach); /* on to the last */
        part_skip(&part, step);
    }
    return true;
}

/* The kernel's PML4 entries stay whatever happens below them. */
static bool table_dies(const struct page_cursor *cursor, const struct part *part,
                       struct part below, u64 step)
{
    if (!cursor->tables_go || (part->level == 4 && !cursor->space->user))
        return false;
    return step == level_bytes(part->level) || part_is_all(cursor, below);
}

/* The 4 KiB entries of a part; all of them are leaves. */
static void entries_mark(struct page_cursor *cursor, const struct part *part)
{
    pte_t *entry = part_entry(part);
    for (u64 i = 0; i < part->bytes >> PAGE_SHIFT; i++) {
        u64 was = atomic_fetch_and_u64(&entry[i].raw, ~PTE_P);
        if (!cursor->gather.all)
            cursor_gather_leaf(cursor, part->virt + i * PAGE_BYTES, was);
    }
}

static void unmap_mark(struct page_cursor *cursor, struct part part)
{
    if (part.level == 1) {
        entries_mark(cursor, &part);
        return;
    }
    while (part.bytes != 0) {
        u64 step = part_step(&part);
        pte_t *entry = part_entry(&part);
        pte_t was = pte_read(entry);
        if (pte_is_leaf(was, part.level)) {
            atomic_fetch_and_u64(&entry->raw, ~PTE_P);
            cursor_gather_leaf(cursor, part.virt, was.raw);
        } else {
            struct part below = part_below(&part, was, step);
            if (table_dies(cursor, &part, below, step)) {
                atomic_fetch_and_u64(&entry->raw, ~PTE_P);
                tlb_gather_all(&cursor->gather);
            } else {
                unmap_mark(cursor, below);
            }
        }
        part_skip(&part, step);
    }
}

void cursor_table_free(struct page_cursor *cursor, phys_t table)
{
    const struct table_source *source = cursor->space->source;
    children_add(cursor->space, table, -(int)source->children(table));
    source->free(table);
}

/* A table that nothing points to any more, with all below it. */
static void subtree_free(struct page_cursor *cursor, phys_t table, u32 level, u64 virt)
{
    bool look = level > 1 || cursor->each;
    for (u32 slot = 0; look && slot < TABLE_ENTRIES; slot++) {
        pte_t entry = pte_read(&table_at(table)[slot]);
        u64 at = virt + slot * level_bytes(level);
        if (pte_is_table(entry, level))
            subtree_free(cursor, pte_phys(entry, level), level - 1, at);
        else if (entry.raw != 0 && cursor->each)
            cursor->each(virt_make(at), pte_phys(entry, level), level_bytes(level),
                         cursor->context);
    }
    cursor_table_free(cursor, table);
}

static void entries_sweep(struct page_cursor *cursor, const struct part *part)
{
    pte_t *entry = part_entry(part);
    u64 count = part->bytes >> PAGE_SHIFT;
    for (u64 i = 0; i < count; i++) {
        pte_t was = pte_read(&entry[i]);
        atomic_store_u64(&entry[i].raw, 0);
        if (cursor->each)
            cursor->each(virt_make(part->virt + i * PAGE_BYTES), pte_phys(was, 1),
                         PAGE_BYTES, cursor->context);
    }
    children_add(cursor->space, part->table, -(int)count);
}

/* Of a table that stays, what lies in the range has died: its leaves, or tables below.
 */
void cursor_sweep(struct page_cursor *cursor, struct part part)
{
    int gone = 0;
    if (part.level == 1) {
        entries_sweep(cursor, &part);
        return;
    }
    while (part.bytes != 0) {
        u64 step = part_step(&part);
        pte_t *entry = part_entry(&part);
        pte_t was = pte_read(entry);
        if (pte_is_table(was, part.level)) {
            cursor_sweep(cursor, part_below(&part, was, step));
        } else if (was.raw != 0 && !pte_is_present(was)) {
            atomic_store_u64(&entry->raw, 0);
            gone++;
            if (!pte_is_leaf(was, part.level))
                subtree_free(cursor, pte_phys(was, part.level), part.level - 1,
                             ALIGN_DOWN(part.virt, level_bytes(part.level)));
            else if (cursor->each)
                cursor->each(virt_make(part.virt), pte_phys(was, part.level), step,
                             cursor->context);
        }
        part_skip(&part, step);
    }
    children_add(cursor->space, part.table, -gone);
}

enum status page_cursor_unmap(struct page_cursor *cursor, page_leaf_fn each,
                              void *context)
{
    page_cursor_commit(cursor);
    enum status status = cursor_cut_out(cursor);
    if (status != STATUS_OK)
        return status;
    cursor->each = each;
    cursor->context = context;
    cursor->dying = true;
    cursor->dying_above = cursor->tables_go && part_is_all(cursor, cursor_top(cursor));
    unmap_mark(cursor, cursor->dying_above ? cursor_root(cursor) : cursor_top(cursor));
    return STATUS_OK;
}
