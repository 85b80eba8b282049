/* SPDX-License-Identifier: MIT
 *
 * Where the metadata of a frame lies: plain arrays indexed by frame or area number, in
 * a window so wide that the index needs no translation, backed only where there is RAM.
 *
 * Owns:     the window at FRAME_TABLE_BASE and the list of area spans.
 * Does not: know what is free; that is mm/pmm.
 * Life:     frame_table_build once, then read-only.
 */
#ifndef PLINTH_MM_FRAME_TABLE_H
#define PLINTH_MM_FRAME_TABLE_H

#include "mm/frame.h"
#include "mm/pmm.h"

#define AREA_ORDER         9
#define AREA_FRAMES        512
#define AREA_WORDS         8 /* 64-bit words of its bit-field */

#define TREE_ORDER         5 /* areas of a tree */
#define TREE_AREAS         32

#define FRAME_BITS_BASE    (FRAME_TABLE_BASE + 0x2000000000)
#define FRAME_COUNTER_BASE (FRAME_TABLE_BASE + 0x3000000000)
#define FRAME_TREE_BASE    (FRAME_TABLE_BASE + 0x3800000000)

/* A run of neighbouring areas each of which holds some RAM. */
struct area_span {
    u64 first;
    u64 end;
};

/* 32 areas. Its counters are one cache line, it is another. */
struct tree {
    u32 free;            /* frames in its open areas, or more for a moment */
    u32 untouched_areas; /* areas not opened yet */
    u32 holder;          /* index + 1 of the CPU that takes from it; 0: none */
} ALIGNED(64);

struct frame_table_place {
    phys_t base;
    u64 frames; /* page tables included */
    u64 table_frames;
};

/* Finds contiguous RAM outside `uses`, maps the arrays there, and says what it took.
 * Panics when there is no room. The arrays' contents are rubbish afterwards, but for
 * page tables. */
void frame_table_build(phys_t root, const struct pmm_use *uses, u32 use_count,
                       struct frame_table_place *out);

u32 area_span_count(void);
const struct area_span *area_span_at(u32 index);

static inline u64 area_of(pfn_t pfn)
{
    return pfn.raw >> AREA_ORDER;
}
static inline struct frame *frame_at(pfn_t pfn)
{
    return (struct frame *)(uintptr_t)FRAME_TABLE_BASE + pfn.raw;
}
static inline u64 *area_bits(u64 area)
{
    return (u64 *)(uintptr_t)FRAME_BITS_BASE + area * AREA_WORDS;
}
static inline u16 *area_counter(u64 area)
{
    return (u16 *)(uintptr_t)FRAME_COUNTER_BASE + area;
}
static inline struct tree *tree_at(u64 tree)
{
    return (struct tree *)(uintptr_t)FRAME_TREE_BASE + tree;
}
static inline struct tree *tree_of(u64 area)
{
    return tree_at(area >> TREE_ORDER);
}
/* The node of an area's frames: one until the firmware's tables are read. */
static inline u32 area_node(u64 area)
{
    (void)area;
    return 0;
}

#endif
