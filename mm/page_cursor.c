/* SPDX-License-Identifier: MIT
 *
 * Opening and closing, what a window allows, and the tables a step needs.
 */
#include "kernel/arch/instr.h"
#include "kernel/base/atomic.h"
#include "mm/page_internal.h"
#include "mm/page_ops.h"

/* The windows in which the cursor writes, what a leaf there may say (U for programs
 * only; no G where leaves are of one space), and what else is special in them. The ones
 * that change most come first. */
#define WINDOW_USER      1 /* of programs */
#define WINDOW_TABLES_GO 2 /* tables that become empty are given back */
#define WINDOW_ARMED     4 /* the heap's: only its tables are made here */
#define LEAF_BITS        (PTE_W | PTE_NX | PTE_CACHE)

static const struct window {
    u64 base, bytes, bits;
    u32 flags;
} windows[] = {
    {NULL_GUARD_BYTES, USER_END - NULL_GUARD_BYTES, LEAF_BITS | PTE_U,
     WINDOW_USER | WINDOW_TABLES_GO},
    {APERTURE_BASE, APERTURE_BYTES, LEAF_BITS | PTE_G, WINDOW_TABLES_GO},
    {STACKS_BASE, STACKS_BYTES, LEAF_BITS, 0},
    {MODULES_BASE, MODULES_BYTES, LEAF_BITS | PTE_G, WINDOW_TABLES_GO},
    {FRAME_TABLE_BASE, FRAME_TABLE_BYTES, LEAF_BITS | PTE_G, 0},
    {HEAP_BASE, HEAP_BYTES, 0, WINDOW_ARMED},
};

/* NULL unless all of the range lies in one. Being in a window makes a range canonical.
 */
static const struct window *window_find(bool user, u64 virt, u64 bytes)
{
    if (bytes == 0 || !IS_ALIGNED(virt | bytes, PAGE_BYTES))
        return NULL;
    u32 side = user ? WINDOW_USER : 0;
    for (const struct window *window = windows; window < windows + ARRAY_COUNT(windows);
         window++) {
        u64 offset = virt - window->base;
        if (offset < window->bytes && bytes <= window->bytes - offset &&
            (window->flags & WINDOW_USER) == side)
            return window;
    }
    return NULL;
}

/* Goes down as long as one table holds all of the range: as long as its first and its
 * last page differ in no bit that chooses the entry. */
static void cursor_descend(struct page_cursor *cursor)
{
    u64 virt = cursor->virt, differ = virt ^ (virt + cursor->bytes - 1);
    phys_t table = cursor->space->root;
    u32 level = 4;
    for (; level > 1 && differ < level_bytes(level); level--) {
        pte_t entry = pte_read(&table_at(table)[virt_slot(virt_make(virt), level)]);
        if (!pte_is_table(entry, level))
            break;
        table = phys_make(entry.raw & PTE_FRAME_MASK);
    }
    cursor->top = table;
    cursor->top_level = level;
}

static void cursor_start(struct page_cursor *cursor, struct page_space *space,
                         virt_t virt, u64 bytes, const struct window *window)
{
    cursor->space = space;
    cursor->virt = virt.raw;
    cursor->bytes = bytes;
    cursor->allowed = window->bits;
    cursor->tables_go = (window->flags & WINDOW_TABLES_GO) &&
                        space->source->children != NULL;
    cursor->spare_count = 0;
    cursor->dying = false;
    cursor->dead_count = 0;
    tlb_gather_init(&cursor->gather);
    cursor->lock_flags = spin_lock_irqsave(&space->lock);
    cursor_descend(cursor);
}

enum status page_cursor_open(struct page_cursor *cursor, struct page_space *space,
                             virt_t virt, u64 bytes)
{
    const struct window *window = window_find(space->user, virt.raw, bytes);
    if (!window || (window->flags & WINDOW_ARMED))
        return STATUS_INVALID;
    cursor_start(cursor, space, virt, bytes, window);
    return STATUS_OK;
}

/* For making tables only: where they stay. */
enum status cursor_open_tables(struct page_cursor *cursor, struct page_space *space,
                               virt_t virt)
{
    const struct window *window = window_find(space->user,
                                              ALIGN_DOWN(virt.raw, PAGE_BYTES),
                                              PAGE_BYTES);
    if (!window || (window->flags & WINDOW_TABLES_GO))
        return STATUS_INVALID;
    virt.raw = ALIGN_DOWN(virt.raw, PAGE_BYTES);
    cursor_start(cursor, space, virt, PAGE_BYTES, window);
    return STATUS_OK;
}

/* The CPU may have noted a use in a small leaf up to the flush: the large one that took
 * its place must not forget it. */
static void dead_table_end(struct page_cursor *cursor, u32 index)
{
    const pte_t *table = table_at(cursor->dead[index].table);
    u64 used = 0;
    for (u32 i = 0; i < TABLE_ENTRIES; i++)
        used |= pte_read(&table[i]).raw & PTE_USED;
    atomic_fetch_or_u64(&cursor->dead[index].entry->raw, used);
    cursor_table_free(cursor, cursor->dead[index].table);
}

/* After the flush: what was taken from the tables goes to whom it belongs. */
static NOINLINE void cursor_give_away(struct page_cursor *cursor)
{
    if (cursor->dying)
        cursor_sweep(cursor,
                     cursor->dying_above ? cursor_root(cursor) : cursor_top(cursor));
    for (u32 i = 0; i < cursor->dead_count; i++)
        dead_table_end(cursor, i);
    /* The top may have gone. */
    if (cursor->dead_count != 0 || (cursor->dying && cursor->dying_above))
        cursor_descend(cursor);
    cursor->dying = false;
    cursor->dead_count = 0;
}

static NOINLINE void cursor_flush(struct page_cursor *cursor)
{
    tlb_gather_flush(&cursor->gather);
    if (cursor->dying || cursor->dead_count != 0)
        cursor_give_away(cursor);
}

/* Whatever waits, waits for a flush: no entry dies and no table is merged without one.
 */
void page_cursor_commit(struct page_cursor *cursor)
{
    if (cursor->gather.all || cursor->gather.count != 0)
        cursor_flush(cursor);
}

void page_cursor_close(struct page_cursor *cursor)
{
    page_cursor_commit(cursor);
    ASSERT(cursor->spare_count == 0 && !cursor->dying && cursor->dead_count == 0);
    spin_unlock_irqrestore(&cursor->space->lock, cursor->lock_flags);
}

void cursor_gather_leaf(struct page_cursor *cursor, u64 virt, u64 bits)
{
    /* INVLPG reaches a leaf that is not GLOBAL in the current PCID only. A program's
     * leaf is of one PCID; a kernel leaf may have been used in all of them. */
    bool here = bits & PTE_G || (cursor->space->user && (read_cr3() & PTE_FRAME_MASK) ==
                                                            cursor->space->root.raw);
    if (here)
        tlb_gather_page(&cursor->gather, virt_make(virt));
    else
        tlb_gather_all(&cursor->gather);
}

/* --- tables for a step --- */

static void spares_return(struct page_cursor *cursor)
{
    while (cursor->spare_count != 0)
        cursor->space->source->free(cursor_spare_take(cursor));
}

phys_t cursor_spare_take(struct page_cursor *cursor)
{
    ASSERT(cursor->spare_count != 0);
    phys_t frame = cursor->spare;
    u64 *first = phys_to_ptr(frame);
    cursor->spare_count--;
    cursor->spare = phys_make(*first);
    *first = 0;
    return frame;
}

enum status cursor_reserve(struct page_cursor *cursor, u64 tables)
{
    while (cursor->spare_count < tables) {
        phys_t frame;
        enum status status = cursor->space->source->alloc(&frame);
        if (status != STATUS_OK) {
            spares_return(cursor);
            return status;
        }
        /* Rubbish in a table is 512 mappings to anywhere. */
        ASSERT_MSG(page_is_zero(phys_to_ptr(frame)),
                   "frame P:%#lx, given for a table, is not zero", frame.raw);
        *(u64 *)phys_to_ptr(frame) = cursor->spare_count ? cursor->spare.raw : 0;
        cursor->spare = frame;
        cursor->spare_count++;
    }
    return STATUS_OK;
}
