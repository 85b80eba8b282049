/* SPDX-License-Identifier: MIT */
#include "tests/host/page_oracle.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#define ORACLE_BITS (PTE_P | PTE_RIGHTS | PTE_CACHE | PTE_G)

static u64 *words[MMU_SPACES];

void oracle_open(void)
{
    oracle_close();
    for (u32 s = 0; s < MMU_SPACES; s++)
        words[s] = calloc(MMU_ARENA_PAGES, sizeof(u64));
}

void oracle_close(void)
{
    for (u32 s = 0; s < MMU_SPACES; s++) {
        free(words[s]);
        words[s] = NULL;
    }
}

u64 oracle_page(u32 space, u64 page)
{
    return words[space][page];
}

bool oracle_all_mapped(u32 space, u64 page, u64 count)
{
    for (u64 i = page; i < page + count; i++)
        if (!(words[space][i] & ORACLE_MAPPED))
            return false;
    return true;
}

bool oracle_none_mapped(u32 space, u64 page, u64 count)
{
    for (u64 i = page; i < page + count; i++)
        if (words[space][i] & ORACLE_MAPPED)
            return false;
    return true;
}

void oracle_map(u32 space, u64 page, u64 count, u64 phys, u64 bits)
{
    for (u64 i = 0; i < count; i++)
        words[space][page + i] = (phys + i * PAGE_BYTES) | bits | ORACLE_MAPPED;
}

void oracle_unmap(u32 space, u64 page, u64 count)
{
    for (u64 i = page; i < page + count; i++)
        words[space][i] = 0;
}

void oracle_protect(u32 space, u64 page, u64 count, u64 rights)
{
    for (u64 i = page; i < page + count; i++)
        words[space][i] = (words[space][i] & ~PTE_RIGHTS) | rights;
}

void oracle_write(u32 space, u64 page)
{
    words[space][page] |= ORACLE_WRITTEN;
}

u64 oracle_mapped(u32 space)
{
    u64 count = 0;
    for (u64 i = 0; i < MMU_ARENA_PAGES; i++)
        count += words[space][i] & ORACLE_MAPPED;
    return count;
}

struct comparison {
    u32 space;
    u64 pages;
};

static bool leaf_compare(const struct pt_leaf *leaf, void *context)
{
    struct comparison *state = context;
    pte_t entry = {leaf->entry};
    u64 phys = pte_phys(entry, leaf->level).raw;
    u64 bits = pte_leaf_bits(entry, leaf->level);
    u64 pages = level_bytes(leaf->level) >> PAGE_SHIFT;
    u64 first = (leaf->virt - mmu_arena(state->space)) >> PAGE_SHIFT;
    if (leaf->virt < mmu_arena(state->space) || first + pages > MMU_ARENA_PAGES)
        fail_msg("V:%#lx is mapped outside the arena", leaf->virt);
    for (u64 i = 0; i < pages; i++) {
        u64 expected = words[state->space][first + i];
        u64 found = (phys + i * PAGE_BYTES) | (bits & ORACLE_BITS);
        if (found != (expected & ~ORACLE_WRITTEN))
            fail_msg("V:%#lx maps %#lx, expected %#lx", leaf->virt + i * PAGE_BYTES,
                     found, expected);
        if ((expected & ORACLE_WRITTEN) && !(bits & PTE_D))
            fail_msg("V:%#lx was written, and its D is lost", leaf->virt);
    }
    state->pages += pages;
    return true;
}

void oracle_compare(u32 space)
{
    struct comparison state = {.space = space};
    u64 first = space == 0 ? APERTURE_BASE : 0;
    u64 last = space == 0 ? APERTURE_BASE + APERTURE_BYTES - 1 : USER_END;
    page_table_for_each(mmu_space(space)->root.raw, first, last, leaf_compare, &state);
    assert_int_equal(state.pages, oracle_mapped(space));
    mmu_tables(space);
}
