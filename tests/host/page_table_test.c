/* SPDX-License-Identifier: MIT
 *
 * mm/page_table and its cursor on the simulated MMU, against the oracle.
 *
 * The stream of operations was seen to find each of these, made on purpose in the
 * sources under test:
 *
 * - commit: no flush; sweep, or merged tables freed, before it; top not searched again
 * - cursor_gather_leaf: INVLPG for a kernel leaf that is not GLOBAL, or for a program
 *   that does not run
 * - local_flush_all: MOV to CR3 in place of it
 * - unmap: a table goes and only a page is flushed; a table that keeps a neighbour's
 *   page goes; ends not cut out of large pages; holes not looked for
 * - entry_split: A and D not handed down; PAT left at bit 7
 * - merge: A and D of the small leaves forgotten, D set between merge and flush too;
 *   cache types, or addresses that are not aligned, not compared; no flush
 * - protect: fewer rights without a flush, or with one only for W; D lost; within one
 *   table, holes not looked for, written before looked, a page too few
 * - map: over a mapping; children not counted; spare tables not returned
 * - tlb_gather_page: the pages beyond TLB_GATHER_PAGES dropped
 *
 * What it cannot find: that a split is flushed, as both sizes say the same and INVLPG
 * of a small page drops the large one too; the manual wants it, for CPUs that mind two
 * sizes.
 */
#include "tests/host/page_oracle.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel/arch/trap_frame.h"
#include "mm/page_cursor.h"
#include "mm/ram.h"
#include "tests/host/random.h"

#define RW        (PTE_W | PTE_NX)
#define MARGIN    (MMU_MARGIN >> PAGE_SHIFT)
#define GIB_PAGES (PAGE_1G_BYTES >> PAGE_SHIFT)
#define DEVICE    0x200000000000UL /* physical, on a GiB */

static const struct mmu_options modes[] = {
    {.pcid = true, .invpcid = true, .tables = 4096},
    {.pcid = true, .invpcid = false, .tables = 4096},
    {.pcid = false, .invpcid = false, .tables = 4096},
};

static virt_t at(u32 space, u64 page)
{
    return virt_make(mmu_arena(space) + page * PAGE_BYTES);
}

static enum status map(u32 space, u64 page, u64 count, u64 phys, u64 bits)
{
    return page_table_map(mmu_space(space), at(space, page), phys_make(phys),
                          count * PAGE_BYTES, bits);
}

static enum status unmap(u32 space, u64 page, u64 count)
{
    return page_table_unmap(mmu_space(space), at(space, page), count * PAGE_BYTES, NULL,
                            NULL);
}

static struct page_leaf query(u32 space, u64 page)
{
    struct page_leaf leaf;
    assert_int_equal(page_table_query(mmu_space(space), at(space, page), &leaf),
                     STATUS_OK);
    return leaf;
}

static void goes_to(u32 space, u64 page, enum mmu_access access, u64 phys)
{
    struct mmu_result result = mmu_touch(at(space, page).raw + 8, access);
    assert_false(result.fault);
    assert_int_equal(result.phys, phys + 8);
}

/* --- the MMU itself: it must be able to be wrong --- */

static pte_t *raw_entry(u32 space, u64 page)
{
    struct pt_walk walk;
    page_table_walk_raw(mmu_space(space)->root.raw, at(space, page).raw, &walk);
    const struct pt_level *last = &walk.level[walk.level_count - 1];
    return (pte_t *)phys_to_ptr(phys_make(last->table_phys)) + last->slot;
}

static void test_mmu_is_stale(void **state)
{
    (void)state;
    mmu_open(&modes[0]);
    assert_int_equal(map(0, 0, 1, DEVICE, RW | PTE_G), STATUS_OK);
    assert_int_equal(map(0, 1, 1, DEVICE, RW), STATUS_OK);
    goes_to(0, 0, MMU_WRITE, DEVICE);
    goes_to(0, 1, MMU_WRITE, DEVICE);
    raw_entry(0, 0)->raw += PAGE_BYTES;
    raw_entry(0, 1)->raw += PAGE_BYTES;
    goes_to(0, 0, MMU_WRITE, DEVICE);
    /* A CR3 load: the GLOBAL one stays, the other goes from this PCID. */
    mmu_switch(0, false);
    goes_to(0, 0, MMU_WRITE, DEVICE);
    goes_to(0, 1, MMU_WRITE, DEVICE + PAGE_BYTES);
    /* Another PCID knows its own copy, which INVLPG over here does not reach. */
    mmu_switch(1, true);
    goes_to(0, 1, MMU_WRITE, DEVICE + PAGE_BYTES);
    mmu_switch(0, true);
    raw_entry(0, 1)->raw -= PAGE_BYTES;
    invlpg(at(0, 1).raw);
    goes_to(0, 1, MMU_WRITE, DEVICE);
    mmu_switch(1, true);
    goes_to(0, 1, MMU_WRITE, DEVICE + PAGE_BYTES);
    invlpg(at(0, 0).raw);
    goes_to(0, 0, MMU_WRITE, DEVICE + PAGE_BYTES);
    raw_entry(0, 0)->raw -= PAGE_BYTES;
    mmu_switch(0, false);
    assert_int_equal(unmap(0, 0, 2), STATUS_OK);
    assert_false(mmu_knows(0, at(0, 1).raw));
    mmu_close();
}

/* --- sizes --- */

static void test_largest_that_fits(void **state)
{
    (void)state;
    mmu_open(&modes[0]);
    u64 tables = mmu.free;
    /* From a page below 2 MiB below the GiB to as far above it. */
    u64 first = MARGIN - 513, count = GIB_PAGES + 2 * 513;
    assert_int_equal(map(0, first, count, DEVICE - 513 * PAGE_BYTES, RW | PTE_G),
                     STATUS_OK);
    assert_int_equal(query(0, first).bytes, PAGE_BYTES);
    assert_int_equal(query(0, first + 1).bytes, PAGE_2M_BYTES);
    assert_int_equal(query(0, MARGIN).bytes, PAGE_1G_BYTES);
    assert_int_equal(query(0, MARGIN + GIB_PAGES).bytes, PAGE_2M_BYTES);
    assert_int_equal(query(0, MARGIN + GIB_PAGES + 512).bytes, PAGE_BYTES);
    assert_int_equal(query(0, MARGIN + GIB_PAGES + 513).bits, 0);
    assert_int_equal(tables - mmu.free, 4); /* two PDs, two PTs */
    goes_to(0, MARGIN + 12345, MMU_WRITE, DEVICE + 12345 * PAGE_BYTES);
    assert_int_equal(unmap(0, first, count), STATUS_OK);
    assert_int_equal(mmu.free, tables);
    assert_true(mmu_touch(at(0, MARGIN + 12345).raw, MMU_READ).fault);
    mmu_close();
}

static void test_split_and_merge(void **state)
{
    (void)state;
    mmu_open(&modes[0]);
    struct page_space *space = mmu_space(0);
    u64 bits = RW | PTE_G | PAGE_CACHE_WC;
    assert_int_equal(map(0, MARGIN, GIB_PAGES, DEVICE, bits), STATUS_OK);
    u64 tables = mmu.free;
    goes_to(0, MARGIN + 7, MMU_WRITE, DEVICE + 7 * PAGE_BYTES);
    assert_int_equal(page_table_split(space, at(0, MARGIN), PAGE_1G_BYTES, PAGE_BYTES),
                     STATUS_OK);
    assert_int_equal(tables - mmu.free, 513);
    struct page_leaf leaf = query(0, MARGIN + 7);
    assert_int_equal(leaf.bytes, PAGE_BYTES);
    assert_int_equal(leaf.bits, bits | PTE_P | PTE_USED);
    /* One page that differs keeps its 2 MiB apart, and so its GiB. */
    assert_int_equal(page_table_protect(space, at(0, MARGIN + 700), PAGE_BYTES, PTE_NX),
                     STATUS_OK);
    assert_int_equal(page_table_merge(space, at(0, MARGIN), PAGE_1G_BYTES), STATUS_OK);
    assert_int_equal(tables - mmu.free, 2);
    assert_int_equal(query(0, MARGIN + 511).bytes, PAGE_2M_BYTES);
    assert_int_equal(query(0, MARGIN + 512).bytes, PAGE_BYTES);
    assert_int_equal(page_table_protect(space, at(0, MARGIN + 700), PAGE_BYTES, RW),
                     STATUS_OK);
    assert_int_equal(page_table_merge(space, at(0, MARGIN), PAGE_1G_BYTES), STATUS_OK);
    assert_int_equal(tables, mmu.free);
    leaf = query(0, MARGIN + 700);
    assert_int_equal(leaf.bytes, PAGE_1G_BYTES);
    assert_int_equal(leaf.bits, bits | PTE_P | PTE_USED);
    goes_to(0, MARGIN + 700, MMU_WRITE, DEVICE + 700 * PAGE_BYTES);
    assert_int_equal(unmap(0, MARGIN, GIB_PAGES), STATUS_OK);
    mmu_close();
}

/* A hole in the middle of a GiB costs two tables; the last page of one gives them back.
 */
static void test_tables_come_and_go(void **state)
{
    (void)state;
    mmu_open(&modes[0]);
    u64 tables = mmu.free;
    assert_int_equal(map(1, MARGIN, GIB_PAGES, DEVICE, RW | PTE_U), STATUS_OK);
    assert_int_equal(tables - mmu.free, 1); /* the PDPT */
    assert_int_equal(unmap(1, MARGIN + 1000, 1), STATUS_OK);
    assert_int_equal(tables - mmu.free, 3);
    assert_int_equal(unmap(1, MARGIN, 1000), STATUS_OK);
    assert_int_equal(unmap(1, MARGIN + 1001, GIB_PAGES - 1002), STATUS_OK);
    assert_int_equal(tables - mmu.free, 3);
    assert_int_equal(unmap(1, MARGIN + GIB_PAGES - 1, 1), STATUS_OK);
    assert_int_equal(tables, mmu.free);
    mmu_close();
}

/* --- A and D --- */

static void test_used_bits(void **state)
{
    (void)state;
    mmu_open(&modes[0]);
    struct page_space *space = mmu_space(1);
    mmu_switch(1, false);
    assert_int_equal(map(1, MARGIN, 512, DEVICE, RW | PTE_U), STATUS_OK);
    assert_int_equal(query(1, MARGIN).bits & PTE_USED, 0);
    goes_to(1, MARGIN + 3, MMU_READ, DEVICE + 3 * PAGE_BYTES);
    assert_int_equal(query(1, MARGIN).bits & PTE_USED, PTE_A);
    goes_to(1, MARGIN + 3, MMU_WRITE, DEVICE + 3 * PAGE_BYTES);
    assert_int_equal(query(1, MARGIN).bits & PTE_USED, PTE_USED);
    assert_int_equal(page_table_split(space, at(1, MARGIN), PAGE_BYTES, PAGE_BYTES),
                     STATUS_OK);
    assert_int_equal(query(1, MARGIN + 9).bits & PTE_USED, PTE_USED);
    assert_int_equal(page_table_protect(space, at(1, MARGIN), PAGE_BYTES, PTE_U),
                     STATUS_OK);
    assert_int_equal(query(1, MARGIN).bits, PTE_P | PTE_U | PTE_USED);
    assert_int_equal(unmap(1, MARGIN, 512), STATUS_OK);

    /* 512 small pages of which one was written become one that was. */
    assert_int_equal(map(1, MARGIN, 1, DEVICE, RW | PTE_U), STATUS_OK);
    assert_int_equal(map(1, MARGIN + 1, 511, DEVICE + PAGE_BYTES, RW | PTE_U),
                     STATUS_OK);
    goes_to(1, MARGIN + 77, MMU_WRITE, DEVICE + 77 * PAGE_BYTES);
    assert_int_equal(page_table_merge(space, at(1, MARGIN), PAGE_2M_BYTES), STATUS_OK);
    assert_int_equal(query(1, MARGIN).bytes, PAGE_2M_BYTES);
    assert_int_equal(query(1, MARGIN).bits & PTE_USED, PTE_USED);
    assert_int_equal(unmap(1, MARGIN, 512), STATUS_OK);
    mmu_close();
}

static void write_page_5(void *context)
{
    (void)context;
    goes_to(1, MARGIN + 5, MMU_WRITE, DEVICE + 5 * PAGE_BYTES);
}

/* The CPU goes on with the small leaves until the flush, and notes its writes there. */
static void test_written_before_the_flush(void **state)
{
    (void)state;
    mmu_open(&modes[0]);
    mmu_switch(1, false);
    assert_int_equal(map(1, MARGIN, 1, DEVICE, RW | PTE_U), STATUS_OK);
    assert_int_equal(map(1, MARGIN + 1, 511, DEVICE + PAGE_BYTES, RW | PTE_U),
                     STATUS_OK);
    goes_to(1, MARGIN + 5, MMU_READ, DEVICE + 5 * PAGE_BYTES);
    mmu_before_flush(write_page_5, NULL);
    assert_int_equal(page_table_merge(mmu_space(1), at(1, MARGIN), PAGE_2M_BYTES),
                     STATUS_OK);
    assert_int_equal(query(1, MARGIN).bytes, PAGE_2M_BYTES);
    assert_int_equal(query(1, MARGIN).bits & PTE_USED, PTE_USED);
    assert_int_equal(unmap(1, MARGIN, 512), STATUS_OK);
    mmu_close();
}

/* --- flushes --- */

static void count_leaf(virt_t virt, phys_t phys, u64 bytes, void *context)
{
    u64 *pages = context;
    (void)phys;
    for (u64 done = 0; done < bytes; done += PAGE_BYTES)
        if (mmu_knows(0, virt.raw + done))
            fail_msg("V:%#lx is given away before its flush", virt.raw + done);
    *pages += bytes >> PAGE_SHIFT;
}

static void test_one_flush_however_many(void **state)
{
    (void)state;
    static const u64 counts[] = {1, TLB_GATHER_PAGES, TLB_GATHER_PAGES + 1, 512, 9000};
    for (u32 i = 0; i < ARRAY_COUNT(counts); i++) {
        u64 pages = 0, count = counts[i];
        mmu_open(&modes[0]);
        /* A neighbour, so that tables stay and only pages go; misaligned, so that no
         * page is large. */
        assert_int_equal(map(0, MARGIN - 1, 1, DEVICE, RW | PTE_G), STATUS_OK);
        assert_int_equal(map(0, MARGIN + count, 1, DEVICE, RW | PTE_G), STATUS_OK);
        assert_int_equal(map(0, MARGIN, count, DEVICE + PAGE_BYTES, RW | PTE_G),
                         STATUS_OK);
        for (u64 page = 0; page < count; page++)
            mmu_touch(at(0, MARGIN + page).raw, MMU_WRITE);
        mmu.page_flushes = mmu.full_flushes = 0;
        assert_int_equal(page_table_unmap(mmu_space(0), at(0, MARGIN),
                                          count * PAGE_BYTES, count_leaf, &pages),
                         STATUS_OK);
        assert_int_equal(pages, count);
        bool few = count <= TLB_GATHER_PAGES;
        assert_int_equal(mmu.page_flushes, few ? count : 0);
        assert_int_equal(mmu.full_flushes, few ? 0 : 1);
        assert_int_equal(unmap(0, MARGIN - 1, 1), STATUS_OK);
        assert_int_equal(unmap(0, MARGIN + count, 1), STATUS_OK);
        mmu_close();
    }
}

/* More rights cost no flush: whoever still has the old ones faults once. */
static void test_spurious_fault(void **state)
{
    (void)state;
    mmu_open(&modes[0]);
    u64 root = mmu_space(0)->root.raw;
    assert_int_equal(map(0, 0, 1, DEVICE, PTE_NX | PTE_G), STATUS_OK);
    goes_to(0, 0, MMU_READ, DEVICE);
    mmu.page_flushes = mmu.full_flushes = 0;
    assert_int_equal(page_table_protect(mmu_space(0), at(0, 0), PAGE_BYTES, RW),
                     STATUS_OK);
    assert_int_equal(mmu.page_flushes + mmu.full_flushes, 0);
    struct mmu_result result = mmu_touch(at(0, 0).raw, MMU_WRITE);
    assert_true(result.fault);
    assert_true(page_table_permits(root, at(0, 0).raw, result.error_code));
    goes_to(0, 0, MMU_WRITE, DEVICE);
    /* What the tables do not permit is no such fault. */
    assert_false(page_table_permits(root, at(0, 0).raw, PF_PRESENT | PF_FETCH));
    assert_false(page_table_permits(root, at(0, 0).raw, PF_PRESENT | PF_USER));
    assert_false(page_table_permits(root, at(0, 0).raw, PF_PRESENT | PF_RESERVED));
    assert_false(page_table_permits(root, at(0, 1).raw, 0));
    /* Fewer rights are flushed. */
    assert_int_equal(page_table_protect(mmu_space(0), at(0, 0), PAGE_BYTES, PTE_NX),
                     STATUS_OK);
    result = mmu_touch(at(0, 0).raw, MMU_WRITE);
    assert_true(result.fault);
    assert_false(page_table_permits(root, at(0, 0).raw, result.error_code));
    assert_int_equal(unmap(0, 0, 1), STATUS_OK);
    mmu_close();
}

/* Two steps under one lock; what the first took away is flushed before the second. */
static void test_cursor_moves_a_mapping(void **state)
{
    (void)state;
    struct page_cursor cursor;
    mmu_open(&modes[0]);
    assert_int_equal(map(0, 0, 600, DEVICE, RW | PTE_G), STATUS_OK);
    goes_to(0, 599, MMU_WRITE, DEVICE + 599 * PAGE_BYTES);
    assert_int_equal(
        page_cursor_open(&cursor, mmu_space(0), at(0, 0), 600 * PAGE_BYTES), STATUS_OK);
    assert_int_equal(page_cursor_unmap(&cursor, NULL, NULL), STATUS_OK);
    assert_int_equal(page_cursor_map(&cursor, phys_make(2 * DEVICE), RW | PTE_G),
                     STATUS_OK);
    page_cursor_close(&cursor);
    goes_to(0, 599, MMU_WRITE, 2 * DEVICE + 599 * PAGE_BYTES);
    assert_int_equal(unmap(0, 0, 600), STATUS_OK);
    mmu_close();
}

/* --- refusals: a status, and nothing has changed --- */

#define REFUSED(call, status)                        \
    do {                                             \
        u64 before = mmu_fingerprint();              \
        assert_int_equal(call, status);              \
        assert_int_equal(mmu_fingerprint(), before); \
    } while (0)

static void test_refusals(void **state)
{
    (void)state;
    mmu_open(&modes[0]);
    struct page_space *kernel = mmu_space(0), *program = mmu_space(1);
    virt_t v = at(0, 0), u = at(1, 0);
    phys_t p = phys_make(DEVICE);
    assert_int_equal(map(0, 4, 4, DEVICE, RW | PTE_G), STATUS_OK);
    assert_int_equal(map(0, MARGIN, 512, DEVICE, RW | PTE_G), STATUS_OK);
    static const struct {
        u64 virt, phys, bytes, bits;
    } bad[] = {
        {0, 0, 0, RW},          /* nothing */
        {1, 0, PAGE_BYTES, RW}, /* misaligned */
        {0, 1, PAGE_BYTES, RW},
        {0, 0, PAGE_BYTES + 1, RW},
        {0, 0, ~0UL << PAGE_SHIFT, RW}, /* wraps */
        {0, -DEVICE - PAGE_BYTES, 2 * PAGE_BYTES, RW},
        {0, (1UL << 52) - DEVICE, PAGE_BYTES, RW}, /* more than an entry holds */
        {0, 0, PAGE_BYTES, PTE_W},                 /* W and X */
        {0, 0, PAGE_BYTES, RW | PTE_U}, /* for programs, in the kernel's half */
        {0, 0, PAGE_BYTES, RW | PTE_D},
        {0, 0, PAGE_BYTES, RW | 0x200},
        {APERTURE_BYTES, 0, PAGE_BYTES, RW}, /* behind the window */
    };
    for (u32 i = 0; i < ARRAY_COUNT(bad); i++)
        REFUSED(page_table_map(kernel, virt_add(v, bad[i].virt),
                               phys_add(p, bad[i].phys), bad[i].bytes, bad[i].bits),
                STATUS_INVALID);
    static const u64 elsewhere[] = {0,
                                    0x1000,
                                    0x0000800000000000,
                                    HEAP_BASE,
                                    IMAGE_BASE,
                                    APERTURE_BASE - PAGE_BYTES,
                                    USER_END,
                                    0xFFFF7FFFFFFFF000,
                                    ~0xFFFUL};
    for (u32 i = 0; i < ARRAY_COUNT(elsewhere); i++) {
        virt_t there = virt_make(elsewhere[i]);
        REFUSED(page_table_map(kernel, there, p, PAGE_BYTES, RW), STATUS_INVALID);
        REFUSED(page_table_map(program, there, p, PAGE_BYTES, RW), STATUS_INVALID);
        REFUSED(page_table_unmap(kernel, there, PAGE_BYTES, NULL, NULL),
                STATUS_INVALID);
        REFUSED(page_table_protect(kernel, there, PAGE_BYTES, RW), STATUS_INVALID);
    }
    virt_t last = virt_make(APERTURE_BASE + APERTURE_BYTES - PAGE_BYTES);
    REFUSED(page_table_map(kernel, last, p, 2 * PAGE_BYTES, RW), STATUS_INVALID);
    REFUSED(page_table_map(kernel, virt_make(STACKS_BASE), p, PAGE_BYTES, RW | PTE_G),
            STATUS_INVALID);
    /* Each half belongs to one kind of space. */
    REFUSED(page_table_map(kernel, u, p, PAGE_BYTES, RW), STATUS_INVALID);
    REFUSED(page_table_map(program, v, p, PAGE_BYTES, RW), STATUS_INVALID);
    REFUSED(page_table_map(program, u, p, PAGE_BYTES, RW | PTE_G), STATUS_INVALID);
    /* Over a mapping, with one page, with all around it, over a large page. */
    REFUSED(map(0, 7, 1, DEVICE, RW), STATUS_EXISTS);
    REFUSED(map(0, 0, 600, DEVICE, RW), STATUS_EXISTS);
    REFUSED(map(0, MARGIN + 5, 1, DEVICE, RW), STATUS_EXISTS);
    /* What is not mapped, at the front, at the end, in the middle, in a large page. */
    REFUSED(unmap(0, 3, 5), STATUS_NOT_FOUND);
    REFUSED(unmap(0, 4, 5), STATUS_NOT_FOUND);
    REFUSED(unmap(0, 7, MARGIN), STATUS_NOT_FOUND);
    REFUSED(unmap(0, MARGIN + 5, 512), STATUS_NOT_FOUND);
    REFUSED(unmap(1, 0, 1), STATUS_NOT_FOUND);
    REFUSED(page_table_protect(kernel, at(0, 3), 5 * PAGE_BYTES, RW), STATUS_NOT_FOUND);
    REFUSED(page_table_protect(kernel, at(0, 4), PAGE_BYTES, PTE_W), STATUS_INVALID);
    REFUSED(page_table_protect(kernel, at(0, 4), PAGE_BYTES, RW | PTE_G),
            STATUS_INVALID);
    REFUSED(page_table_split(kernel, at(0, 4), PAGE_BYTES, PAGE_1G_BYTES),
            STATUS_INVALID);
    REFUSED(page_table_split(kernel, at(0, 4), PAGE_BYTES, 0), STATUS_INVALID);
    phys_t table;
    REFUSED(page_table_prepare(kernel, v, &table), STATUS_INVALID);
    assert_int_equal(unmap(0, 4, 4), STATUS_OK);
    assert_int_equal(unmap(0, MARGIN, 512), STATUS_OK);
    mmu_close();
}

/* --- the n-th table is not to be had --- */

static enum status step_map(void)
{
    return map(1, MARGIN - 3, GIB_PAGES / 64, DEVICE, RW | PTE_U);
}
static enum status step_unmap_middle(void)
{
    return unmap(0, MARGIN + 700, 10);
}
static enum status step_protect(void)
{
    return page_table_protect(mmu_space(0), at(0, MARGIN + 700), 10 * PAGE_BYTES,
                              PTE_NX);
}
static enum status step_split(void)
{
    return page_table_split(mmu_space(0), at(0, MARGIN), 5 * PAGE_2M_BYTES, PAGE_BYTES);
}

static void test_nth_table_refused(void **state)
{
    (void)state;
    static enum status (*const steps[])(void) = {step_map, step_unmap_middle,
                                                 step_protect, step_split};
    for (u32 i = 0; i < ARRAY_COUNT(steps); i++) {
        enum status status = STATUS_NO_MEMORY;
        u64 n = 1;
        for (; status == STATUS_NO_MEMORY; n++) {
            mmu_open(&modes[0]);
            assert_int_equal(map(0, MARGIN, GIB_PAGES, DEVICE, RW | PTE_G), STATUS_OK);
            u64 before = mmu_fingerprint();
            mmu_refuse(n);
            status = steps[i]();
            assert_int_equal(status, mmu_refused() ? STATUS_NO_MEMORY : STATUS_OK);
            if (status != STATUS_OK)
                assert_int_equal(mmu_fingerprint(), before);
            mmu_refuse(0);
        }
        assert_true(n > 3);
    }
    for (u32 space = 0; space < 2; space++)
        mmu_tables(space);
}

/* --- the stream --- */

struct stream {
    struct random random;
    u32 current;
    u32 counts[16];
    u64 spurious, refused;
};

/* Where a step works: often small, often at the borders of large pages. */
struct place {
    u32 space;
    u64 page, count;
};

static struct place place_of(struct stream *stream)
{
    static const u64 most[] = {4, 40, 700, 5000};
    struct random *r = &stream->random;
    struct place place = {.space = (u32)random_below(r, MMU_SPACES)};
    u64 kind = random_below(r, 64);
    place.count = kind == 0
                      ? GIB_PAGES
                      : 1 + random_below(r, most[random_below(r, ARRAY_COUNT(most))]);
    place.page = kind == 0 ? MARGIN : random_below(r, MMU_ARENA_PAGES - place.count);
    /* Most of it happens in the first 16 MiB, so that things meet. */
    if (kind > 8 && place.count < 2000)
        place.page = random_below(r, 4096 - place.count);
    if (random_below(r, 3) == 0)
        place.page = ALIGN_DOWN(place.page, 512);
    if (random_below(r, 4) == 0)
        place.count = ALIGN_UP(place.count, 512);
    place.count = MIN(place.count, MMU_ARENA_PAGES - place.page);
    return place;
}

static u64 rights_of(struct stream *stream, u32 space)
{
    static const u64 rights[] = {PTE_NX, RW, 0, RW};
    return rights[random_below(&stream->random, 4)] | (space ? PTE_U : 0);
}

static u64 bits_of(struct stream *stream, u32 space)
{
    static const u64 caches[] = {PAGE_CACHE_WB, PAGE_CACHE_WB, PAGE_CACHE_UC,
                                 PAGE_CACHE_WC};
    u64 global = space == 0 && random_below(&stream->random, 3) ? PTE_G : 0;
    return rights_of(stream, space) | caches[random_below(&stream->random, 4)] | global;
}

/* One access, compared with what the oracle says about it. */
static void touch(struct stream *stream, u32 space, u64 page)
{
    if (space != 0 && space != stream->current)
        return;
    enum mmu_access access = (enum mmu_access)random_below(&stream->random, 3);
    u64 word = oracle_page(space, page), virt = at(space, page).raw;
    bool may = (word & ORACLE_MAPPED) && (access != MMU_WRITE || (word & PTE_W)) &&
               (access != MMU_FETCH || !(word & PTE_NX));
    struct mmu_result result = mmu_touch(virt, access);
    if (result.fault && may &&
        page_table_permits(mmu_space(space)->root.raw, virt, result.error_code)) {
        stream->spurious++;
        result = mmu_touch(virt, access);
    }
    if (result.fault == may)
        fail_msg("V:%#lx, access %d: %s, the oracle says %#lx", virt, access,
                 may ? "fault" : "no fault", word);
    if (may && result.phys != (word & PTE_FRAME_MASK))
        fail_msg("V:%#lx goes to P:%#lx, the oracle says %#lx", virt, result.phys,
                 word);
    if (may && access == MMU_WRITE)
        oracle_write(space, page);
}

/* Touches both ends of a place, their neighbours, and some pages within. */
static void touch_around(struct stream *stream, const struct place *place)
{
    u64 last = place->page + place->count - 1;
    touch(stream, place->space, place->page);
    touch(stream, place->space, last);
    if (place->page > 0)
        touch(stream, place->space, place->page - 1);
    if (last + 1 < MMU_ARENA_PAGES)
        touch(stream, place->space, last + 1);
    for (u32 i = 0; i < 12; i++)
        touch(stream, place->space,
              place->page + random_below(&stream->random, place->count));
}

struct touching {
    struct stream *stream;
    const struct place *place;
};

static void touch_meanwhile(void *context)
{
    const struct touching *touching = context;
    touch_around(touching->stream, touching->place);
}

struct given {
    const struct place *place;
    u64 pages;
};

static void give(virt_t virt, phys_t phys, u64 bytes, void *context)
{
    struct given *given = context;
    u64 first = (virt.raw - mmu_arena(given->place->space)) >> PAGE_SHIFT;
    u64 pages = bytes >> PAGE_SHIFT;
    if (first < given->place->page ||
        first + pages > given->place->page + given->place->count)
        fail_msg("V:%#lx is given, not asked for", virt.raw);
    for (u64 i = 0; i < pages; i += MAX(pages / 512, 1UL)) {
        u64 word = oracle_page(given->place->space, first + i);
        if ((word & PTE_FRAME_MASK) != phys.raw + i * PAGE_BYTES)
            fail_msg("V:%#lx is given as P:%#lx, the oracle says %#lx", virt.raw,
                     phys.raw, word);
        if (mmu_knows(given->place->space, virt.raw + i * PAGE_BYTES))
            fail_msg("V:%#lx is given away before its flush", virt.raw);
    }
    given->pages += pages;
}

static enum status step_in(struct stream *stream, const struct place *place, u32 what)
{
    struct page_space *space = mmu_space(place->space);
    virt_t virt = at(place->space, place->page);
    u64 bytes = place->count * PAGE_BYTES;
    struct given given = {place, 0};
    enum status status;
    u64 rights = rights_of(stream, place->space);
    u64 page_bytes = random_below(&stream->random, 2) ? PAGE_BYTES : PAGE_2M_BYTES;
    struct touching touching = {stream, place};
    if (what >= 3) /* nothing changes for whoever looks through the old entries */
        mmu_before_flush(touch_meanwhile, &touching);
    switch (what) {
    case 0:
        status = page_table_unmap(space, virt, bytes, give, &given);
        if (status == STATUS_OK)
            assert_int_equal(given.pages, place->count);
        return status;
    case 1:
        return page_table_unmap(space, virt, bytes, NULL, NULL);
    case 2:
        status = page_table_protect(space, virt, bytes, rights);
        if (status == STATUS_OK)
            oracle_protect(place->space, place->page, place->count, rights);
        return status;
    case 3:
        return page_table_split(space, virt, bytes, page_bytes);
    default:
        return page_table_merge(space, virt, bytes);
    }
}

static void stream_map(struct stream *stream, const struct place *place)
{
    u64 bits = bits_of(stream, place->space);
    /* Often in step with the virtual address, so that large pages fit. */
    u64 phys = DEVICE + place->page * PAGE_BYTES - MMU_MARGIN;
    if (random_below(&stream->random, 3) == 0)
        phys += random_below(&stream->random, 1024) * PAGE_BYTES;
    enum status expected = STATUS_EXISTS;
    if (oracle_none_mapped(place->space, place->page, place->count))
        expected = STATUS_OK;
    enum status status = map(place->space, place->page, place->count, phys, bits);
    if (status == STATUS_NO_MEMORY && expected == STATUS_OK && mmu_refused())
        stream->refused++;
    else
        assert_int_equal(status, expected);
    if (status == STATUS_OK)
        oracle_map(place->space, place->page, place->count, phys, bits);
}

static void stream_change(struct stream *stream, const struct place *place, u32 what)
{
    bool whole = what > 2;
    enum status expected = STATUS_NOT_FOUND;
    if (whole || oracle_all_mapped(place->space, place->page, place->count))
        expected = STATUS_OK;
    enum status status = step_in(stream, place, what);
    mmu_before_flush(NULL, NULL);
    if (status == STATUS_NO_MEMORY && expected == STATUS_OK && mmu_refused())
        stream->refused++;
    else
        assert_int_equal(status, expected);
    if (status == STATUS_OK && what < 2)
        oracle_unmap(place->space, place->page, place->count);
}

/* A place that is mapped wholly or not at all, now and then: else little would succeed.
 */
static void place_grow(const struct stream *stream, struct place *place)
{
    (void)stream;
    bool mapped = oracle_page(place->space, place->page) & ORACLE_MAPPED;
    u64 count = 1;
    while (count < place->count &&
           !!(oracle_page(place->space, place->page + count) & ORACLE_MAPPED) == mapped)
        count++;
    place->count = count;
}

static void stream_step(struct stream *stream)
{
    struct random *r = &stream->random;
    struct place place = place_of(stream);
    if (random_below(r, 8) == 0) {
        stream->current = (u32)random_below(r, MMU_SPACES);
        mmu_switch(stream->current, random_below(r, 2));
    }
    if (random_below(r, 8) != 0)
        place_grow(stream, &place);
    mmu_refuse(random_below(r, 16) == 0 ? 1 + random_below(r, 4) : 0);
    touch_around(stream, &place);
    u32 what = (u32)random_below(r, 10);
    bool mapped = oracle_page(place.space, place.page) & ORACLE_MAPPED;
    if (!mapped && what < 9)
        stream_map(stream, &place);
    else
        stream_change(stream, &place, (u32)random_below(r, 5));
    touch_around(stream, &place);
}

static void stream_run(const struct mmu_options *options, u64 seed, u64 steps)
{
    struct stream stream = {.random = random_of(seed)};
    mmu_open(options);
    oracle_open();
    for (u64 i = 0; i < steps; i++) {
        stream_step(&stream);
        if (i % 256 == 255)
            for (u32 space = 0; space < MMU_SPACES; space++)
                oracle_compare(space);
    }
    mmu_refuse(0);
    for (u32 space = 0; space < MMU_SPACES; space++)
        for (u64 page = 0; page < MMU_ARENA_PAGES; page++) {
            struct place place = {space, page, MMU_ARENA_PAGES - page};
            if (!(oracle_page(space, page) & ORACLE_MAPPED))
                continue;
            place_grow(&stream, &place);
            assert_int_equal(unmap(space, page, place.count), STATUS_OK);
            oracle_unmap(space, page, place.count);
        }
    printf(
        "# %lu steps, seed %lu: %lu hits, %lu walks, %lu + %lu flushes, %lu spurious "
        "faults, %lu refused\n",
        steps, seed, mmu.hits, mmu.walks, mmu.page_flushes, mmu.full_flushes,
        stream.spurious, stream.refused);
    assert_true(steps < 1000 || (stream.spurious > 0 && stream.refused > 0));
    mmu_close();
    oracle_close();
}

/* MMU_STEPS and MMU_SEED for longer or other ones. */
static void test_stream(void **state)
{
    (void)state;
    const char *steps = getenv("MMU_STEPS"), *seed = getenv("MMU_SEED");
    u64 count = steps ? strtoull(steps, NULL, 0) : 8000;
    u64 first = seed ? strtoull(seed, NULL, 0) : 1;
    for (u32 i = 0; i < ARRAY_COUNT(modes); i++)
        stream_run(&modes[i], first + i, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mmu_is_stale),
        cmocka_unit_test(test_largest_that_fits),
        cmocka_unit_test(test_split_and_merge),
        cmocka_unit_test(test_tables_come_and_go),
        cmocka_unit_test(test_used_bits),
        cmocka_unit_test(test_written_before_the_flush),
        cmocka_unit_test(test_one_flush_however_many),
        cmocka_unit_test(test_spurious_fault),
        cmocka_unit_test(test_cursor_moves_a_mapping),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_nth_table_refused),
        cmocka_unit_test(test_stream),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
