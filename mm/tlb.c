/* SPDX-License-Identifier: MIT */
#include "mm/tlb.h"

#define CR4_PGE 0x80UL

static void local_flush_page(virt_t virt)
{
    invlpg(virt.raw);
}

/* Interrupts off between the two writes: a handler must not run with PGE clear and
 * think it set. */
static void local_flush_all(void)
{
    u64 flags = irq_save();
    u64 cr4 = read_cr4();
    write_cr4(cr4 & ~CR4_PGE);
    write_cr4(cr4);
    if (!(cr4 & CR4_PGE))
        write_cr3(read_cr3());
    irq_restore(flags);
}

static const struct tlb_ops local_ops = {local_flush_page, local_flush_all};
const struct tlb_ops *tlb_ops = &local_ops;
