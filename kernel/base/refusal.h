/* SPDX-License-Identifier: MIT
 *
 * Why a function said no. A status is one number; the sentence that belongs to it is
 * kept here until somebody cannot go on without success: an assertion on a status dies
 * with the code and the sentence of the refusal, not with its own.
 *
 * Locking: none; the newest one is kept, and a race can only spoil a sentence.
 * Context: any. Cost: one formatted line a refusal.
 */
#ifndef PLINTH_KERNEL_BASE_REFUSAL_H
#define PLINTH_KERNEL_BASE_REFUSAL_H

#include "kernel/base/codes.h"
#include "kernel/base/types.h"

#define REFUSAL_BYTES 144

/* Call it where the refusal is decided. */
void refusal_note(enum code code, const char *fmt, ...) PRINTF(2, 3);

/* The newest refusal when it belongs to whoever calls now: the same CPU, a moment ago,
 * in a function called from here (its frame lies just below); else NULL. frame:
 * __builtin_frame_address(0) of a function that the caller called. */
const char *refusal_find(const void *frame, enum code *code);

/* The newest refusal of all, or NULL. */
const char *refusal_last(enum code *code);

#endif
