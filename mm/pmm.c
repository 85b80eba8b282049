/* SPDX-License-Identifier: MIT
 *
 * Allocation and release. The order of steps is what makes it safe without a lock:
 *
 *   alloc  take n from `unpromised`  ->  take n from an area's counter  ->  set bits ->
 * words free   claim the head word       ->  zero the memory  ->  words  ->  clear bits
 * ->  counter
 *          ->  give n to `unpromised`
 *
 * A counter is raised only after its bits are clear and lowered before they are set, so
 * whoever has lowered it for one frame will find a bit. For larger blocks the count is
 * a hope: fragmentation may deny it, and then it is given back.
 */
#include "mm/pmm.h"

#include "kernel/arch/percpu.h"
#include "kernel/arch/spinlock.h"
#include "kernel/base/atomic.h"
#include "kernel/base/bits.h"
#include "kernel/base/string.h"
#include "mm/frame_table.h"
#include "mm/pmm_internal.h"
#include "mm/ram.h"

/* Looks for a promised frame before its absence counts as a broken invariant. */
#define PROMISE_TRIES 1000

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
    static const char *const names[] = {"absent", "free (new)",  "free (zero)",
                                        "used",   "used (tail)", "reserved"};
    return (u32)state < ARRAY_COUNT(names) ? names[state] : "?";
}

/* --- pools --- */

/* Takes n from *pool if it holds as many. */
static bool pool_take(u64 *pool, u64 n)
{
    u64 have = atomic_load_u64(pool);
    while (have >= n)
        if (atomic_compare_exchange_u64(pool, &have, have - n))
            return true;
    return false;
}

/* Frame numbers may come from anywhere: beyond the direct map they would wrap. */
static bool pfn_is_ram(pfn_t pfn, u64 frames)
{
    return pfn.raw < DIRECT_MAP_BYTES >> PAGE_SHIFT &&
           ram_contains(pfn_to_phys(pfn), frames * PAGE_BYTES);
}

/* --- areas --- */

void area_words_init(u64 area)
{
    struct frame *frame = frame_at(pfn_make(area << AREA_ORDER));
    struct frame fresh = frame_make(OWNER_NONE, FRAME_NEW, 0, 0);
    for (u32 i = 0; i < AREA_FRAMES; i++)
        frame[i] = fresh;
    u64 *bits = area_bits(area);
    for (u32 i = 0; i < AREA_WORDS; i++)
        bits[i] = 0;
}

/* The next untouched area, from the highest RAM downwards; needs pmm.open_lock. */
static bool area_next_untouched(u64 *out)
{
    while (pmm.open_span > 0) {
        const struct area_span *span = area_span_at(pmm.open_span - 1);
        while (pmm.open_end > span->first)
            if (*area_counter(--pmm.open_end) & AREA_UNTOUCHED) {
                *out = pmm.open_end;
                return true;
            }
        if (--pmm.open_span > 0)
            pmm.open_end = area_span_at(pmm.open_span - 1)->end;
    }
    return false;
}

/* Opens one area: its frames become unpromised. False when all are open. */
static bool area_open_next(u64 *area)
{
    u64 flags = spin_lock_irqsave(&pmm.open_lock);
    bool found = area_next_untouched(area);
    if (found) {
        area_words_init(*area);
        atomic_store_u16(area_counter(*area), AREA_FRAMES);
        atomic_fetch_add_u64(&pmm.unpromised, AREA_FRAMES);
        atomic_fetch_sub_u64(&pmm.untouched, AREA_FRAMES);
    }
    spin_unlock_irqrestore(&pmm.open_lock, flags);
    return found;
}

/* Takes n from pool, opening areas until it can. */
static bool unpromised_take(u64 n)
{
    u64 area;
    /* What all areas together cannot give is refused before one is opened for it. Areas
     * move from `untouched` to `unpromised` in that order of addition, so the sum is
     * never read too small. */
    if (atomic_load_u64(&pmm.untouched) + atomic_load_u64(&pmm.unpromised) < n)
        return false;
    while (!pool_take(&pmm.unpromised, n))
        if (!area_open_next(&area))
            return pool_take(&pmm.unpromised, n);
    return true;
}

static bool counter_take(u64 area, u32 n)
{
    u16 *counter = area_counter(area);
    u16 have = atomic_load_u16(counter);
    while (!(have & AREA_UNTOUCHED) && have >= n)
        if (atomic_compare_exchange_u16(counter, &have, (u16)(have - n)))
            return true;
    return false;
}

static void counter_give(u64 area, u32 n)
{
    atomic_fetch_add_u16(area_counter(area), (u16)n);
}

/* --- bits --- */

/* The lowest aligned run of 2^order clear bits in a word, order 0..5; 64 when there is
 * none. */
static u32 word_find_run(u64 word, u32 order)
{
    /* every bit of `clear` whose run above it is clear as well, then only aligned
     * starts */
    static const u64 starts[] = {~0UL,
                                 0x5555555555555555,
                                 0x1111111111111111,
                                 0x0101010101010101,
                                 0x0001000100010001,
                                 0x0000000100000001};
    u64 clear = ~word;
    for (u32 i = 0; i < order; i++)
        clear &= clear >> (1u << i);
    clear &= starts[order];
    return clear ? bits_lowest(clear) : 64;
}

/* Sets a run inside one word; false when somebody was quicker and no run is left there.
 */
static bool word_take_run(u64 *word, u32 order, u32 *bit)
{
    u64 have = atomic_load_u64(word);
    for (;;) {
        *bit = word_find_run(have, order);
        if (*bit == 64)
            return false;
        u64 run = ((1UL << (1u << order)) - 1) << *bit;
        if (atomic_compare_exchange_u64(word, &have, have | run))
            return true;
    }
}

/* Takes `words` whole words from index on, or none. */
static bool words_take(u64 *bits, u32 words)
{
    for (u32 i = 0; i < words; i++) {
        u64 expected = 0;
        if (atomic_compare_exchange_u64(&bits[i], &expected, ~0UL))
            continue;
        while (i-- > 0)
            atomic_store_u64(&bits[i], 0);
        return false;
    }
    return true;
}

/* Finds and sets 2^order bits in an area; *index is the first frame's place in it. */
static bool bits_take(u64 area, u32 order, u32 *index)
{
    u64 *bits = area_bits(area);
    if (order < 6) {
        u32 bit;
        for (u32 i = 0; i < AREA_WORDS; i++)
            if (word_take_run(&bits[i], order, &bit)) {
                *index = i * 64 + bit;
                return true;
            }
        return false;
    }
    u32 words = 1u << (order - 6);
    for (u32 i = 0; i < AREA_WORDS; i += words)
        if (words_take(&bits[i], words)) {
            *index = i * 64;
            return true;
        }
    return false;
}

static void bits_give(u64 area, u32 index, u32 order)
{
    u64 *bits = area_bits(area) + index / 64;
    if (order < 6) {
        u64 run = ((1UL << (1u << order)) - 1) << (index % 64);
        atomic_fetch_and_u64(bits, ~run);
        return;
    }
    for (u32 i = 0; i < 1u << (order - 6); i++)
        atomic_store_u64(&bits[i], 0);
}

/* --- blocks --- */

static bool area_take(u64 area, u32 order, pfn_t *out)
{
    u32 index;
    if (!counter_take(area, 1u << order))
        return false;
    if (!bits_take(area, order, &index)) {
        counter_give(area, 1u << order);
        return false;
    }
    *out = pfn_make((area << AREA_ORDER) + index);
    return true;
}

/* Any open area that has the block, the highest first. */
static bool any_area_take(u32 order, pfn_t *out)
{
    for (u32 i = area_span_count(); i-- > 0;) {
        const struct area_span *span = area_span_at(i);
        for (u64 area = span->end; area-- > span->first;)
            if (area_take(area, order, out))
                return true;
    }
    return false;
}

/* Finds a block for which the pools have been charged already. */
static bool block_take(u32 order, bool may_open, pfn_t *out)
{
    u64 *hint = &pmm.cpu[percpu()->index].hint;
    if (area_take(*hint, order, out))
        return true;
    u64 area;
    bool found = any_area_take(order, out);
    while (!found && may_open && area_open_next(&area))
        found = area_take(area, order, out);
    if (found)
        *hint = area_of(*out);
    return found;
}

/* What the allocator does to the contents: frames are zeroed where their state does not
 * say that they are zero already, or left alone. */
enum contents { CONTENTS_ZERO, CONTENTS_RAW };

/* Makes the block its owner's. */
static void block_own(pfn_t pfn, u32 order, enum frame_owner owner,
                      enum contents contents)
{
    struct frame *frame = frame_at(pfn);
    for (u32 i = 0; i < 1u << order; i++) {
        ASSERT(frame_state_of(frame[i]) == FRAME_NEW ||
               frame_state_of(frame[i]) == FRAME_ZERO);
        if (contents == CONTENTS_ZERO && frame_state_of(frame[i]) == FRAME_NEW)
            memset(pfn_to_ptr(pfn_add(pfn, i)), 0, PAGE_BYTES);
        frame[i] = frame_make(owner, i == 0 ? FRAME_USED : FRAME_TAIL, order, i == 0);
    }
    atomic_fetch_add_u64(&pmm.owned[owner], 1u << order);
}

static enum status block_alloc(u32 order, enum frame_owner owner,
                               enum contents contents, pfn_t *out)
{
    if (order > FRAME_ORDER_MAX || owner == OWNER_NONE || (u32)owner >= OWNER_COUNT)
        return STATUS_INVALID;
    if (!unpromised_take(1u << order))
        return STATUS_NO_MEMORY;
    if (!block_take(order, true, out)) {
        atomic_fetch_add_u64(&pmm.unpromised, 1u << order);
        return STATUS_NO_MEMORY;
    }
    block_own(*out, order, owner, contents);
    return STATUS_OK;
}

enum status pmm_alloc(u32 order, enum frame_owner owner, pfn_t *out)
{
    return block_alloc(order, owner, CONTENTS_ZERO, out);
}

enum status pmm_alloc_raw(u32 order, enum frame_owner owner, pfn_t *out)
{
    return block_alloc(order, owner, CONTENTS_RAW, out);
}

static enum status refuse(void)
{
    atomic_fetch_add_u64(&pmm.refused, 1);
    return STATUS_INVALID;
}

/* Claims a used block for its release: the head word changes in one step, so that of
 * two frees of the same block one is refused. */
static bool block_claim(pfn_t pfn, u32 order, enum frame_owner owner)
{
    if (order > FRAME_ORDER_MAX || !IS_ALIGNED(pfn.raw, 1UL << order) ||
        !pfn_is_ram(pfn, 1UL << order))
        return false;
    if (*area_counter(area_of(pfn)) & AREA_UNTOUCHED)
        return false;
    u64 expected = frame_make(owner, FRAME_USED, order, 1).word;
    return atomic_compare_exchange_u64(&frame_at(pfn)->word, &expected,
                                       frame_make(OWNER_NONE, FRAME_ZERO, 0, 0).word);
}

/* Puts a claimed block back into its area; the caller decides about the pool. */
static void block_give(pfn_t pfn, u32 order, enum frame_owner owner,
                       enum contents contents)
{
    enum frame_state state = contents == CONTENTS_ZERO ? FRAME_ZERO : FRAME_NEW;
    if (contents == CONTENTS_ZERO)
        memset(pfn_to_ptr(pfn), 0, (u64)PAGE_BYTES << order);
    struct frame *frame = frame_at(pfn);
    for (u32 i = 0; i < 1u << order; i++)
        frame[i] = frame_make(OWNER_NONE, state, 0, 0);
    atomic_fetch_sub_u64(&pmm.owned[owner], 1u << order);
    bits_give(area_of(pfn), pfn.raw % AREA_FRAMES, order);
    counter_give(area_of(pfn), 1u << order);
    pmm.cpu[percpu()->index].hint = area_of(pfn);
}

static enum status block_free(pfn_t pfn, u32 order, enum frame_owner owner,
                              enum contents contents)
{
    if (!block_claim(pfn, order, owner))
        return refuse();
    block_give(pfn, order, owner, contents);
    atomic_fetch_add_u64(&pmm.unpromised, 1u << order);
    return STATUS_OK;
}

enum status pmm_free(pfn_t pfn, u32 order, enum frame_owner owner)
{
    return block_free(pfn, order, owner, CONTENTS_ZERO);
}

enum status pmm_free_raw(pfn_t pfn, u32 order, enum frame_owner owner)
{
    return block_free(pfn, order, owner, CONTENTS_RAW);
}

/* --- promises --- */

enum status pmm_promise(u64 frames)
{
    if (!unpromised_take(frames))
        return STATUS_NO_MEMORY;
    atomic_fetch_add_u64(&pmm.promised, frames);
    return STATUS_OK;
}

void pmm_promise_return(u64 frames)
{
    /* A page fault that loses its race holds somebody's promise for a moment. */
    bool had = false;
    for (u32 tries = 0; !had && tries < PROMISE_TRIES; tries++)
        had = pool_take(&pmm.promised, frames);
    ASSERT(had);
    atomic_fetch_add_u64(&pmm.unpromised, frames);
}

bool pmm_take_promised(enum frame_owner owner, pfn_t *out)
{
    if (!pool_take(&pmm.promised, 1))
        return false;
    /* The frame exists: open areas hold unpromised + promised free frames. Another CPU
     * may hold a counter for a moment while it fails to find a large block, so look
     * again a few times. */
    bool found = false;
    for (u32 tries = 0; !found && tries < PROMISE_TRIES; tries++)
        found = block_take(0, false, out);
    ASSERT(found);
    block_own(*out, 0, owner, CONTENTS_ZERO);
    return true;
}

enum status pmm_free_to_promise(pfn_t pfn, enum frame_owner owner)
{
    if (!block_claim(pfn, 0, owner))
        return refuse();
    block_give(pfn, 0, owner, CONTENTS_ZERO);
    atomic_fetch_add_u64(&pmm.promised, 1);
    return STATUS_OK;
}

/* --- facts --- */

struct frame pmm_frame(pfn_t pfn)
{
    if (pmm.total == 0 || !pfn_is_ram(pfn, 1))
        return frame_make(OWNER_NONE, FRAME_ABSENT, 0, 0);
    if (*area_counter(area_of(pfn)) & AREA_UNTOUCHED)
        return frame_make(OWNER_NONE, FRAME_NEW, 0, 0);
    return (struct frame){atomic_load_u64(&frame_at(pfn)->word)};
}

void pmm_stats_get(struct pmm_stats *out)
{
    out->total = pmm.total;
    out->promised = atomic_load_u64(&pmm.promised);
    out->untouched = atomic_load_u64(&pmm.untouched);
    out->free = atomic_load_u64(&pmm.unpromised) + out->promised + out->untouched;
    out->refused = atomic_load_u64(&pmm.refused);
    for (u32 i = 0; i < OWNER_COUNT; i++)
        out->owned[i] = atomic_load_u64(&pmm.owned[i]);
}
