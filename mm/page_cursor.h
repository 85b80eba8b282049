/* SPDX-License-Identifier: MIT
 *
 * The cursor: the one writer of page tables (pte_install_armed() of the heap's fault
 * apart). It is opened on a range, changes it in one or more steps, and is closed.
 *
 *   open    takes the lock, checks the range
 *   step    looks first: whether the range is as it must be, and how many tables are
 *           needed; takes them all, or fails with nothing changed; then writes, which
 *           cannot fail; the gather object notes what must be flushed
 *   commit  flushes once, then gives away what nobody can reach any more
 *   close   commits, releases the lock
 *
 * An unmap does not write zeros at once. It clears only P, of leaves or of the one
 * entry above a whole table, and the commit comes back after the flush, calls `each`
 * for every leaf, gives tables back and clears the entries. So any number of pages
 * costs one flush and no memory to remember them by. An entry that is neither present
 * nor zero waits for that; nobody sees one but the holder of the lock and walkers, for
 * whom it is a hole.
 *
 * Locking: one lock a space, interrupts off from open to close. If that ever is what
 *          CPUs wait for, open() gets a list of open cursors in the space and waits
 *          only for ranges that overlap its own; a table that two ranges share is then
 *          added by compare-and-exchange and given back under the lock. Nothing outside
 *          these files would change.
 *
 * Cost:    a map or unmap of many pages is some instructions a page, one walk a table.
 */
#ifndef PLINTH_MM_PAGE_CURSOR_H
#define PLINTH_MM_PAGE_CURSOR_H

#include "mm/page_table.h"
#include "mm/tlb.h"

/* Merged tables that may wait for a flush. */
#define CURSOR_DEAD_MAX 8

struct page_cursor {
    struct page_space *space;
    u64 virt, bytes; /* the range */
    u64 allowed;     /* bits that a leaf of this window may have */
    u64 lock_flags;
    /* The lowest table that the range lies in wholly, and its level: where every step
     * starts, but for those that look at the table above. */
    phys_t top;
    u32 top_level;
    bool tables_go; /* empty tables of this window are given back */

    phys_t spare; /* tables taken for this step, chained by their first word */
    u64 spare_count;

    struct tlb_gather gather;
    bool dying;       /* entries without P wait for the flush... */
    bool dying_above; /* ...and the top itself may be one that goes */
    page_leaf_fn each;
    void *context;
    u32 dead_count;
    struct {
        phys_t table;
        pte_t *entry; /* the large leaf that stands for it now */
    } dead[CURSOR_DEAD_MAX];
};

/* STATUS_INVALID: see mm/page_table.h; then nothing is locked and there is no close. */
MUST_USE enum status page_cursor_open(struct page_cursor *cursor,
                                      struct page_space *space, virt_t virt, u64 bytes);
void page_cursor_close(struct page_cursor *cursor);

/* The steps; each works on the whole range, with the results of the functions of
 * mm/page_table.h that are named like them. */
MUST_USE enum status page_cursor_map(struct page_cursor *cursor, phys_t phys, u64 bits);
MUST_USE enum status page_cursor_unmap(struct page_cursor *cursor, page_leaf_fn each,
                                       void *context);
MUST_USE enum status page_cursor_protect(struct page_cursor *cursor, u64 rights);
MUST_USE enum status page_cursor_split(struct page_cursor *cursor, u64 page_bytes);
void page_cursor_merge(struct page_cursor *cursor);

/* Flushes and gives away what has gathered so far. A map behind an unmap does it by
 * itself. */
void page_cursor_commit(struct page_cursor *cursor);

#endif
