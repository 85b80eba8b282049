/* SPDX-License-Identifier: MIT */
#include "mm/page_runs.h"

struct gathering {
    struct page_run run; /* bytes 0: none yet */
    page_run_fn each;
    void *context;
    bool ended;
};

static struct page_run run_of(const struct pt_leaf *leaf)
{
    struct page_run run = {.virt = leaf->virt,
                           .bytes = level_bytes(leaf->level),
                           .bits = PTE_ARMED,
                           .level = leaf->level};
    pte_t entry = {leaf->entry};
    if (!pte_is_present(entry))
        return run;
    run.phys = pte_phys(entry, leaf->level).raw;
    run.bits = (pte_leaf_bits(entry, leaf->level) & (PTE_CACHE | PTE_G)) |
               (leaf->writable ? PTE_W : 0) | (leaf->user ? PTE_U : 0) |
               (leaf->no_execute ? PTE_NX : 0);
    return run;
}

static bool run_goes_on(const struct page_run *run, const struct page_run *next)
{
    return run->virt + run->bytes == next->virt && run->bits == next->bits &&
           run->level == next->level &&
           (run->bits == PTE_ARMED || run->phys + run->bytes == next->phys);
}

static bool leaf_gather(const struct pt_leaf *leaf, void *context)
{
    struct gathering *gathering = context;
    struct page_run next = run_of(leaf);
    if (gathering->run.bytes != 0 && run_goes_on(&gathering->run, &next)) {
        gathering->run.bytes += next.bytes;
        return true;
    }
    if (gathering->run.bytes != 0)
        gathering->ended = !gathering->each(&gathering->run, gathering->context);
    gathering->run = next;
    return !gathering->ended;
}

void page_runs_for_each(u64 cr3, u64 first, u64 last, page_run_fn each, void *context)
{
    struct gathering gathering = {.each = each, .context = context};
    page_table_for_each(cr3, first, last, leaf_gather, &gathering);
    if (gathering.run.bytes != 0 && !gathering.ended)
        each(&gathering.run, context);
}
