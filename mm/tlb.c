/* SPDX-License-Identifier: MIT */
#include "mm/tlb.h"

#include "kernel/arch/cpu_features.h"
#include "kernel/arch/instr.h"

static void local_flush_pages(const virt_t *pages, u32 count)
{
    for (u32 i = 0; i < count; i++)
        invlpg(pages[i].raw);
}

/* INVPCID is one instruction, but the first CPUs with PCIDs lack it. Interrupts off
 * between the two writes of CR4: a handler must not run with PGE clear and think it
 * set. */
static void local_flush_all(void)
{
    u64 cr4 = read_cr4();
    if ((cr4 & CR4_PCIDE) && cpu_has(FEATURE_INVPCID)) {
        invpcid(INVPCID_ALL, 0, 0);
        return;
    }
    u64 flags = irq_save();
    write_cr4(cr4 & ~CR4_PGE);
    write_cr4(cr4);
    if (!(cr4 & CR4_PGE))
        write_cr3(read_cr3());
    irq_restore(flags);
}

static const struct tlb_ops local_ops = {local_flush_pages, local_flush_all};
const struct tlb_ops *tlb_ops = &local_ops;
