/* SPDX-License-Identifier: MIT
 *
 * Zeroing and copying whole pages, by the routine that was the quickest when the
 * machine started. General registers only.
 *
 * Owns:    the four choices: zero and copy, for warm memory that is about to be used
 *          and for cold memory that nobody will look at soon.
 * Life:    works from the start with plain stores; page_ops_calibrate chooses once.
 * Locking: none; the choices are made before a second CPU runs.
 * Context: any. What was stored past the cache is ordered before the function returns.
 */
#ifndef PLINTH_MM_PAGE_OPS_H
#define PLINTH_MM_PAGE_OPS_H

#include "kernel/base/types.h"
#include "kernel/boot/layout.h"

enum page_op { PAGE_ZERO, PAGE_COPY, PAGE_OP_COUNT };
enum page_warmth { PAGE_WARM, PAGE_COLD, PAGE_WARMTH_COUNT };

/* Ways to do it; a row of the calibration's table each. */
enum page_way { WAY_STORES, WAY_REP_WORDS, WAY_REP_BYTES, WAY_PAST_CACHE, WAY_COUNT };

/* Whole, aligned pages; bytes is their number of bytes. Copies do not overlap. The two
 * copies are for copy-on-write, which comes with programs; until then their callers are
 * self-tests and the calibration, which measures them for the report at boot. */
void page_zero(void *at, u64 bytes);
void page_zero_cold(void *at, u64 bytes);
void page_copy(void *to, const void *from, u64 bytes);
void page_copy_cold(void *to, const void *from, u64 bytes);

/* All of one page is 0. */
static inline bool page_is_zero(const void *page)
{
    const u64 *word = page;
    u64 any = 0;
    for (u32 i = 0; i < PAGE_BYTES / 8; i += 8)
        any |= word[i] | word[i + 1] | word[i + 2] | word[i + 3] | word[i + 4] |
               word[i + 5] | word[i + 6] | word[i + 7];
    return any == 0;
}

/* One way, chosen or not, for tests. */
void page_op_run(enum page_op op, enum page_way way, void *to, const void *from,
                 u64 bytes);

/* Tries every way on `pages` pages at scratch, whose contents are lost: one page again
 * and again while it is warm, the others once while they are cold. At least
 * PAGE_OPS_SCRATCH pages. Counts by the TSC, so where that counts instructions the
 * choices are the same in every boot. */
#define PAGE_OPS_SCRATCH 128
void page_ops_calibrate(void *scratch);

/* TSC ticks for a page in the calibration; 0 before. */
u64 page_ops_ticks(enum page_op op, enum page_warmth warmth, enum page_way way);
enum page_way page_ops_chosen(enum page_op op, enum page_warmth warmth);
const char *page_way_name(enum page_op op, enum page_way way);

#endif
