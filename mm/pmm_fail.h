/* SPDX-License-Identifier: MIT
 *
 * Making one request for memory fail on purpose, to see that whoever asked unwinds.
 * Counted are the requests that may fail: pmm_alloc and its kin, pmm_run_alloc,
 * pmm_promise. What was promised never fails.
 *
 * Locking: none: this CPU's requests only, while nobody else asks.
 * Cost:    when off one load and one branch on the long way of an allocation, nothing
 *          on the short one; while it is on, this CPU has no short way.
 */
#ifndef PLINTH_MM_PMM_FAIL_H
#define PLINTH_MM_PMM_FAIL_H

#include "kernel/base/types.h"

/* The n-th request from now on fails, n from 1; those after it do not. 0 ends it. */
void pmm_fail_after(u64 n);

/* Whether it has come to that since pmm_fail_after. */
bool pmm_fail_happened(void);

#endif
