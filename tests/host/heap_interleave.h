/* SPDX-License-Identifier: MIT
 *
 * Forced in front of the heap's sources under the interleaving explorer: as for the frame
 * allocator, and what page tables want of the CPU beside that.
 */
#ifndef PLINTH_TESTS_HOST_HEAP_INTERLEAVE_H
#define PLINTH_TESTS_HOST_HEAP_INTERLEAVE_H

#include "tests/host/pmm_host.h"

u64 read_cr3(void);

#endif
