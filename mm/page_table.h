/* SPDX-License-Identifier: MIT
 *
 * Page tables: one walker that knows 4 KiB, 2 MiB and 1 GiB, and the two writers of
 * entries after kernel/early: the range functions below and pte_install_armed().
 *
 * Owns:     the format of tables; the tables below the root it is given.
 * Does not: own the frames that leaves point to; flush other CPUs by itself (mm/tlb.h).
 * Locking:  a page_space has one lock, taken with interrupts off by map and unmap. Walks
 *           take none: they read entries once and check what they read.
 * Rules:    a leaf that is there is never overwritten; an unmap takes whole leaves;
 *           tables of the kernel's windows stay (one that goes needs a full flush first).
 */
#ifndef PLINTH_MM_PAGE_TABLE_H
#define PLINTH_MM_PAGE_TABLE_H

#include "kernel/arch/spinlock.h"
#include "kernel/base/status.h"
#include "mm/pte.h"

/* Where frames for tables come from; zeroed. */
struct table_source {
    enum status (*alloc)(phys_t *out);
};

struct page_space {
    phys_t root;
    const struct table_source *source;
    bool has_1g_pages;
    struct spinlock lock;
};

/* Cache types by their PAT index bits (kernel/arch/control.c sets the PAT to match). */
#define PAGE_CACHE_WB 0UL
#define PAGE_CACHE_WT PTE_PWT
#define PAGE_CACHE_UC (PTE_PCD | PTE_PWT)

/* Maps bytes at phys to virt with the largest pages that fit. bits: PTE_W PTE_U PTE_G
 * PTE_NX and a cache type; P, A and D are added. STATUS_INVALID: misaligned, zero,
 * wrapping, not canonical. STATUS_EXISTS: something is mapped or armed there.
 * STATUS_NO_MEMORY: no frame for a table. In every failure no leaf has changed. */
MUST_USE enum status page_table_map(struct page_space *space, virt_t virt, phys_t phys,
                                    u64 bytes, u64 bits);

/* Unmaps whole leaves and flushes them here. each (may be NULL) gets every leaf after
 * its flush. STATUS_INVALID: misaligned, or the range cuts a large page.
 * STATUS_NOT_FOUND: a hole in the range. In both cases nothing has changed. */
typedef void (*page_leaf_fn)(virt_t virt, phys_t phys, u64 bytes, void *context);
MUST_USE enum status page_table_unmap(struct page_space *space, virt_t virt, u64 bytes,
                                      page_leaf_fn each, void *context);

/* Makes sure that the table holding the 4 KiB entries of virt exists; *out is that
 * table. */
MUST_USE enum status page_table_prepare(struct page_space *space, virt_t virt,
                                        phys_t *out);

/* --- single entries of a prepared table (the heap window) --- */
/* 0 -> ARMED. False when the entry was not 0. */
bool pte_arm(pte_t *entry);
/* ARMED -> present, the page fault's one step. False: the entry is not ARMED any more.
 */
bool pte_install_armed(pte_t *entry, phys_t phys);
/* Whatever it was -> 0; returns what it was. The caller flushes when it was present. */
pte_t pte_clear(pte_t *entry);
pte_t pte_read(const pte_t *entry);

/* --- walking --- */
struct pt_level {
    u64 table_phys;
    u64 entry;
    u32 slot;
    u32 level; /* 4 PML4 .. 1 PT */
};

enum pt_end {
    PT_LEAF,        /* maps the address */
    PT_NOT_PRESENT, /* the last level shown has P = 0 */
    PT_NOT_CANONICAL,
    PT_BAD_TABLE,    /* a table lies outside RAM: not followed */
    PT_RESERVED_BIT, /* the last level shown has a reserved bit set */
};

struct pt_walk {
    u64 cr3;
    u64 virt;
    u32 level_count;
    enum pt_end end;
    struct pt_level level[4];
    /* for PT_LEAF */
    u64 phys; /* of the address itself */
    u64 leaf_bytes;
    bool writable;   /* W in every level */
    bool user;       /* U in every level */
    bool no_execute; /* NX in any level */
};

/* Walks as the CPU would, without writing, locking or trusting anything but that RAM is
 * where the clean map says. Any context, the fatal path included. */
void page_table_walk_raw(u64 cr3, u64 virt, struct pt_walk *out);

/* The physical address behind a kernel address. STATUS_NOT_FOUND when it is not mapped.
 */
MUST_USE enum status page_table_phys_of(virt_t virt, phys_t *out);

/* Calls each for every present leaf and every ARMED entry from first to last
 * (inclusive), upwards. The tables must not change meanwhile. false from each ends it.
 */
struct pt_leaf {
    u64 virt;
    u64 entry; /* as it stands in the table */
    u32 level;
    bool writable, user, no_execute; /* over all levels */
};
typedef bool (*pt_leaf_fn)(const struct pt_leaf *leaf, void *context);
void page_table_for_each(u64 cr3, u64 first, u64 last, pt_leaf_fn each, void *context);

/* The kernel's own space: root from early code, tables from the frame allocator once it
 * stands. */
extern struct page_space kernel_page_space;

#endif
