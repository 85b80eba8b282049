/* SPDX-License-Identifier: MIT
 *
 * Trees in two zones, and the two ways to get further in them: holding a tree and
 * opening a fresh area (mm/pmm_fresh.c). For the search in mm/pmm_tree.c.
 */
#ifndef PLINTH_MM_PMM_ZONE_H
#define PLINTH_MM_PMM_ZONE_H

#include "mm/pmm_internal.h"

/* Memory that devices with 32-bit addresses need is the last to be used. */
#define TREES_BELOW_4G (GIB(4) >> PAGE_2M_SHIFT >> TREE_ORDER)

/* Trees first..end-1, looked at downwards. */
struct zone {
    u64 first, end;
};
static const struct zone zone_high = {TREES_BELOW_4G, PMM_NO_TREE},
                         zone_low = {0, TREES_BELOW_4G};

#define zone_for_each(tree, zone)            \
    for (u64 tree = tree_below((zone)->end); \
         tree != PMM_NO_TREE && tree >= (zone)->first; tree = tree_below(tree))

static inline bool zone_has(const struct zone *zone, u64 tree)
{
    return tree != PMM_NO_TREE && tree >= zone->first && tree < zone->end;
}

/* The highest tree below `end` that holds RAM, or PMM_NO_TREE. */
u64 tree_below(u64 end);

/* The CPU holds this tree in place of the one it held, unless somebody else does. */
void tree_hold(struct pmm_cpu *cpu, u64 tree);

/* Opens the next untouched area, the highest first: of the own tree, of trees that
 * nobody holds, of any. */
bool zone_open(struct pmm_cpu *cpu, const struct zone *zone, u64 *area);

#endif
