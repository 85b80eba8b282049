/* SPDX-License-Identifier: MIT
 *
 * Flushing translations, and the gather object that collects what has to be flushed.
 *
 * What each way reaches on the CPU that does it (SDM vol. 3A, 4.10.4.1):
 *
 *                        leaf, this PCID  leaf, other PCID  GLOBAL leaf  tables
 *
 *   INVLPG               that page        -                 that page    this PCID
 *
 *   MOV to CR3           all              -                 -            this PCID
 *
 *   CR4.PGE off and on   all              all               all          all
 *
 *   INVPCID type 2       all              all               all          all
 *
 * ("tables": what the CPU keeps of entries above the leaves.) So a GLOBAL leaf is
 * flushed by INVLPG; a kernel leaf that is not GLOBAL and any change above a leaf need
 * one of the last two; a CR3 load is no flush for the kernel at all.
 *
 * Locking: none; a gather belongs to whoever holds the lock of the tables.
 * Context: any but NMI, #MC and the fatal path. tlb_ops is where SMP puts its sender:
 * until then "all CPUs" is this one.
 */
#ifndef PLINTH_MM_TLB_H
#define PLINTH_MM_TLB_H

#include "kernel/base/types.h"
#include "mm/addr.h"

/* More pages than this are flushed all at once. INVLPG costs about 100 ns on silicon,
 * one after the other; a full flush costs as much as two or three, and then the refill
 * of what was in use, at most some hundred walks of 10..30 ns from warm caches. They
 * meet between 20 and 60 pages; `make bench` shows the instructions of both. */
#define TLB_GATHER_PAGES 32

struct tlb_ops {
    /* The leaves that map these addresses, on all CPUs: GLOBAL ones in every PCID,
     * others in the current one. */
    void (*flush_pages)(const virt_t *pages, u32 count);
    /* Everything, of every PCID, GLOBAL and paging-structure caches included. */
    void (*flush_all)(void);
};

extern const struct tlb_ops *tlb_ops;

static inline void tlb_flush_page(virt_t virt)
{
    tlb_ops->flush_pages(&virt, 1);
}
static inline void tlb_flush_all(void)
{
    tlb_ops->flush_all();
}

/* Collects flushes, so that many changes cost one. Entries are changed first, the
 * gather is flushed then, frames and tables are given away last. */
struct tlb_gather {
    bool all;
    u32 count;
    virt_t page[TLB_GATHER_PAGES];
};

static inline void tlb_gather_init(struct tlb_gather *gather)
{
    gather->all = false;
    gather->count = 0;
}
static inline void tlb_gather_all(struct tlb_gather *gather)
{
    gather->all = true;
}
/* One page that INVLPG reaches. */
static inline void tlb_gather_page(struct tlb_gather *gather, virt_t virt)
{
    if (gather->count < TLB_GATHER_PAGES)
        gather->page[gather->count++] = virt;
    else
        gather->all = true;
}
/* Flushes what was gathered, if anything; the gather is empty afterwards. */
static inline void tlb_gather_flush(struct tlb_gather *gather)
{
    if (gather->all)
        tlb_ops->flush_all();
    else if (gather->count != 0)
        tlb_ops->flush_pages(gather->page, gather->count);
    tlb_gather_init(gather);
}

#endif
