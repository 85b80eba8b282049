/* SPDX-License-Identifier: MIT
 *
 * Trees of the frame allocator: 32 areas, 64 MiB, whose counters share a cache line. A
 * CPU holds one, so that CPUs which allocate at the same time write to different lines;
 * holding is a habit, not a right: whoever finds nothing elsewhere takes from any tree.
 *
 * Where a block comes from, so that whole areas stay whole; above 4 GiB first:
 *
 *   1. the fullest area of the own tree, if that is at least half used
 *   2. the fullest of those that nobody holds, whose tree is held from then on
 *   3. any open area of the own tree, of any tree
 *   4. a fresh area, except in the page fault, which opens none
 *
 * After the tree allocators of LLFree (Wrenger et al., USENIX ATC 2023), with another
 * choice of area and without the local copy of a tree's count: a tree has a cache line
 * of its own here, so the CPU that holds it owns the line anyway.
 */
#include "kernel/base/atomic.h"
#include "kernel/base/bits.h"
#include "mm/pmm_zone.h"

/* A search for a better tree looks into so many, and passes at most so many by. */
#define SEARCH_LOOKED 64
#define SEARCH_PASSED 1024
/* So many allocations go by after one that found nothing better. */
#define SEARCH_REST   8
/* An area with at most so many free frames is good enough to stay with. */
#define HALF_USED     (AREA_FRAMES / 2)

struct pick {
    u64 area;
    u32 free;
};

/* The fullest area of a tree with `least`..`most` free frames that is not in `tried`.
 */
static struct pick tree_fullest(u64 tree, u32 least, u32 most, u32 tried)
{
    struct pick best = {PMM_NO_AREA, most + 1};
    for (u32 i = TREE_AREAS; i-- > 0;) {
        u64 area = (tree << TREE_ORDER) + i;
        u32 free = area_free(area);
        if (free >= least && free < best.free && !(tried >> i & 1))
            best = (struct pick){area, free};
    }
    return best;
}

/* What is wanted: a block, or some single frames. */
struct want {
    u32 order;
    u32 most;    /* single frames, 0: a block */
    u64 among;   /* of these places in each word */
    u64 *frames; /* where they go */
    bool may_open;
    pfn_t block;
    u32 got;
};

/* Counts against the tree follow what its area gave. */
static bool want_from_area(struct want *want, u64 area)
{
    if (want->most != 0)
        want->got = area_take_frames(area, want->most, want->among, want->frames);
    else
        want->got = area_take(area, want->order, &want->block) ? 1u << want->order : 0;
    if (want->got == 0)
        return false;
    atomic_fetch_sub_u32(&tree_of(area)->free, want->got);
    return true;
}

static bool want_from_tree(struct want *want, u64 tree, u32 most_free)
{
    u32 tried = 0;
    if (atomic_load_relaxed_u32(&tree_at(tree)->free) < 1u << want->order)
        return false;
    for (;;) {
        struct pick pick = tree_fullest(tree, 1u << want->order, most_free, tried);
        if (pick.area == PMM_NO_AREA)
            return false;
        if (want_from_area(want, pick.area))
            return true;
        tried |= 1u << pick.area % TREE_AREAS;
    }
}

/* The tree nobody holds with the fullest area that may have what is wanted, if that is
 * fuller than `most` free frames. */
static u64 zone_search(const struct zone *zone, const struct want *want, u32 most)
{
    struct pick best = {PMM_NO_AREA, most + 1};
    u32 looked = 0, passed = 0;
    zone_for_each(tree, zone)
    {
        const struct tree *t = tree_at(tree);
        if (looked == SEARCH_LOOKED || ++passed == SEARCH_PASSED)
            break;
        if (atomic_load_relaxed_u32(&t->holder) != 0 ||
            atomic_load_relaxed_u32(&t->free) < 1u << want->order)
            continue;
        struct pick pick = tree_fullest(tree, 1u << want->order, best.free - 1, 0);
        if (pick.area != PMM_NO_AREA)
            best = pick;
        looked++;
    }
    return best.area == PMM_NO_AREA ? PMM_NO_TREE : best.area >> TREE_ORDER;
}

static bool want_from_held(struct pmm_cpu *cpu, struct want *want, u64 tree,
                           u32 most_free)
{
    if (!want_from_tree(want, tree, most_free))
        return false;
    tree_hold(cpu, tree);
    return true;
}

/* The own tree as long as it has a well filled area, else a better one. A search that
 * found nothing better is not repeated at once. */
static bool want_from_partial(struct pmm_cpu *cpu, struct want *want,
                              const struct zone *zone)
{
    struct pick own = {PMM_NO_AREA, AREA_FRAMES};
    if (zone_has(zone, cpu->tree))
        own = tree_fullest(cpu->tree, 1u << want->order, AREA_FRAMES - 1, 0);
    if (own.free > HALF_USED && cpu->search_rest-- == 0) {
        cpu->search_rest = SEARCH_REST;
        u64 tree = zone_search(zone, want, own.free - 1);
        if (tree != PMM_NO_TREE && want_from_held(cpu, want, tree, AREA_FRAMES - 1)) {
            cpu->search_rest = 0;
            return true;
        }
    }
    return own.area != PMM_NO_AREA && want_from_tree(want, cpu->tree, AREA_FRAMES - 1);
}

/* Any tree, whoever holds it. Bounded by their number; no lock. */
static bool want_from_anywhere(struct pmm_cpu *cpu, struct want *want,
                               const struct zone *zone)
{
    zone_for_each(tree, zone)
    {
        if (want_from_held(cpu, want, tree, AREA_FRAMES))
            return true;
    }
    return false;
}

/* The part of a zone in which all areas are open, and the tree below it: further down
 * there are a few at most, and every tree would have to be asked. */
static struct zone zone_used(const struct zone *zone)
{
    u64 fresh = atomic_load_relaxed_u64(&pmm.fresh_tree);
    return (struct zone){MAX(zone->first, MIN(fresh, zone->end)), zone->end};
}

static bool want_from_zone(struct pmm_cpu *cpu, struct want *want,
                           const struct zone *zone)
{
    u64 area;
    struct zone used = want->may_open ? zone_used(zone) : *zone;
    if (want->order != AREA_ORDER && want_from_partial(cpu, want, &used))
        return true;
    if (zone_has(zone, cpu->tree) && want_from_tree(want, cpu->tree, AREA_FRAMES))
        return true;
    if (want_from_anywhere(cpu, want, &used))
        return true;
    while (want->may_open && zone_open(cpu, zone, &area))
        if (want_from_tree(want, area >> TREE_ORDER, AREA_FRAMES))
            return true;
    return want->may_open && want_from_anywhere(cpu, want, zone);
}

static bool want_find(struct pmm_cpu *cpu, struct want *want)
{
    return want_from_zone(cpu, want, &zone_high) ||
           want_from_zone(cpu, want, &zone_low);
}

bool tree_take(struct pmm_cpu *cpu, u32 order, bool may_open, pfn_t *out)
{
    struct want want = {.order = order, .may_open = may_open};
    if (!want_find(cpu, &want))
        return false;
    *out = want.block;
    return true;
}

u32 tree_take_frames(struct pmm_cpu *cpu, u32 most, u64 among, u64 *out)
{
    struct want want = {.most = most, .among = among, .frames = out, .may_open = true};
    return want_find(cpu, &want) ? want.got : 0;
}

void tree_give(pfn_t pfn, u32 order)
{
    u32 step = MIN(order, (u32)AREA_ORDER);
    for (u64 i = 0; i < 1UL << order; i += 1UL << step) {
        pfn_t first = pfn_add(pfn, i);
        atomic_fetch_add_u32(&tree_of(area_of(first))->free, 1u << step);
        area_give(first, step);
    }
}

bool tree_take_exact(pfn_t first, u32 frames)
{
    if (!area_take_exact(first, frames))
        return false;
    atomic_fetch_sub_u32(&tree_of(area_of(first))->free, frames);
    return true;
}

void tree_give_exact(pfn_t first, u32 frames)
{
    for (u32 i = 0; i < frames; i++)
        tree_give(pfn_add(first, i), 0);
}

void tree_give_mask(u64 area, u32 word, u64 mask)
{
    atomic_fetch_add_u32(&tree_of(area)->free, bits_count(mask));
    area_give_mask(area, word, mask);
}
