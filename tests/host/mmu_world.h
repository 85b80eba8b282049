/* SPDX-License-Identifier: MIT
 *
 * A simulated MMU that is as forgetful as the manual allows and no more: what a CPU may
 * go on using, this one goes on using.
 *
 *   TLB      one entry for each page size, address and PCID, and one for GLOBAL leaves;
 *            the largest and so the oldest wins; nothing is ever evicted
 *   tables   what the CPU keeps of entries above the leaves (PML4E, PDPTE, PDE caches),
 * by PCID; a walk starts at the deepest one it has flushes  INVLPG, CR3 with and
 * without "no flush", CR4.PGE, INVPCID reach what SDM vol. 3A, 4.10.4.1 says they must
 * reach, and not a bit more A and D  are set in memory, atomically, as the walk and the
 * first write do it
 *
 * Three address spaces: the kernel's alone, and two programs' that share its upper
 * half. Each has one arena of addresses that tests map and touch: a whole aligned GiB
 * with 4 MiB on either side. Physical addresses outside the pool of tables are numbers
 * only: an access answers where it would have gone.
 *
 * Refuses, by failing the test: a walk through a table that was freed, a leaf or a
 * table given away while a translation through it is still known, a frame freed twice,
 * given back with children, or given out not zero, locks held where they must not be.
 */
#ifndef PLINTH_TESTS_HOST_MMU_WORLD_H
#define PLINTH_TESTS_HOST_MMU_WORLD_H

#include "mm/page_table.h"

#define MMU_SPACES      3 /* 0 the kernel's, 1 and 2 programs' */
#define MMU_MARGIN      0x400000UL
#define MMU_ARENA_BYTES (PAGE_1G_BYTES + 2 * MMU_MARGIN)
#define MMU_ARENA_PAGES (MMU_ARENA_BYTES >> PAGE_SHIFT)

struct mmu_options {
    bool pcid;    /* CR4.PCIDE; without it all spaces have PCID 0 */
    bool invpcid; /* CPUID's INVPCID */
    u64 tables;   /* frames there are */
};

/* Inside a test. */
void mmu_open(const struct mmu_options *options);
/* Checks a last time that nothing is left. */
void mmu_close(void);

struct page_space *mmu_space(u32 index);
/* The first address of a space's arena. */
u64 mmu_arena(u32 index);
/* What the scheduler does: CR3 to the space; keep: without a flush of its PCID. */
void mmu_switch(u32 index, bool keep);

enum mmu_access { MMU_READ, MMU_WRITE, MMU_FETCH };
struct mmu_result {
    bool fault;
    u64 error_code;
    u64 phys; /* no fault: where it went */
};
/* One access at the privilege of the space: a program's in its arena, else the
 * kernel's. A fault drops what the CPU knew of the address, as on silicon. */
struct mmu_result mmu_touch(u64 virt, enum mmu_access access);
/* True while any PCID knows a translation of this page in the arena of the space. The two
 * programs' arenas have the same addresses. */
bool mmu_knows(u32 space, u64 virt);

/* Runs once, before the next full flush takes effect: what a CPU may do until then. */
void mmu_before_flush(void (*other)(void *), void *context);

/* The n-th table asked for from now on is refused, and all after it until 0 is said. */
void mmu_refuse(u64 n);
bool mmu_refused(void);

struct mmu_counts {
    u64 free; /* frames of the pool */
    u64 page_flushes, full_flushes;
    u64 hits, walks;
};
extern struct mmu_counts mmu;

/* Over all tables that hang below the roots. */
u64 mmu_fingerprint(void);
/* Tables reachable from a space's root, those of the shared half excepted. */
u64 mmu_tables(u32 index);

#endif
