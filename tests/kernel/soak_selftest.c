/* SPDX-License-Identifier: MIT
 *
 * Random work for all of mm at once, the same for the same seed: objects, stacks,
 * blocks of frames, mappings of a program's space and of devices come and go in no
 * order, each holds what it must hold until it goes, and after every thousand steps
 * memory is audited as a whole.
 *
 *   test=soak soak=OPERATIONS seed=N
 */
#include "kernel/early/handover.h"
#include "mm/audit.h"
#include "mm/heap.h"
#include "mm/kernel_stack.h"
#include "tests/kernel/cases.h"
#include "tests/kernel/soak.h"

#define OPERATIONS  20000
#define AUDIT_EVERY 1000

struct soak soak;

u64 soak_below(u64 bound)
{
    soak.random ^= soak.random << 13;
    soak.random ^= soak.random >> 7;
    soak.random ^= soak.random << 17;
    return (soak.random >> 11) % bound;
}

static void step(void)
{
    u64 kind = soak_below(16);
    if (kind < 6)
        soak_object_step();
    else if (kind < 7)
        soak_stack_step();
    else if (kind < 11)
        soak_block_step();
    else if (kind < 15)
        soak_mapping_step();
    else
        soak_device_step();
}

/* What stays for ever: a table and eight frames of descriptors for a region of the
 * heap, a table and a frame of descriptors for a group of stacks. */
static u64 frames_kept(void)
{
    struct heap_stats heap;
    struct kernel_stack_stats stacks;
    heap_stats_get(&heap);
    kernel_stack_stats_get(&stacks);
    return 9 * heap.regions + 2 * stacks.groups;
}

static void space_make(struct selftest *t)
{
    if (program_space_create(&soak.program))
        return;
    soak.refused++; /* fail=1 */
    CHECK(t, program_space_create(&soak.program));
}

void test_soak(struct selftest *t)
{
    struct pmm_stats before, after;
    struct heap_stats heap;
    u64 operations = OPERATIONS, seed = 1, done = 0, audits = 0;
    /* What is no number above 0 was named when the configuration was read. */
    config_u64(handover.config, "soak", &operations);
    if (operations == 0)
        operations = OPERATIONS;
    config_u64(handover.config, "seed", &seed);
    soak = (struct soak){.t = t, .random = seed * 0x9E3779B97F4A7C15 + 1};
    heap_trim();
    kernel_stack_trim();
    pmm_stats_get(&before);
    u64 kept = frames_kept();
    space_make(t);
    while (done < operations && t->failures == 0) {
        step();
        if (++done % AUDIT_EVERY == 0) {
            audit_or_die(AUDIT_FULL, "in the soak", NULL);
            audits++;
        }
    }
    soak_objects_give();
    soak_blocks_give();
    pmm_stats_get(&after);
    heap_stats_get(&heap);
    CHECK_EQUAL(t, after.free, before.free - (frames_kept() - kept));
    CHECK_EQUAL(t, after.owned[OWNER_TEST], before.owned[OWNER_TEST]);
    selftest_note("soak: seed %lu, %lu operations, %lu audits, %lu requests refused, "
                  "%lu heap faults, end %016lx",
                  seed, done, audits, soak.refused, heap.faults, soak.random);
}
