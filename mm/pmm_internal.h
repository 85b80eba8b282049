/* SPDX-License-Identifier: MIT
 *
 * State shared by the files of the frame allocator and by nobody else, from the pools
 * at the top down to the bits:
 *
 *   pmm_cpu   a stack of frame numbers of each CPU       mm/pmm_stack.[ch]
 *   pmm       pools: unpromised, promised, untouched     mm/pmm.c, mm/pmm_promise.c
 *   trees     32 areas each, held by one CPU at a time   mm/pmm_tree.c
 *   areas     a counter and 512 bits each                mm/pmm_area.c
 *
 * What keeps it exact without a lock: each level is charged before the one below is
 * touched, and is given back after it. So at any moment
 *
 *   clear bits of an area    >= its counter
 *   sum of the counters      >= unpromised + promised
 *   free of a tree           >= sum of the counters of its areas
 *
 * and whoever has been charged finds what it was charged for; pmm_verify demands
 * equality when nobody is in between.
 */
#ifndef PLINTH_MM_PMM_INTERNAL_H
#define PLINTH_MM_PMM_INTERNAL_H

#include "kernel/arch/percpu.h"
#include "kernel/arch/spinlock.h"
#include "mm/frame_table.h"
#include "mm/pmm.h"

/* In an area's counter: its bits and words have never been written; somebody is writing
 * them now. */
#define AREA_UNTOUCHED   0x8000
#define AREA_OPENING     0x4000

#define PMM_STACK_FRAMES 128
#define PMM_BATCH        64 /* frames that go up or down at once */
#define PMM_NO_AREA      (~0UL)
#define PMM_NO_TREE      (~0UL)

/* Of one CPU. Written by it alone, with interrupts off; the counters may be read by
 * others. */
struct pmm_cpu {
    u64 count;       /* frames on the stack */
    u64 limit;       /* as many may be; 0: the short way is closed (colours, checks) */
    u64 known_area;  /* an open area: what is freed there needs no further look */
    u64 tree;        /* held, or PMM_NO_TREE */
    u32 search_rest; /* mm/pmm_tree.c */
    u32 next_colour;
    u32 colour_missed; /* frames of another colour than the one whose turn it was */
    u64 owned[OWNER_COUNT]; /* differences: a frame may be freed where it was not taken
                             */
    u64 frames[PMM_STACK_FRAMES];
    u8 colour_count[PMM_COLOURS_MAX]; /* frames in each part of the stack */
} ALIGNED(64);

struct pmm {
    u64 total;
    u64 unpromised ALIGNED(64);
    u64 promised ALIGNED(64);
    u64 untouched ALIGNED(64);
    u64 refused;
    u64 owned[OWNER_COUNT];   /* what no CPU's counters hold */
    u64 table_frames;         /* page tables among OWNER_FRAME_TABLE's since boot */
    u64 fresh_tree;           /* hint: no tree above has untouched areas */
    u32 colours;              /* 0: off */
    bool check;               /* look whether free frames are really zero */
    struct spinlock low_lock; /* frames below 1 MiB */
    struct pmm_cpu *cpu[CPU_MAX];
    u64 fail_left; /* mm/pmm_fail.h: requests until one fails on purpose; 0: none */
    bool fail_happened;
};

extern struct pmm pmm;

/* Asked by every request that may fail, on the long way: the short one is closed while
 * a failure is ordered. */
static inline bool request_fails(void)
{
    if (__builtin_expect(pmm.fail_left == 0, 1) || --pmm.fail_left != 0)
        return false;
    pmm.fail_happened = true;
    return true;
}

static inline bool owner_is_valid(enum frame_owner owner)
{
    return (u32)owner - 1 < OWNER_COUNT - 1;
}
static inline bool order_is_valid(u32 order)
{
    return order <= FRAME_ORDER_MAX || order == FRAME_ORDER_GIANT;
}

/* A frame keeps its node. */
static inline void frame_set(struct frame *frame, struct frame word)
{
    frame->word = (frame->word & FRAME_NODE_MASK) | word.word;
}

/* --- mm/pmm.c --- */

/* What the allocator does to the contents: frames are zeroed where their state does not
 * say that they are zero already, or left alone. */
enum contents { CONTENTS_ZERO, CONTENTS_RAW };

/* Of a frame that was free with this word: zeroed, when that is asked for and the word
 * does not say that it is zero already. With check=frames one that says so is looked
 * at, and FR-08 is the death when it is not. */
void frame_contents(pfn_t pfn, struct frame was, enum contents contents);
/* Takes n from *pool if it holds as many. */
bool pool_take(u64 *pool, u64 n);
/* Takes n unpromised frames, opening areas until there are as many. */
bool unpromised_take(struct pmm_cpu *cpu, u64 n);
/* Makes a block, whose bits were taken, its owner's; contents as asked for. */
void block_own(pfn_t pfn, u32 order, enum frame_owner owner, enum contents contents);
/* Writes one word to all frames of a block behind its head. */
void tails_fill(struct frame *frame, u32 order, u64 word);
/* Counts the refusal of a free and says by a code what is wrong with it
 * (kernel/base/refusal.h). Always STATUS_INVALID. */
enum status pmm_refuse(pfn_t pfn, u32 order, enum frame_owner owner);
/* RAM, and in an area that is open. Frame numbers may come from anywhere. */
bool pfn_is_open(pfn_t pfn, u64 frames);

/* --- mm/pmm_free.c --- */

/* Claims a used block for its release: the head word changes in one step. */
bool block_claim(pfn_t pfn, u32 order, enum frame_owner owner, enum frame_state state);
/* The memory and the words of a claimed block become free; its bits do not yet. */
void block_clear(pfn_t pfn, u32 order, enum frame_owner owner, enum frame_state state);
/* And now its bits, and *pool gets the frames. Single frames of `unpromised` go to the
 * stack; what becomes a promise must not. */
void block_give(pfn_t pfn, u32 order, enum frame_owner owner, u64 *pool);
/* The three together. */
enum status block_free(pfn_t pfn, u32 order, enum frame_owner owner,
                       enum frame_state state, u64 *pool);

/* --- mm/pmm_run.c --- */

/* A block of FRAME_ORDER_GIANT. */
enum status giant_alloc(enum frame_owner owner, enum contents contents, pfn_t *out);

/* --- mm/pmm_tree.c; interrupts are off, so that the CPU stays the same --- */

/* A block that the pools were charged for, from a fresh area when no open one has it
 * and that is allowed. False: there is none, or (one frame) another CPU is holding what
 * there is for a moment. */
bool tree_take(struct pmm_cpu *cpu, u32 order, bool may_open, pfn_t *out);
/* Up to `most` single frames of the places in `among` of each 64; 0 as above. */
u32 tree_take_frames(struct pmm_cpu *cpu, u32 most, u64 among, u64 *out);
/* Puts a block's bits and counts back; its words say that it is free already. The
 * caller gives to a pool afterwards. */
void tree_give(pfn_t pfn, u32 order);
/* Takes `frames` given frames inside one area, or none. */
bool tree_take_exact(pfn_t first, u32 frames);
void tree_give_exact(pfn_t first, u32 frames);
/* The frames of one word of an area's bits, by mask. */
void tree_give_mask(u64 area, u32 word, u64 mask);

/* --- mm/pmm_fresh.c; interrupts are off --- */

/* Opens the next untouched area, the highest first: its frames become unpromised. False
 * when there is none left. */
bool tree_open_next(struct pmm_cpu *cpu, u64 *area);

/* --- mm/pmm_area.c --- */

/* Writes the 512 words (NEW) and clears the bits of an area. */
void area_words_init(u64 area);
/* Opens an area if nobody else has or does: its frames become unpromised. Interrupts
 * are off. */
bool area_open(u64 area);
/* Takes a block out of an open area: counter and bits. False: it has none. */
bool area_take(u64 area, u32 order, pfn_t *out);
/* Up to `most` single frames of the places in `among` of each 64; 0: it has none. */
u32 area_take_frames(u64 area, u32 most, u64 among, u64 *out);
/* Takes `frames` given frames, all inside the area, or none. */
bool area_take_exact(pfn_t first, u32 frames);
/* Which of these frames, all inside the area, is the first that is not free; `frames`
 * when all are. */
u32 area_blocked(pfn_t first, u32 frames);
void area_give(pfn_t pfn, u32 order);
void area_give_mask(u64 area, u32 word, u64 mask);
/* Free frames of an open area, else 0. */
u32 area_free(u64 area);

#endif
