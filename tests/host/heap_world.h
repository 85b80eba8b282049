/* SPDX-License-Identifier: MIT
 *
 * The machine below the heap, for tests in a process: frames, promises, locks, death
 * and an MMU whose TLB forgets nothing by itself.
 *
 *   frames   one memory file, seen whole at DIRECT_MAP_BASE + P:5 GiB
 *   window   1 GiB at HEAP_WINDOW without access; a touch is a SIGSEGV, which asks
 *            heap_fault() and shows the frame that the page-table entry names then
 *   TLB      a page that was shown stays visible until it is flushed, whatever its
 * entry says: a forgotten flush is a touch that does not fault
 *
 * Page tables are the kernel's own (mm/page_table.c), in frames of this world.
 * Refuses, by failing the test: a free frame that is not zero when it is given, a
 * double or foreign free, a free of a frame that the TLB still shows, a flush before
 * its entry was cleared, a fault or a death with unbalanced locks, an entry with wrong
 * bits.
 */
#ifndef PLINTH_TESTS_HOST_HEAP_WORLD_H
#define PLINTH_TESTS_HOST_HEAP_WORLD_H

#include "kernel/base/codes.h"
#include "mm/heap.h"
#include "mm/pmm.h"

struct world_counts {
    u64 total, free, promised; /* frames; promised ones are free too */
    u64 owned[OWNER_COUNT];
    u64 shown;           /* pages of the window that the TLB knows */
    u64 faults;          /* that heap_fault resolved */
    u64 flushes;         /* of pages the TLB knew */
    u64 full_flushes;    /* of everything at once */
    u64 useless;         /* flushes of pages that the TLB did not know */
    u64 promises_missed; /* a frame was asked for, and nothing was promised any more */
    u64 elsewhere; /* faults that a test took in the name of another CPU: it counts */
};
extern struct world_counts world;

/* What heap_init gets. */
extern enum heap_mode world_mode;

/* Opens the world with so many frames and an empty heap. Inside a test, not in a
 * fixture: the test runner installs its own signal handlers around each. */
void world_open(u64 frames);
/* Checks the world a last time and ends it. */
void world_close(void);

/* How a call ended: returned, died with a code, or touched what is forbidden. */
enum world_how { WORLD_RETURNED, WORLD_DIED, WORLD_FAULTED };
struct world_end {
    enum world_how how;
    enum code code;   /* WORLD_DIED */
    u64 address;      /* WORLD_FAULTED */
    const char *text; /* WORLD_DIED: what was said, until the next death */
};
struct world_end world_try(void (*call)(void *), void *argument);

/* True when the n-th call from now that may fail (frames, tables, promises) is refused;
 * 0: none. world_refused() tells whether it came to that. */
void world_refuse_call(u64 n);
bool world_refused(void);

/* Runs once, inside the next page fault, after it took its frame and before it installs
 * it: what another CPU could do there. */
void world_meanwhile(void (*other)(u64 address));
/* The same, before it takes a frame. */
void world_before(void (*other)(u64 address));

bool world_shows(u64 address);
/* Free, unpromised, and of that order. */
bool world_has_block(u32 order);
/* Page tables reachable from the root, the root included. */
u64 world_tables(void);
/* Over the heap's state, its descriptors, tables and pages. */
u64 world_fingerprint(void);
/* Entries, owners, counters and TLB agree. */
void world_check(void);

#endif
