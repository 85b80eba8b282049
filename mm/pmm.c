/* SPDX-License-Identifier: MIT
 *
 * Allocation and release. The order of steps is what makes it safe without a lock:
 *
 *   alloc  take n from `unpromised` -> take n from an area's counter -> set bits
 *          -> write the words
 *   free   claim the head word -> zero the memory -> write the words -> clear bits
 *          -> raise the counter -> give n to `unpromised`
 *
 * The part about areas is in mm/pmm_area.c.
 */
#include "mm/pmm.h"

#include "kernel/arch/percpu.h"
#include "kernel/base/atomic.h"
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

/* --- blocks --- */

/* Finds a block for which the pools have been charged already: where the last one came
 * from, else in a fresh area, and only then anywhere, because looking everywhere costs
 * some instructions for each 2 MiB of RAM. */
static bool block_take(u32 order, bool may_open, pfn_t *out)
{
    u64 *hint = &pmm.cpu[percpu()->index].hint;
    if (area_take(*hint, order, out))
        return true;
    u64 area;
    bool found = may_open && area_open_next(&area) && area_take(area, order, out);
    if (!found)
        found = any_area_take(order, out);
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
    area_give(pfn, order);
    pmm.cpu[percpu()->index].hint = area_of(pfn);
}

static enum status block_free(pfn_t pfn, u32 order, enum frame_owner owner,
                              enum contents contents)
{
    if (!block_claim(pfn, order, owner))
        return pmm_refuse(pfn, order, owner);
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
        return pmm_refuse(pfn, 0, owner);
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
