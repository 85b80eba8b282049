/* SPDX-License-Identifier: MIT
 *
 * Frees that the frame allocator refuses: an assertion on the status dies by the
 * refusal's own code.
 */
#include "kernel/base/assert.h"
#include "mm/pmm.h"
#include "tests/kernel/cases.h"

/* Takes a block of an order; the test frees it with something wrong. */
static pfn_t block_of(struct selftest *t, u32 order)
{
    pfn_t block = pfn_make(0);

    CHECK_EQUAL(t, pmm_alloc(order, OWNER_TEST, &block), STATUS_OK);
    return block;
}

static void free_must_succeed(struct selftest *t, pfn_t pfn, u32 order,
                              enum frame_owner owner)
{
    enum status status = pmm_free(pfn, order, owner);

    ASSERT(status == STATUS_OK);
    CHECK(t, false); /* never here */
}

void test_die_frame_twice(struct selftest *t)
{
    pfn_t frame = block_of(t, 0);

    CHECK_EQUAL(t, pmm_free(frame, 0, OWNER_TEST), STATUS_OK);
    free_must_succeed(t, frame, 0, OWNER_TEST);
}

void test_die_frame_owner(struct selftest *t)
{
    free_must_succeed(t, block_of(t, 0), 0, OWNER_STACK);
}

void test_die_frame_order(struct selftest *t)
{
    free_must_succeed(t, block_of(t, 2), 0, OWNER_TEST);
}

void test_die_frame_inside(struct selftest *t)
{
    free_must_succeed(t, pfn_add(block_of(t, 2), 1), 0, OWNER_TEST);
}
