/* SPDX-License-Identifier: MIT
 *
 * The two 8259A interrupt controllers: moved away from the exceptions, all lines masked
 * until somebody wants one. Spurious interrupts (line 7 of either without a request
 * behind it) are told from real ones by the in-service register and counted.
 */
#ifndef PLINTH_DRIVERS_PIC_H
#define PLINTH_DRIVERS_PIC_H

#include "kernel/base/types.h"

#define PIC_VECTOR_FIRST 0x20
#define PIC_LINES        16
#define PIC_VECTOR_BIOS  8 /* where the BIOS leaves the first eight lines */

/* Interrupts off. Once. */
void pic_init(void);

void pic_unmask(u32 irq);
void pic_mask(u32 irq);
bool pic_is_masked(u32 irq);

/* First thing in the handling of a line: false when the interrupt was spurious; then it
 * is counted, what must be acknowledged is, and there is nothing more to do. */
bool pic_begin(u32 irq);
/* Last thing. */
void pic_end(u32 irq);

u64 pic_spurious_count(void);

/* The lines that are being served now, a bit each. Any context. */
u16 pic_in_service(void);

#endif
