/* SPDX-License-Identifier: MIT
 *
 * What the auditor costs in a machine that has done little, and in one whose memory was
 * all in use once.
 */
#include "kernel/arch/instr.h"
#include "mm/audit.h"
#include "mm/pmm.h"
#include "tests/kernel/cases.h"

#define BLOCKS_MOST 1024

static void audit_measure(struct selftest *t, enum audit_depth depth, const char *name)
{
    struct audit_sums sums;
    u64 start = rdtsc();
    audit_run(depth, NULL, NULL, &sums);
    u64 ticks = rdtsc() - start;
    CHECK_EQUAL(t, sums.findings, 0);
    selftest_note("bench %s=%lu instructions", name, ticks);
    selftest_note("%s: %lu entries and %lu frames compared", name, sums.entries,
                  sums.frames);
}

/* Every area opened: blocks of one area are taken until there are no more. */
static void areas_open(struct selftest *t)
{
    static pfn_t block[BLOCKS_MOST];
    u32 count = 0;
    while (count < BLOCKS_MOST &&
           pmm_alloc_raw(FRAME_ORDER_MAX, OWNER_TEST, &block[count]) == STATUS_OK)
        count++;
    while (count-- > 0)
        CHECK_EQUAL(t, pmm_free_raw(block[count], FRAME_ORDER_MAX, OWNER_TEST),
                    STATUS_OK);
}

void test_bench_audit(struct selftest *t)
{
    audit_measure(t, AUDIT_QUICK, "audit_quick");
    audit_measure(t, AUDIT_FULL, "audit_full");
    areas_open(t);
    audit_measure(t, AUDIT_QUICK, "audit_quick_all_areas");
    audit_measure(t, AUDIT_FULL, "audit_full_all_areas");
}
