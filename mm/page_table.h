/* SPDX-License-Identifier: MIT
 *
 * Page tables: one walker that knows 4 KiB, 2 MiB and 1 GiB, and the two writers of
 * entries after kernel/early: the range functions below and pte_install_armed().
 *
 * Owns:     the format of tables; the tables below the root it is given.
 * Does not: own the frames that leaves point to.
 * Locking:  a page_space has one lock, held with interrupts off while a cursor is open.
 *           Walks take none: they read entries once and check what they read.
 * Rules:    a leaf that is there is never overwritten; entries change by exchange or
 *           compare-and-exchange, so that A and D are never lost; frames and tables are
 *           given away after their flush; a failure leaves every entry as it was.
 *
 * Each range function is one use of a cursor (mm/page_cursor.h): whoever has several
 * steps on one range opens it himself.
 */
#ifndef PLINTH_MM_PAGE_TABLE_H
#define PLINTH_MM_PAGE_TABLE_H

#include "kernel/arch/spinlock.h"
#include "kernel/base/atomic.h"
#include "kernel/base/status.h"
#include "mm/pte.h"

/* Where frames for tables come from (zeroed) and go to, and where the number of a
 * table's entries that are not 0 is kept. Without the last two nothing is counted: so
 * only while the frame table itself is being mapped; page_table_adopt() counts later.
 */
struct table_source {
    enum status (*alloc)(phys_t *out);
    void (*free)(phys_t table);
    u32 (*children)(phys_t table);
    void (*children_add)(phys_t table, int change);
};

struct page_space {
    phys_t root;
    const struct table_source *source;
    bool has_1g_pages;
    bool user; /* the lower half of a program; else the kernel's windows */
    struct spinlock lock;
};

/* Cache types, by the PAT index bits of a 4 KiB entry (kernel/arch/control.h has the
 * PAT that gives them their meaning). */
#define PAGE_CACHE_WB       0UL
#define PAGE_CACHE_WT       PTE_PWT
#define PAGE_CACHE_UC_MINUS PTE_PCD
#define PAGE_CACHE_UC       (PTE_PCD | PTE_PWT)
#define PAGE_CACHE_WC       (PTE_PAT | PTE_PCD)
/* "WB", "WC"... of a leaf's bits; "?" for the one index that nobody uses. */
const char *page_cache_name(u64 bits);

/* All functions here that take a range answer STATUS_INVALID, and change nothing, when
 * it is empty, misaligned, wraps, is not canonical, or does not lie in one window whose
 * entries are written here: the kernel's stacks, apertures, frame table and modules, or
 * for a program 64 KiB..2^47 less a page. The direct map, the image and the heap's
 * pages are not: the first two never change after boot, the third has its own
 * functions. */

/* Maps bytes at phys to virt with the largest pages that fit. bits: PTE_W PTE_U PTE_G
 * PTE_NX and a cache type. P is added, for the kernel A and D too: nobody asks for them
 * there, and the CPU need not set them. STATUS_INVALID also: W without NX, U in the
 * kernel's half or G outside it, G in the window of the stacks. STATUS_EXISTS:
 * something is mapped there. STATUS_NO_MEMORY: no frame for a table. */
MUST_USE enum status page_table_map(struct page_space *space, virt_t virt, phys_t phys,
                                    u64 bytes, u64 bits);

/* Unmaps; a large page that the range cuts is split first. each (may be NULL) gets
 * every leaf after the flush, under the lock; frames may be freed in it. Tables that
 * become empty go, but for those of stacks and frame table. STATUS_NOT_FOUND: a hole in
 * the range. STATUS_NO_MEMORY: no frame for a split. */
typedef void (*page_leaf_fn)(virt_t virt, phys_t phys, u64 bytes, void *context);
MUST_USE enum status page_table_unmap(struct page_space *space, virt_t virt, u64 bytes,
                                      page_leaf_fn each, void *context);

/* Gives what is mapped new rights, PTE_W PTE_U PTE_NX; all else of an entry stays.
 * Fewer rights are flushed, more are not: a CPU that still holds the old ones faults
 * once (page_table_permits). Errors as for unmap and for the bits of map. */
MUST_USE enum status page_table_protect(struct page_space *space, virt_t virt,
                                        u64 bytes, u64 rights);

/* Splits every leaf that the range touches down to pages of page_bytes, 4 KiB or 2 MiB.
 * Holes stay. STATUS_NO_MEMORY: not a single one was split. */
MUST_USE enum status page_table_split(struct page_space *space, virt_t virt, u64 bytes,
                                      u64 page_bytes);

/* Merges what forms whole large pages in the range: 512 leaves in a row with equal
 * bits, A and D apart, which the large page gets when one of them had it. Nothing is
 * merged where tables stay. */
MUST_USE enum status page_table_merge(struct page_space *space, virt_t virt, u64 bytes);

/* What the tables say about the page of virt: its leaf, or with `bits` 0 the hole
 * around it, as far as one entry reaches. */
struct page_leaf {
    virt_t virt;
    u64 bytes;
    phys_t phys;
    u64 bits; /* as for page_table_map, with P, A and D */
};
MUST_USE enum status page_table_query(struct page_space *space, virt_t virt,
                                      struct page_leaf *out);

/* Makes sure that the table holding the 4 KiB entries of virt exists; *out is that
 * table. In windows whose tables stay, the heap's above all; STATUS_INVALID elsewhere.
 */
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
static inline pte_t pte_read(const pte_t *entry)
{
    return (pte_t){atomic_load_u64(&entry->raw)};
}

/* --- the count of children --- */
/* Counts the entries of every table below the root, once, when the source can keep
 * counts: tables built earlier have none. Answers the number of tables. */
u64 page_table_adopt(struct page_space *space);
/* Panics when a table's count is not the number of its entries, or when an entry is
 * neither present nor 0 nor ARMED. Answers the number of tables. Nobody may write
 * meanwhile. */
u64 page_table_verify(struct page_space *space);

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

/* True when the tables permit an access with this page-fault error code, as the CPU
 * would find if it walked them now: then the fault came of an older translation, which
 * the fault itself has dropped, and the access may be tried again. */
bool page_table_permits(u64 cr3, u64 virt, u64 error_code);

/* Changes since boot that gave a leaf more rights, or left them as they were. */
u64 page_table_widenings(void);

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
