/* SPDX-License-Identifier: MIT
 *
 * The auditor: walks every table of every space and every word of the frame table, and
 * holds the one against the other. Nothing is believed because somebody counted it.
 *
 *   tables ── every entry ──> the frame it reaches: one holder more (tally)
 *   holders ── every frame they hold without mapping it: the same
 *   frame table ── every word: count = holders, free = not reached, zero = zero
 *   windows ── every leaf: what this part of the address space may map, and how
 *
 * Owns:     three bits of each frame's word while it runs (FRAME_TALLY), the lists of
 *           spaces and of holders.
 * Does not: change anything that lasts; believe mm's walkers, counters or lists.
 * Locking:  runs with interrupts off and takes none; other CPUs must be parked.
 * Context:  not in traps. Needs no memory: its sums lie in the words of the frames.
 * Cost:     per entry of a table, per frame of an area that was ever opened. RAM nobody
 *           touched costs two bytes read for 2 MiB.
 */
#ifndef PLINTH_MM_AUDIT_H
#define PLINTH_MM_AUDIT_H

#include "kernel/base/codes.h"
#include "mm/frame.h"
#include "mm/page_table.h"

/* What mm cannot know by itself. Must stay and not change. */
struct audit_facts {
    const u64 *upper_half; /* PML4 entries 256..511 as they were frozen */
    u64 image_virt, image_phys, image_bytes;
    u64 rodata_offset, data_offset; /* text, rodata, data: borders in the image */
    u64 payload_phys, payload_end;  /* symbols and modules, read-only for ever */
};

/* Once, when the upper half is frozen and mm stands. */
void audit_init(const struct audit_facts *facts);

/* A space whose tables are audited; kernel_page_space is one from the start. A space
 * holds its root. Others than the kernel's: the lower half is theirs, the upper half
 * must equal the frozen one. The struct is the caller's. */
struct audit_space {
    struct audit_space *next;
    const struct page_space *space;
};
void audit_space_add(struct audit_space *space);
void audit_space_remove(struct audit_space *space);

/* Whoever holds frames that no table maps: for_each calls hold for each run of them. */
struct audit;
typedef void (*audit_hold_fn)(struct audit *audit, const char *holder, pfn_t first,
                              u64 frames);
struct audit_holder {
    struct audit_holder *next;
    const char *name;
    void (*for_each)(const struct audit_holder *holder, struct audit *audit,
                     audit_hold_fn hold);
};
void audit_holder_add(struct audit_holder *holder);

/* One contradiction. What does not apply is 0. */
struct audit_finding {
    enum code code;
    const char *what; /* in words */
    phys_t frame;     /* the frame it is about, and its word */
    struct frame word;
    const char *part; /* AU-02: what the entry takes it for a part of */
    u64 virt;         /* what the entry maps */
    phys_t entry_at;  /* where the entry stands */
    u64 entry;
    const char *holder; /* who holds the frame, when it is no entry */
    u64 owners;         /* set of owners the frame should have had, by OWNER_ number */
    u64 expected, found;
};
typedef void (*audit_report_fn)(const struct audit_finding *finding, void *context);

/* QUICK reads a bounded number of free frames word by word, going on next time where it
 * stopped, and leaves out the allocators' own verifiers. */
enum audit_depth { AUDIT_QUICK, AUDIT_FULL };

struct audit_sums {
    u64 findings;
    u64 tables, entries; /* tables walked, entries that are not 0 */
    u64 areas, frames;   /* open areas, frames whose words were compared */
    u64 zeroes;          /* free frames read word by word */
};

/* Reports every contradiction and changes nothing. */
void audit_run(enum audit_depth depth, audit_report_fn report, void *context,
               struct audit_sums *out);

/* The same; a contradiction is a death with its code that says `when`, the first ones
 * of further findings stand in the log above it. AUDIT_FULL runs pmm_verify and
 * heap_verify too. */
void audit_or_die(enum audit_depth depth, const char *when, struct audit_sums *out);

/* Areas of 2 MiB that were ever opened: what an audit's cost follows. */
u64 audit_open_areas(void);

/* A finding in one line. */
void audit_finding_text(const struct audit_finding *finding, char *out, u64 out_bytes);

#endif
