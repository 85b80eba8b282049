/* SPDX-License-Identifier: MIT */
#include "kernel/early/handover.h"

#include "kernel/arch/instr.h"
#include "kernel/early/boot_recorder.h"

struct handover handover;

void milestone_reach(u32 milestone)
{
    u64 values[] = {milestone, rdtsc()};

    handover.info.milestone_tsc[milestone] = values[1];
    recorder_event(&boot_recorder, RECORD_MILESTONE, values, ARRAY_COUNT(values));
}
