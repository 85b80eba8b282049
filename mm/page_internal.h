/* SPDX-License-Identifier: MIT
 *
 * What the files of mm/page_table share and nobody else needs.
 */
#ifndef PLINTH_MM_PAGE_INTERNAL_H
#define PLINTH_MM_PAGE_INTERNAL_H

#include "mm/page_cursor.h"
#include "mm/ram.h"

/* One table as a recursion meets it: `level` is that of its entries, virt..virt+bytes
 * the part of the range below it. */
struct part {
    phys_t table;
    u32 level;
    u64 virt, bytes;
};

static inline pte_t *table_at(phys_t phys)
{
    return phys_to_ptr(phys);
}

/* How much of the part its first entry decides. */
static inline u64 part_step(const struct part *part)
{
    u64 reach = level_bytes(part->level);
    return MIN(part->bytes, reach - (part->virt & (reach - 1)));
}
static inline pte_t *part_entry(const struct part *part)
{
    return &table_at(part->table)[virt_slot(virt_make(part->virt), part->level)];
}
static inline void part_skip(struct part *part, u64 step)
{
    part->virt += step;
    part->bytes -= step;
}
/* What the first entry, a table, holds of the part. */
static inline struct part part_below(const struct part *part, pte_t entry, u64 step)
{
    return (struct part){pte_phys(entry, part->level), part->level - 1, part->virt,
                         step};
}

/* The whole range: below the lowest table that covers it, or below the root. */
static inline struct part cursor_top(const struct page_cursor *cursor)
{
    return (struct part){cursor->top, cursor->top_level, cursor->virt, cursor->bytes};
}
static inline struct part cursor_root(const struct page_cursor *cursor)
{
    return (struct part){cursor->space->root, 4, cursor->virt, cursor->bytes};
}

/* What an entry for a table says: all rights; leaves restrict. */
static inline u64 table_bits(const struct page_space *space)
{
    return PTE_P | PTE_W | (space->user ? PTE_U : 0);
}

static inline void children_add(const struct page_space *space, phys_t table, int n)
{
    if (space->source->children_add && n != 0)
        space->source->children_add(table, n);
}

/* Rights and type are possible in this window; nothing is writable and executable. */
static inline bool cursor_bits_are_good(const struct page_cursor *cursor, u64 bits)
{
    return (bits & ~cursor->allowed) == 0 && (bits & (PTE_W | PTE_NX)) != PTE_W;
}

/* --- page_cursor.c --- */
/* A cursor that makes tables only, in windows where they stay. */
MUST_USE enum status cursor_open_tables(struct page_cursor *cursor,
                                        struct page_space *space, virt_t virt);
/* Takes so many tables for the step, or none. */
MUST_USE enum status cursor_reserve(struct page_cursor *cursor, u64 tables);
phys_t cursor_spare_take(struct page_cursor *cursor);
/* Notes that the translation of a leaf has to go. */
void cursor_gather_leaf(struct page_cursor *cursor, u64 virt, u64 bits);

/* --- page_change.c --- */
/* The start of a step on what is mapped: looks for holes, STATUS_NOT_FOUND, and splits
 * the leaves that reach over the range's ends. Failing, it has split nothing. */
MUST_USE enum status cursor_cut_out(struct page_cursor *cursor);

/* --- page_unmap.c --- */
/* After the flush: leaves to `each`, tables to their source, zeros to the entries. */
void cursor_sweep(struct page_cursor *cursor, struct part part);
/* Gives a table back; its entries do not count any more. */
void cursor_table_free(struct page_cursor *cursor, phys_t table);

#endif
