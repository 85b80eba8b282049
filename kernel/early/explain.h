/* SPDX-License-Identifier: MIT
 *
 * What a trap of early code means: a code, a sentence, and the likely cause with its
 * evidence. Reads memory that it has checked, the tables in CR3 and the PICs.
 */
#ifndef PLINTH_KERNEL_EARLY_EXPLAIN_H
#define PLINTH_KERNEL_EARLY_EXPLAIN_H

#include "kernel/early/early.h"
#include "kernel/early/traps.h"

#define EARLY_LINE_BYTES  200
#define EARLY_PLACE_BYTES 48

struct early_story {
    /* In: */
    const struct early_frame *frame;
    u64 vector;
    u64 cr2;
    /* Out: */
    enum early_code code;
    char place[EARLY_PLACE_BYTES]; /* of RIP */
    char sentence[EARLY_LINE_BYTES];
    char cause[EARLY_LINE_BYTES];
};

void early_explain(struct early_story *story);

/* "image+0x1234" for an address in the image, low or moved; else "V:...". */
const char *early_place(u64 address, char out[EARLY_PLACE_BYTES]);

/* WANT_... of a page fault's error code. */
u32 early_wanted_by(u64 error_code);

#endif
