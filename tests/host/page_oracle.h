/* SPDX-License-Identifier: MIT
 *
 * What the page tables should say, one word a page: the naive model that the cursor is
 * compared with. Knows no tables, no page sizes and no flushes.
 */
#ifndef PLINTH_TESTS_HOST_PAGE_ORACLE_H
#define PLINTH_TESTS_HOST_PAGE_ORACLE_H

#include "tests/host/mmu_world.h"

/* Bits of a page's word, next to its physical address: those of page_table_map and */
#define ORACLE_MAPPED  PTE_P
#define ORACLE_WRITTEN PTE_D /* somebody wrote since it was mapped */

void oracle_open(void);
void oracle_close(void);

/* Addresses are relative to the arena of the space, in pages. */
u64 oracle_page(u32 space, u64 page);
bool oracle_all_mapped(u32 space, u64 page, u64 count);
bool oracle_none_mapped(u32 space, u64 page, u64 count);
void oracle_map(u32 space, u64 page, u64 count, u64 phys, u64 bits);
void oracle_unmap(u32 space, u64 page, u64 count);
void oracle_protect(u32 space, u64 page, u64 count, u64 rights);
void oracle_write(u32 space, u64 page);
u64 oracle_mapped(u32 space);

/* Compares all of a space's arena: every page, its frame, rights, cache type, G, and
 * that no D was lost. Fails the test. */
void oracle_compare(u32 space);

#endif
