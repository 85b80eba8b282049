/* SPDX-License-Identifier: MIT
 *
 * A walk of page tables through the identity map, as the CPU does it, for those who
 * want to know before CR3 is loaded what they will have, or after a fault what they
 * lacked. Nothing that stands in an entry is trusted: a table outside of RAM ends the
 * walk.
 */
#ifndef PLINTH_KERNEL_EARLY_WALK_H
#define PLINTH_KERNEL_EARLY_WALK_H

#include "kernel/base/types.h"

enum walk_end {
    WALK_LEAF,
    WALK_ABSENT,    /* the last entry is not present */
    WALK_RESERVED,  /* the last entry has reserved bits set */
    WALK_BAD_TABLE, /* the last entry points to a table that is not in RAM */
    WALK_NOT_CANONICAL,
};

struct early_walk {
    u64 virt;
    u64 phys;     /* for WALK_LEAF */
    u64 reserved; /* those bits of the last entry */
    enum walk_end end;
    u32 count; /* entries seen, PML4 first */
    u32 slot[4];
    u64 entry[4];
};

/* What is wanted of a page. */
#define WANT_READ       0
#define WANT_WRITE      1
#define WANT_EXECUTE    2

#define WALK_TEXT_BYTES 120

/* "PML4", "PDPT", "PD", "PT": the table of a walk's entry. */
const char *early_walk_table(u32 index);

void early_walk(u64 root, u64 virt, struct early_walk *out);

/* Whether an access is refused; if so `entry` is the refusing one's index and out says
 * why: "PML4[511] is no-execute, and with it 512 GiB". */
bool early_walk_refuses(const struct early_walk *walk, u32 want, u32 *entry,
                        char out[WALK_TEXT_BYTES]);

/* Whether memory can be read there now. */
bool early_is_mapped(u64 virt, u64 bytes);

#endif
