/* SPDX-License-Identifier: MIT
 *
 * What the machines below the host tests have in common: deaths, and RAM that is a
 * sparse file.
 */
#ifndef PLINTH_TESTS_HOST_WORLD_H
#define PLINTH_TESTS_HOST_WORLD_H

#include "kernel/base/codes.h"
#include "mm/addr.h"

/* Every program has one: panics and failed assertions of the sources under test end
 * here, the text formatted. */
NORETURN void world_die(enum code code, const char *text);

/* Maps bytes of RAM at base where the direct map has them, and answers the file; its
 * first byte is that of base. memory: a file of before, which keeps its contents, or -1
 * for a new one, all zero, where nothing may be mapped yet. Aborts when the host
 * refuses. */
int world_ram_open(int memory, phys_t base, u64 bytes);

#endif
