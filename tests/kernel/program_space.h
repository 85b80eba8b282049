/* SPDX-License-Identifier: MIT
 *
 * A space as programs will have one, for tests of the tables: the frozen upper half, a
 * lower half of its own, known to the auditor. Never loaded into CR3.
 */
#ifndef PLINTH_TESTS_KERNEL_PROGRAM_SPACE_H
#define PLINTH_TESTS_KERNEL_PROGRAM_SPACE_H

#include "mm/audit.h"
#include "mm/page_table.h"

struct program_space {
    struct page_space space;
    struct audit_space in_audit;
};

/* False: no memory for its root. */
bool program_space_create(struct program_space *program);

/* Unmaps what is still mapped; its pages are their owners' again. */
void program_space_destroy(struct program_space *program);

#endif
