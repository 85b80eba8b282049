/* SPDX-License-Identifier: MIT
 *
 * Which trees there are, which one a CPU holds, and fresh areas: the highest untouched
 * ones first, where a CPU is at home already or nobody is.
 */
#include "kernel/base/atomic.h"
#include "mm/pmm_zone.h"

u64 tree_below(u64 end)
{
    for (u32 i = area_span_count(); i-- > 0;) {
        const struct area_span *span = area_span_at(i);
        if (span->first >> TREE_ORDER < end)
            return MIN(end - 1, (span->end - 1) >> TREE_ORDER);
    }
    return PMM_NO_TREE;
}

void tree_hold(struct pmm_cpu *cpu, u64 tree)
{
    u32 free = 0;
    u32 me = percpu()->index + 1;
    if (tree == cpu->tree ||
        !atomic_compare_exchange_u32(&tree_at(tree)->holder, &free, me))
        return;
    if (cpu->tree != PMM_NO_TREE)
        atomic_store_u32(&tree_at(cpu->tree)->holder, 0);
    cpu->tree = tree;
}

/* The highest untouched area of a tree, opened. */
static bool tree_open(struct pmm_cpu *cpu, u64 tree, u64 *area)
{
    if (atomic_load_relaxed_u32(&tree_at(tree)->untouched_areas) == 0)
        return false;
    for (u32 i = TREE_AREAS; i-- > 0;) {
        *area = (tree << TREE_ORDER) + i;
        if (atomic_load_relaxed_u16(area_counter(*area)) ==
                (AREA_UNTOUCHED | AREA_FRAMES) &&
            area_open(*area)) {
            tree_hold(cpu, tree);
            return true;
        }
    }
    return false;
}

/* Where the search for untouched areas starts moves down over trees that have none. */
static void fresh_tree_lower(u64 tree)
{
    u64 next = tree_below(tree);
    if (tree == atomic_load_relaxed_u64(&pmm.fresh_tree) && next != PMM_NO_TREE)
        atomic_store_relaxed_u64(&pmm.fresh_tree, next);
}

static bool zone_open_tree(struct pmm_cpu *cpu, const struct zone *zone, bool held_too,
                           u64 *area)
{
    struct zone rest = *zone;
    rest.end = MIN(rest.end, atomic_load_relaxed_u64(&pmm.fresh_tree) + 1);
    zone_for_each(tree, &rest)
    {
        struct tree *t = tree_at(tree);
        if (atomic_load_relaxed_u32(&t->untouched_areas) == 0)
            fresh_tree_lower(tree);
        else if ((held_too || atomic_load_relaxed_u32(&t->holder) == 0) &&
                 tree_open(cpu, tree, area))
            return true;
    }
    return false;
}

bool zone_open(struct pmm_cpu *cpu, const struct zone *zone, u64 *area)
{
    return (zone_has(zone, cpu->tree) && tree_open(cpu, cpu->tree, area)) ||
           zone_open_tree(cpu, zone, false, area) ||
           zone_open_tree(cpu, zone, true, area);
}

bool tree_open_next(struct pmm_cpu *cpu, u64 *area)
{
    return zone_open(cpu, &zone_high, area) || zone_open(cpu, &zone_low, area);
}
