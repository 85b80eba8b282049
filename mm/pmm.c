/* SPDX-License-Identifier: MIT
 *
 * Allocation. The order of steps is what makes it and the release (mm/pmm_free.c) safe
 * without a lock:
 *
 *   alloc  take n from `unpromised` -> take n from an area's counter -> set bits
 *          -> write the words
 *   free   claim the head word -> zero the memory -> write the words -> clear bits
 *          -> raise the counter -> give n to `unpromised`
 *
 * Single frames go over the stack of the CPU (mm/pmm_stack.h), which does the same for
 * many frames at once.
 */
#include "mm/pmm.h"

#include "kernel/base/panic.h"
#include "kernel/base/string.h"
#include "mm/page_ops.h"
#include "mm/pmm_single.h"
#include "mm/ram.h"

struct pmm pmm;

const char *frame_owner_name(enum frame_owner owner)
{
    static const char *const names[OWNER_COUNT] = {
        "none",    "low",       "firmware",    "loader",     "image",
        "symbols", "module",    "frame-table", "page-table", "stack",
        "heap",    "heap-info", "test",
    };
    return (u32)owner < OWNER_COUNT ? names[owner] : "?";
}

const char *frame_state_name(enum frame_state state)
{
    static const char *const names[] = {"absent",   "used",       "used (tail)",
                                        "reserved", "free (new)", "free (zero)"};
    return (u32)state < ARRAY_COUNT(names) ? names[state] : "?";
}

/* --- pools --- */

bool pool_take(u64 *pool, u64 n)
{
    u64 have = atomic_load_u64(pool);
    while (have >= n)
        if (atomic_compare_exchange_u64(pool, &have, have - n))
            return true;
    return false;
}

/* What all areas together cannot give is refused before one is opened for it. Areas
 * move from `untouched` to `unpromised` in that order of addition, so the sum is never
 * read too small; while it suffices and nothing is left to open, another CPU is
 * opening. */
bool unpromised_take(struct pmm_cpu *cpu, u64 n)
{
    for (;;) {
        u64 area, untouched = atomic_load_u64(&pmm.untouched);
        if (untouched + atomic_load_u64(&pmm.unpromised) < n)
            return false;
        if (pool_take(&pmm.unpromised, n))
            return true;
        if (!tree_open_next(cpu, &area))
            cpu_pause();
    }
}

bool pfn_is_open(pfn_t pfn, u64 frames)
{
    if (frames <= AREA_FRAMES && area_of(pfn) == percpu_frames()->known_area)
        return true;
    return pfn.raw < DIRECT_MAP_BYTES >> PAGE_SHIFT &&
           ram_contains(pfn_to_phys(pfn), frames * PAGE_BYTES) &&
           !(atomic_load_u16(area_counter(area_of(pfn))) &
             (AREA_UNTOUCHED | AREA_OPENING));
}

/* --- blocks --- */

/* A free frame that is not zero was written after it was freed. */
static void frame_check_zero(pfn_t pfn, struct frame was)
{
    const u64 *word = pfn_to_ptr(pfn);
    u32 i = 0;
    if (page_is_zero(word))
        return;
    while (word[i] == 0)
        i++;
    panic_code(CODE_FR_08,
               "free frame P:%#lx was written after its release: %#lx at offset %#lx, "
               "expected 0; last owner %s",
               pfn_to_phys(pfn).raw, word[i], i * sizeof(*word),
               frame_owner_name(frame_owner_of(was)));
}

void frame_contents(pfn_t pfn, struct frame was, enum contents contents)
{
    if (pmm.check && frame_state_of(was) == FRAME_ZERO)
        frame_check_zero(pfn, was);
    if (contents == CONTENTS_ZERO && frame_state_of(was) == FRAME_NEW)
        page_zero(pfn_to_ptr(pfn), PAGE_BYTES);
}

static void owned_add(enum frame_owner owner, u64 frames)
{
    u64 flags = irq_save();
    atomic_add_own_u64(&percpu_frames()->owned[owner], frames);
    irq_restore(flags);
}

void tails_fill(struct frame *frame, u32 order, u64 word)
{
    u64 i = 1, count = 1UL << order;
    for (; i < MIN(count, 8UL); i++)
        frame[i].word = word;
    for (; i < count; i += 8) {
        frame[i].word = frame[i + 1].word = frame[i + 2].word = frame[i + 3].word =
            word;
        frame[i + 4].word = frame[i + 5].word = frame[i + 6].word = frame[i + 7].word =
            word;
    }
}

/* All words of a block say that it is free. */
static bool words_are_free(const struct frame *frame, u32 order)
{
    u64 all = frame[0].word, i = 1, count = 1UL << order;
    for (; i < MIN(count, 8UL); i++)
        all &= frame[i].word;
    for (; i < count; i += 8)
        all &= frame[i].word & frame[i + 1].word & frame[i + 2].word &
               frame[i + 3].word & frame[i + 4].word & frame[i + 5].word &
               frame[i + 6].word & frame[i + 7].word;
    return frame_is_free((struct frame){all});
}

void block_own(pfn_t pfn, u32 order, enum frame_owner owner, enum contents contents)
{
    struct frame *frame = frame_at(pfn);
    u64 node = frame->word & FRAME_NODE_MASK;
    ASSERT(words_are_free(frame, order));
    if (contents == CONTENTS_ZERO || pmm.check)
        for (u64 i = 0; i < 1UL << order; i++)
            frame_contents(pfn_add(pfn, i), frame[i], contents);
    tails_fill(frame, order, node | frame_make(owner, FRAME_TAIL, order, 0).word);
    atomic_store_u64(&frame->word, node | frame_make(owner, FRAME_USED, order, 1).word);
    owned_add(owner, 1UL << order);
}

/* A block of several frames: where there are some in use, else in a fresh area; once
 * more when this CPU's stack held what was missing. */
static bool block_find(struct pmm_cpu *cpu, u32 order, pfn_t *out)
{
    do {
        if (!unpromised_take(cpu, 1UL << order))
            continue;
        if (tree_take(cpu, order, true, out))
            return true;
        atomic_fetch_add_u64(&pmm.unpromised, 1UL << order);
    } while (stack_drain(cpu));
    return false;
}

static enum status block_alloc(u32 order, enum frame_owner owner,
                               enum contents contents, pfn_t *out)
{
    if (!order_is_valid(order) || !owner_is_valid(owner))
        return STATUS_INVALID;
    if (request_fails())
        return STATUS_NO_MEMORY;
    if (order == FRAME_ORDER_GIANT)
        return giant_alloc(owner, contents, out);
    pfn_t pfn;
    u64 flags = irq_save();
    struct pmm_cpu *cpu = percpu_frames();
    bool found = order == 0 ? stack_take(cpu, &pfn) : block_find(cpu, order, &pfn);
    irq_restore(flags);
    if (!found)
        return STATUS_NO_MEMORY;
    block_own(pfn, order, owner, contents);
    *out = pfn;
    return STATUS_OK;
}

enum status pmm_alloc(u32 order, enum frame_owner owner, pfn_t *out)
{
    struct frame was;
    if (order != 0 || !owner_is_valid(owner) || !single_pop(owner, out, &was))
        return block_alloc(order, owner, CONTENTS_ZERO, out);
    if (frame_state_of(was) == FRAME_NEW)
        page_zero(pfn_to_ptr(*out), PAGE_BYTES);
    return STATUS_OK;
}

enum status pmm_alloc_raw(u32 order, enum frame_owner owner, pfn_t *out)
{
    if (order != 0 || !owner_is_valid(owner) || !single_alloc_raw(owner, out))
        return block_alloc(order, owner, CONTENTS_RAW, out);
    return STATUS_OK;
}

/* --- facts --- */

struct frame pmm_frame(pfn_t pfn)
{
    if (pmm.total == 0 || pfn.raw >= DIRECT_MAP_BYTES >> PAGE_SHIFT ||
        !ram_contains(pfn_to_phys(pfn), PAGE_BYTES))
        return frame_make(OWNER_NONE, FRAME_ABSENT, 0, 0);
    if (!pfn_is_open(pfn, 1))
        return frame_make(OWNER_NONE, FRAME_NEW, 0, 0);
    return (struct frame){atomic_load_u64(&frame_at(pfn)->word)};
}

void pmm_stats_get(struct pmm_stats *out)
{
    memset(out, 0, sizeof(*out));
    out->total = pmm.total;
    out->promised = atomic_load_u64(&pmm.promised);
    out->untouched = atomic_load_u64(&pmm.untouched);
    out->refused = atomic_load_u64(&pmm.refused);
    for (u32 i = 0; i < OWNER_COUNT; i++)
        out->owned[i] = atomic_load_u64(&pmm.owned[i]);
    for (u32 cpu = 0; cpu < CPU_MAX; cpu++) {
        const struct pmm_cpu *one = pmm.cpu[cpu];
        if (!one)
            continue;
        out->stacked += stack_frames(one);
        out->colour_missed += one->colour_missed;
        for (u32 i = 0; i < OWNER_COUNT; i++)
            out->owned[i] += atomic_load_relaxed_u64(&one->owned[i]);
    }
    out->colours = pmm.colours;
    out->metadata = out->owned[OWNER_FRAME_TABLE] - pmm.table_frames;
    out->free = atomic_load_u64(&pmm.unpromised) + out->promised + out->untouched +
                out->stacked;
}
