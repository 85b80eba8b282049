/* SPDX-License-Identifier: MIT */
#include "kernel/early/handover.h"

#include "kernel/arch/instr.h"

struct handover handover;

void milestone_reach(u32 milestone)
{
    handover.info.milestone_tsc[milestone] = rdtsc();
}
