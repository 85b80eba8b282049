/* SPDX-License-Identifier: MIT
 *
 * What the files of the auditor share: one run's state.
 */
#ifndef PLINTH_MM_AUDIT_INTERNAL_H
#define PLINTH_MM_AUDIT_INTERNAL_H

#include "mm/audit.h"

/* An entry on the way down, with the rights of all levels above it. */
struct audit_entry {
    u64 virt;
    u64 bits; /* as it stands in its table */
    phys_t at;
    u32 level;
    bool writable, user, no_execute;
};

struct audit {
    const struct audit_facts *facts;
    enum audit_depth depth;
    audit_report_fn report;
    void *context;
    struct audit_sums sums;
    const char *holder; /* the one being asked */
    u64 unaddressable;  /* bits of an entry: pte_unaddressable() of this CPU */
    bool has_1g_pages;
    /* the direct map: RAM below has been met; the range that comes next */
    u64 direct_next;
    u32 direct_range;
};

/* Owners as a set. */
#define OWNER_BIT(owner) (1UL << (owner))

/* --- audit.c --- */
extern const struct audit_facts *audit_facts;
extern struct audit_space *audit_spaces;
void audit_report(struct audit *audit, const struct audit_finding *finding);
void audit_report_entry(struct audit *audit, enum code code, const char *what,
                        const struct audit_entry *entry, u64 expected, u64 found);

/* --- audit_tables.c: every table of one space --- */
void audit_walk_space(struct audit *audit, const struct page_space *space);
/* Entries of all spaces that reach a frame; *first is one of them. */
u64 audit_count_entries(pfn_t pfn, struct audit_entry *first);

/* --- audit_windows.c: what a leaf of the kernel's half may map --- */
void audit_check_window(struct audit *audit, const struct audit_entry *leaf);
/* What the entry takes the frame that it reaches for, in words. */
const char *audit_part_of(const struct audit_entry *by);
/* Behind the last leaf: all of RAM must have been met. */
void audit_direct_map_end(struct audit *audit);

/* --- audit_frames.c --- */
/* One holder more for each of the frames; they must belong to one of the owners. by:
 * the entry that reaches them, or NULL for a holder without one. */
void audit_hold_frames(struct audit *audit, const struct audit_entry *by, pfn_t first,
                       u64 frames, u64 owners);
/* Compares all words with the tallies and takes the tallies away. */
void audit_check_frames(struct audit *audit);

#endif
