/* SPDX-License-Identifier: MIT
 *
 * struct frame: eight bytes that say who owns a frame and in what state it is.
 *
 *   63    54 53        30 29  27 26  24 23    16 15  11 10   8 7    5 4     0
 *   +-------+------------+------+------+--------+------+------+------+-------+
 *   | child |   count    | flags| tally|  node  | order|      | state| owner |
 *   +-------+------------+------+------+--------+------+------+------+-------+
 *
 * One word, so that a change of state is one store. count saturates: a frame that
 * reached FRAME_COUNT_MAX is pinned for ever. State 0 is "no such frame": rubbish and
 * zeroed memory never look free. A free frame keeps its last owner, so that a write
 * after the release can be told by name; OWNER_NONE: it never had one.
 */
#ifndef PLINTH_MM_FRAME_H
#define PLINTH_MM_FRAME_H

#include "mm/addr.h"

enum frame_owner {
    OWNER_NONE,     /* free, or not RAM */
    OWNER_LOW,      /* below 1 MiB, given by range request only */
    OWNER_FIRMWARE, /* frame 0: IVT and BIOS data area */
    OWNER_LOADER,   /* stage1, stage2, boot_info, boot tables; reclaimed */
    OWNER_IMAGE,    /* kernel image with the slack of its segments */
    OWNER_SYMBOLS,
    OWNER_MODULE,
    OWNER_FRAME_TABLE, /* this table, its bits, its page tables */
    OWNER_PAGE_TABLE,
    OWNER_STACK,
    OWNER_HEAP,      /* pages of the heap window */
    OWNER_HEAP_INFO, /* page descriptors and tables of the heap window */
    OWNER_TEST,
    OWNER_COUNT,
};

/* The free states are those with FRAME_FREE_BIT set in the word. */
enum frame_state {
    FRAME_ABSENT,
    FRAME_USED,     /* head of an allocated block */
    FRAME_TAIL,     /* further frame of an allocated block */
    FRAME_RESERVED, /* owned since boot, never given by an ordinary allocation */
    FRAME_NEW,      /* free, contents unknown: zeroed on allocation */
    FRAME_ZERO,     /* free, all zero */
};

struct frame {
    u64 word;
};

#define FRAME_COUNT_MAX   0xFFFFFF
#define FRAME_ORDER_MAX   9
#define FRAME_ORDER_GIANT 18 /* 1 GiB: the one order above */

#define FRAME_FREE_BIT    0x80
#define FRAME_NODE_SHIFT  16
#define FRAME_NODE_MASK   0x0000000000FF0000 /* what a frame keeps all its life */
#define FRAME_FLAGS_MASK  0x000000003F000000

static inline struct frame frame_make(enum frame_owner owner, enum frame_state state,
                                      u32 order, u32 count)
{
    return (struct frame){(u64)owner | (u64)state << 5 | (u64)order << 11 |
                          (u64)count << 30};
}
static inline enum frame_owner frame_owner_of(struct frame f)
{
    return (enum frame_owner)(f.word & 31);
}
static inline enum frame_state frame_state_of(struct frame f)
{
    return (enum frame_state)(f.word >> 5 & 7);
}
static inline u32 frame_order_of(struct frame f)
{
    return (u32)(f.word >> 11 & 31);
}
static inline u32 frame_count_of(struct frame f)
{
    return (u32)(f.word >> 30 & FRAME_COUNT_MAX);
}

/* The auditor's: holders it has met so far, FRAME_TALLY_MAX or more. 0 unless it runs.
 */
#define FRAME_TALLY     (1UL << 24)
#define FRAME_TALLY_MAX 7
static inline u32 frame_tally_of(struct frame f)
{
    return (u32)(f.word >> 24 & FRAME_TALLY_MAX);
}

/* Page tables: entries of the table that are not 0. Only mm/page_table changes it, one
 * FRAME_CHILD at a time or more; it is 0 again before the frame is given back, which
 * refuses a table that still maps something. */
#define FRAME_CHILD (1UL << 54)
static inline u32 frame_children_of(struct frame f)
{
    return (u32)(f.word >> 54);
}

static inline bool frame_is_free(struct frame f)
{
    return (f.word & FRAME_FREE_BIT) != 0;
}

/* A word for people. Any context. */
const char *frame_owner_name(enum frame_owner owner);
const char *frame_state_name(enum frame_state state);

#endif
