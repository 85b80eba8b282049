/* SPDX-License-Identifier: MIT */
#include "mm/pmm_fail.h"

#include "mm/pmm_stack.h"

void pmm_fail_after(u64 n)
{
    u64 flags = irq_save();
    struct pmm_cpu *cpu = percpu_frames();
    bool has_stack = pmm.colours == 0 && !pmm.check;
    stack_drain(cpu);
    cpu->limit = n == 0 && has_stack ? PMM_STACK_FRAMES : 0;
    pmm.fail_left = n;
    pmm.fail_happened = false;
    irq_restore(flags);
}

bool pmm_fail_happened(void)
{
    return pmm.fail_happened;
}
