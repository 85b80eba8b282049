/* SPDX-License-Identifier: MIT
 *
 * Flushing translations. Kernel leaves are GLOBAL (stacks excepted), so INVLPG reaches
 * one in every PCID and a CR3 load reaches none: a full flush is a toggle of CR4.PGE
 * (SDM vol. 3A, 4.10.4.1).
 *
 * tlb_ops is where SMP puts its sender: until then "all CPUs" is this one.
 */
#ifndef PLINTH_MM_TLB_H
#define PLINTH_MM_TLB_H

#include "kernel/arch/instr.h"
#include "mm/addr.h"

struct tlb_ops {
    void (*flush_page)(virt_t virt); /* the leaf that maps virt, on all CPUs */
    void (*flush_all)(
        void); /* everything, GLOBAL and paging-structure caches included */
};

extern const struct tlb_ops *tlb_ops;

static inline void tlb_flush_page(virt_t virt)
{
    tlb_ops->flush_page(virt);
}
static inline void tlb_flush_all(void)
{
    tlb_ops->flush_all();
}

#endif
