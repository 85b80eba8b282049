/* SPDX-License-Identifier: MIT
 *
 * What is mapped, in runs: neighbouring leaves of one size that lead to neighbouring
 * memory with the same rights and cache type are one run. A and D do not divide runs.
 *
 * Locking: none; the tables must not change meanwhile. Needs no memory. Any context.
 */
#ifndef PLINTH_MM_PAGE_RUNS_H
#define PLINTH_MM_PAGE_RUNS_H

#include "mm/page_table.h"

struct page_run {
    u64 virt, bytes;
    u64 phys;
    u64 bits;  /* rights over all levels, PTE_G, cache type; PTE_ARMED alone: no frame
                  yet */
    u32 level; /* of the leaves */
};

/* Calls each for every run from first to last (inclusive), upwards; false ends it. */
typedef bool (*page_run_fn)(const struct page_run *run, void *context);
void page_runs_for_each(u64 cr3, u64 first, u64 last, page_run_fn each, void *context);

#endif
