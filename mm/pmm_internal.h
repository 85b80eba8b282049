/* SPDX-License-Identifier: MIT
 *
 * State shared by the files of the frame allocator and by nobody else.
 */
#ifndef PLINTH_MM_PMM_INTERNAL_H
#define PLINTH_MM_PMM_INTERNAL_H

#include "kernel/arch/percpu.h"
#include "kernel/arch/spinlock.h"
#include "mm/pmm.h"

/* In an area's counter: its bits and words have never been written. */
#define AREA_UNTOUCHED 0x8000

struct pmm {
    u64 total;
    u64 unpromised;
    u64 promised;
    u64 untouched;
    u64 refused;
    u64 owned[OWNER_COUNT];
    struct {
        u64 hint; /* the area that gave last */
    } cpu[CPU_MAX];

    struct spinlock open_lock; /* guards the two below and the opening of areas */
    u32 open_span;             /* spans above this one are open wholly */
    u64 open_end;              /* in that span, areas from here on are open */
};

extern struct pmm pmm;

/* Writes the 512 words (NEW) and clears the bits of an area. */
void area_words_init(u64 area);

/* Opens the next untouched area: its frames become unpromised. False when all are open.
 */
bool area_open_next(u64 *area);
/* Takes a block out of an open area: counter and bits. False: it has none. */
bool area_take(u64 area, u32 order, pfn_t *out);
/* The same from any open area, the highest first. */
bool any_area_take(u32 order, pfn_t *out);
/* Puts a block's bits and count back; its words say that it is free already. */
void area_give(pfn_t pfn, u32 order);

/* Counts the refusal of a free and says by a code what is wrong with it
 * (kernel/base/refusal.h). Always STATUS_INVALID. */
enum status pmm_refuse(pfn_t pfn, u32 order, enum frame_owner owner);

#endif
