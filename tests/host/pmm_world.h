/* SPDX-License-Identifier: MIT
 *
 * A machine for the frame allocator on the host: RAM is a sparse file, the direct map
 * and the frame table's windows are mappings of it, so all of mm/pmm*.c and
 * mm/frame_table.c runs as shipped.
 *
 * Threads: a CPU is a thread that has called world_cpu, or, under the interleaving
 * explorer, the CPU that runs.
 * Death:   panics and failed assertions call world_die (tests/host/world.h).
 */
#ifndef PLINTH_TESTS_HOST_PMM_WORLD_H
#define PLINTH_TESTS_HOST_PMM_WORLD_H

#include "mm/memmap.h"
#include "mm/pmm.h"
#include "tests/host/world.h"

struct world_range {
    u64 base;
    u64 bytes;
};

/* pmm_configure for the next world_open. */
MUST_USE enum status world_configure(u64 colours, bool check);

/* Builds the machine anew: RAM full of rubbish (where it was used before), pmm_init
 * over it, `cpus` CPUs. The early page tables and the like are one used frame at 1 MiB.
 */
void world_open(const struct world_range *ram, u32 count, u32 cpus);

/* This thread is CPU `index` from now on. */
void world_cpu(u32 index);

/* What the explorer says, when it is linked in. */
extern u32 (*world_which_cpu)(void);
extern void (*world_pause)(void);

/* Remembers the allocator's whole state, and puts it back. For small machines. */
void world_save(void);
void world_restore(void);

#endif
