/* SPDX-License-Identifier: MIT
 *
 * Numbers that the report for people and the report for programs share.
 */
#ifndef PLINTH_KERNEL_REPORT_SUMS_H
#define PLINTH_KERNEL_REPORT_SUMS_H

#include "kernel/base/types.h"
#include "mm/pmm.h"

/* The sum of what the firmware calls usable, as it says it: overlaps count twice. */
u64 report_raw_usable_bytes(void);
/* What was taken out of the usable ranges for the flight recorder; 0 when it is off. */
u64 report_recorder_bytes(void);
/* What the firmware calls usable and is neither: no whole pages, or said twice. */
u64 report_cut_bytes(void);
/* Allocatable now: free frames, and those below 1 MiB that are given by range request.
 */
u64 report_allocatable_bytes(const struct pmm_stats *stats);

const char *milestone_name(u32 milestone);
/* The name of a loader quirk (QUIRK_...), "unknown quirk" otherwise. */
const char *quirk_name(u32 code);
/* What its `at` is: a word of loader_codes.h; "" where it is nothing. */
const char *quirk_at(u32 code);

#endif
