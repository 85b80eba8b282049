/* SPDX-License-Identifier: MIT
 *
 * The cursor on the real MMU: what the CPU reads through tables that are split, merged,
 * protected and taken away; and how far a flush reaches. tests/host/page_table_test.c
 * has the cases that need a CPU more forgetful than any emulator's.
 */
#include "kernel/arch/control.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/mmio.h"
#include "kernel/arch/trap_frame.h"
#include "kernel/base/atomic.h"
#include "kernel/base/fnv.h"
#include "kernel/base/string.h"
#include "kernel/trap.h"
#include "mm/fault.h"
#include "mm/kernel_space.h"
#include "mm/page_cursor.h"
#include "mm/page_runs.h"
#include "mm/pmm.h"
#include "mm/ram.h"
#include "tests/kernel/cases.h"

/* A GiB of the aperture window that mmio_map does not reach. */
#define SCRATCH (APERTURE_BASE + (384UL << 30))
#define RW      (PTE_W | PTE_NX)
/* Below 4 GiB and above all RAM of every PC; nobody touches what is mapped there. */
#define DEVICE  0xFC000000UL
#define BLOCK   PAGE_2M_BYTES

static enum status map(u64 virt, u64 phys, u64 bytes, u64 bits)
{
    return page_table_map(&kernel_page_space, virt_make(virt), phys_make(phys), bytes,
                          bits);
}

static enum status unmap(u64 virt, u64 bytes)
{
    return page_table_unmap(&kernel_page_space, virt_make(virt), bytes, NULL, NULL);
}

static enum status protect(u64 virt, u64 bytes, u64 rights)
{
    return page_table_protect(&kernel_page_space, virt_make(virt), bytes, rights);
}

static struct page_leaf leaf_at(u64 virt)
{
    struct page_leaf leaf = {.bits = 0};
    enum status status = page_table_query(&kernel_page_space, virt_make(virt), &leaf);
    ASSERT(status == STATUS_OK);
    return leaf;
}

static u64 frames_free(void)
{
    struct pmm_stats stats;
    pmm_stats_get(&stats);
    return stats.free;
}

static bool write_faults(u64 virt)
{
    static struct trap_expectation e;
    memset(&e, 0, sizeof(e));
    e.vector = VECTOR_PAGE_FAULT;
    e.address = virt;
    if (trap_expect_begin(&e))
        *(volatile u8 *)virt = 0;
    trap_expect_end(&e);
    return e.seen;
}

/* Each page of a block holds its number, seen through the mapping. */
static void block_check(struct selftest *t, u64 virt)
{
    for (u64 page = 0; page < BLOCK / PAGE_BYTES; page++) {
        u64 found = *(volatile u64 *)(virt + page * PAGE_BYTES);
        CHECK_MSG(t, found == page, "V:%#lx reads %lu, expected %lu",
                  virt + page * PAGE_BYTES, found, page);
        if (found != page)
            return;
    }
}

static bool block_take(struct selftest *t, pfn_t *block)
{
    if (pmm_alloc(FRAME_ORDER_MAX, OWNER_TEST, block) != STATUS_OK) {
        selftest_skip(t, "no free 2 MiB");
        return false;
    }
    for (u64 page = 0; page < BLOCK / PAGE_BYTES; page++)
        *(u64 *)pfn_to_ptr(pfn_add(*block, page)) = page;
    return true;
}

void test_cursor_sizes(struct selftest *t)
{
    pfn_t block;
    if (!block_take(t, &block))
        return;
    u64 phys = pfn_to_phys(block).raw;
    CHECK_EQUAL(t, map(SCRATCH, phys, BLOCK, RW | PTE_G), STATUS_OK);
    CHECK_EQUAL(t, leaf_at(SCRATCH).bytes, PAGE_2M_BYTES);
    block_check(t, SCRATCH);
    CHECK_EQUAL(t,
                page_table_split(&kernel_page_space, virt_make(SCRATCH), PAGE_BYTES,
                                 PAGE_BYTES),
                STATUS_OK);
    CHECK_EQUAL(t, leaf_at(SCRATCH + BLOCK - 1).bytes, PAGE_BYTES);
    block_check(t, SCRATCH);
    CHECK_EQUAL(t, page_table_merge(&kernel_page_space, virt_make(SCRATCH), BLOCK),
                STATUS_OK);
    CHECK_EQUAL(t, leaf_at(SCRATCH).bytes, PAGE_2M_BYTES);
    block_check(t, SCRATCH);
    /* The middle goes; the rest stays what it was. */
    CHECK_EQUAL(t, unmap(SCRATCH + PAGE_BYTES, 2 * PAGE_BYTES), STATUS_OK);
    CHECK(t, write_faults(SCRATCH + PAGE_BYTES));
    CHECK_EQUAL(t, *(volatile u64 *)(SCRATCH + 3 * PAGE_BYTES), 3);
    CHECK_EQUAL(t, *(volatile u64 *)SCRATCH, 0);
    CHECK_EQUAL(
        t, map(SCRATCH + PAGE_BYTES, phys + PAGE_BYTES, 2 * PAGE_BYTES, RW | PTE_G),
        STATUS_OK);
    block_check(t, SCRATCH);
    CHECK_EQUAL(t, unmap(SCRATCH, BLOCK), STATUS_OK);
    CHECK_EQUAL(t, pmm_free(block, FRAME_ORDER_MAX, OWNER_TEST), STATUS_OK);
}

void test_cursor_rights(struct selftest *t)
{
    pfn_t block;
    if (!block_take(t, &block))
        return;
    u64 page = SCRATCH + 5 * PAGE_BYTES;
    CHECK_EQUAL(t, map(SCRATCH, pfn_to_phys(block).raw, BLOCK, RW | PTE_G), STATUS_OK);
    *(volatile u64 *)page = 5;
    CHECK_EQUAL(t, protect(page, PAGE_BYTES, PTE_NX), STATUS_OK);
    CHECK(t, write_faults(page));
    CHECK_EQUAL(t, *(volatile u64 *)page, 5);
    *(volatile u64 *)(page + PAGE_BYTES) = 6;
    *(volatile u64 *)(page - PAGE_BYTES) = 4;
    CHECK_EQUAL(t, protect(page, PAGE_BYTES, RW), STATUS_OK);
    *(volatile u64 *)page = 5;
    block_check(t, SCRATCH);
    CHECK_EQUAL(t, protect(page, PAGE_BYTES, PTE_W), STATUS_INVALID);
    CHECK_EQUAL(t, protect(page, PAGE_BYTES, RW | PTE_U), STATUS_INVALID);
    CHECK_EQUAL(t, unmap(SCRATCH, BLOCK), STATUS_OK);
    CHECK_EQUAL(t, protect(page, PAGE_BYTES, RW), STATUS_NOT_FOUND);
    CHECK_EQUAL(t, pmm_free(block, FRAME_ORDER_MAX, OWNER_TEST), STATUS_OK);
}

/* Tables come with the first page of their reach and go with the last. */
void test_cursor_tables(struct selftest *t)
{
    static const u64 sizes[] = {PAGE_BYTES, 3 * PAGE_BYTES, BLOCK, BLOCK + PAGE_BYTES,
                                16 * BLOCK + 7 * PAGE_BYTES};
    u64 before = frames_free(), tables = page_table_verify(&kernel_page_space);
    for (u32 i = 0; i < ARRAY_COUNT(sizes); i++) {
        u64 virt = SCRATCH + BLOCK - PAGE_BYTES;
        /* Device addresses that nobody touches, out of step: 4 KiB pages only. */
        CHECK_EQUAL(t, map(virt, DEVICE, sizes[i], RW | PTE_G), STATUS_OK);
        u64 added = page_table_verify(&kernel_page_space) - tables;
        u64 wanted = 1 + ((BLOCK - PAGE_BYTES + sizes[i] - 1) / BLOCK + 1);
        CHECK_EQUAL(t, added, wanted);
        CHECK_EQUAL(t, before - frames_free(), added);
        CHECK_EQUAL(t, unmap(virt, sizes[i]), STATUS_OK);
        CHECK_EQUAL(t, frames_free(), before);
        CHECK_EQUAL(t, page_table_verify(&kernel_page_space), tables);
    }
}

/* --- refusals leave all of it as it was --- */

static bool run_fold(const struct page_run *run, void *context)
{
    u64 *sum = context;
    *sum = fnv1a_64(*sum, run, sizeof(*run));
    return true;
}

static u64 map_sum(void)
{
    u64 sum = FNV1A_64_BASIS;
    page_runs_for_each(read_cr3(), 0, ~0UL, run_fold, &sum);
    u64 free = frames_free();
    return fnv1a_64(sum, &free, sizeof(free));
}

void test_cursor_unchanged(struct selftest *t)
{
    CHECK_EQUAL(t, map(SCRATCH, DEVICE, 8 * PAGE_BYTES, RW | PTE_G), STATUS_OK);
    u64 before = map_sum();
    CHECK_EQUAL(t, map(SCRATCH - PAGE_BYTES, DEVICE, 3 * PAGE_BYTES, RW),
                STATUS_EXISTS);
    CHECK_EQUAL(t, map(SCRATCH - GIB(1), DEVICE, 2 * GIB(1), RW), STATUS_EXISTS);
    CHECK_EQUAL(t, unmap(SCRATCH, 9 * PAGE_BYTES), STATUS_NOT_FOUND);
    CHECK_EQUAL(t, unmap(SCRATCH - PAGE_BYTES, 2 * PAGE_BYTES), STATUS_NOT_FOUND);
    CHECK_EQUAL(t, unmap(SCRATCH + GIB(3), GIB(1)), STATUS_NOT_FOUND);
    CHECK_EQUAL(t, unmap(SCRATCH, 0), STATUS_INVALID);
    CHECK_EQUAL(t, unmap(SCRATCH + 8, PAGE_BYTES), STATUS_INVALID);
    CHECK_EQUAL(t, unmap(SCRATCH, -PAGE_BYTES), STATUS_INVALID);
    CHECK_EQUAL(t, unmap(IMAGE_BASE, PAGE_2M_BYTES), STATUS_INVALID);
    CHECK_EQUAL(t, unmap(DIRECT_MAP_BASE, PAGE_BYTES), STATUS_INVALID);
    CHECK_EQUAL(t, unmap(HEAP_BASE, PAGE_BYTES), STATUS_INVALID);
    CHECK_EQUAL(t, unmap(0x400000, PAGE_BYTES), STATUS_INVALID);
    CHECK_EQUAL(t, protect(DIRECT_MAP_BASE, PAGE_BYTES, PTE_NX), STATUS_INVALID);
    CHECK_EQUAL(t, map(STACKS_BASE + STACKS_BYTES / 2, DEVICE, PAGE_BYTES, RW | PTE_G),
                STATUS_INVALID);
    CHECK_EQUAL(t, map_sum(), before);
    CHECK_EQUAL(t, unmap(SCRATCH, 8 * PAGE_BYTES), STATUS_OK);
    CHECK(t, map_sum() != before);
}

/* --- devices --- */

void test_cache_types(struct selftest *t)
{
    static const struct {
        u64 cache;
        u32 index; /* in the PAT, SDM vol. 3A, table 11-11 */
    } types[] = {{PAGE_CACHE_WB, PAT_WB},
                 {PAGE_CACHE_WT, PAT_WT},
                 {PAGE_CACHE_UC_MINUS, PAT_UC_MINUS},
                 {PAGE_CACHE_UC, PAT_UC},
                 {PAGE_CACHE_WC, PAT_WC}};
    for (u32 i = 0; i < ARRAY_COUNT(types); i++) {
        struct pt_walk walk;
        /* 4 KiB and then 2 MiB pages of nothing; nobody touches them. */
        CHECK_EQUAL(t,
                    map(SCRATCH, DEVICE, 2 * BLOCK - PAGE_BYTES,
                        RW | PTE_G | types[i].cache),
                    STATUS_OK);
        for (u64 at = 0; at < 2 * BLOCK; at += BLOCK) {
            page_table_walk_raw(read_cr3(), SCRATCH + at, &walk);
            CHECK_EQUAL(t, walk.leaf_bytes, at ? PAGE_BYTES : PAGE_2M_BYTES);
            u64 entry = walk.level[walk.level_count - 1].entry;
            u64 pat = at ? entry >> 7 & 1 : entry >> 12 & 1;
            CHECK_EQUAL(t, pat << 2 | (entry >> 3 & 3), types[i].index);
            CHECK_EQUAL(t, leaf_at(SCRATCH + at).bits & PTE_CACHE, types[i].cache);
        }
        CHECK_EQUAL(t, unmap(SCRATCH, 2 * BLOCK - PAGE_BYTES), STATUS_OK);
    }
    volatile void *device = NULL;
    u64 before = map_sum();
    CHECK_EQUAL(t, mmio_map(phys_make(DEVICE), 16, PTE_PAT, &device), STATUS_INVALID);
    CHECK_EQUAL(t, mmio_map(phys_make(DEVICE), 16, PTE_CACHE, &device), STATUS_INVALID);
    CHECK_EQUAL(t, map_sum(), before);
    /* As large as a card's memory: in step with its physical address, so large pages.
     */
    CHECK_EQUAL(t,
                mmio_map(phys_make(DEVICE + PAGE_2M_BYTES), 4 * BLOCK, PAGE_CACHE_WC,
                         &device),
                STATUS_OK);
    CHECK_EQUAL(t, leaf_at(virt_of(device).raw).bytes, PAGE_2M_BYTES);
    CHECK_EQUAL(t, aperture_unmap(device), STATUS_OK);
    CHECK_EQUAL(t, map_sum(), before);
}

/* The second half of the text screen's memory, which is not shown. */
#define HIDDEN_SCREEN 0xBC000

void test_mmio_access(struct selftest *t)
{
    static const u64 caches[] = {PAGE_CACHE_UC, PAGE_CACHE_WC};
    for (u32 i = 0; i < ARRAY_COUNT(caches); i++) {
        volatile void *start = NULL;
        CHECK_EQUAL(t, mmio_map(phys_make(HIDDEN_SCREEN), 64, caches[i], &start),
                    STATUS_OK);
        volatile u8 *at = start;
        u64 old = mmio_read_u64(at);
        mmio_write_u64(at, ~old);
        if (mmio_read_u64(at) != ~old) {
            selftest_skip(t, "no text screen");
            CHECK_EQUAL(t, aperture_unmap(start), STATUS_OK);
            return;
        }
        mmio_write_u64(at, 0x1122334455667788);
        mmio_write_u32(at, 0xAABBCCDD);
        mmio_write_u16(at + 4, 0xEEFF);
        mmio_write_u8(at + 7, 0x99);
        mmio_write_barrier();
        CHECK_EQUAL(t, mmio_read_u64(at), 0x9922EEFFAABBCCDD);
        CHECK_EQUAL(t, mmio_read_u32(at + 4), 0x9922EEFF);
        CHECK_EQUAL(t, mmio_read_u16(at + 2), 0xAABB);
        CHECK_EQUAL(t, mmio_read_u8(at + 5), 0xEE);
        mmio_write_u64(at, old);
        mmio_barrier();
        CHECK_EQUAL(t, aperture_unmap(start), STATUS_OK);
    }
}

/* --- faults of the past --- */

void test_fault_spurious(struct selftest *t)
{
    u64 code = PF_PRESENT | PF_WRITE;
    CHECK_EQUAL(t, map(SCRATCH, DEVICE, 2 * PAGE_BYTES, PTE_NX | PTE_G), STATUS_OK);
    CHECK_EQUAL(t, fault_resolve(SCRATCH, code), FAULT_BAD_ADDRESS);
    CHECK_EQUAL(t, protect(SCRATCH, PAGE_BYTES, RW), STATUS_OK);
    CHECK_EQUAL(t, fault_resolve(SCRATCH + PAGE_BYTES, code), FAULT_BAD_ADDRESS);
    CHECK_EQUAL(t, fault_resolve(SCRATCH, PF_PRESENT | PF_FETCH), FAULT_BAD_ADDRESS);
    CHECK_EQUAL(t, fault_resolve(SCRATCH, code | PF_USER), FAULT_BAD_ADDRESS);
    CHECK_EQUAL(t, fault_resolve(SCRATCH, code | PF_RESERVED), FAULT_BAD_ADDRESS);
    CHECK_EQUAL(t, fault_resolve(SCRATCH, code), FAULT_RESOLVED);
    /* Once. */
    CHECK_EQUAL(t, fault_resolve(SCRATCH, code), FAULT_BAD_ADDRESS);
    CHECK_EQUAL(t, unmap(SCRATCH, 2 * PAGE_BYTES), STATUS_OK);
}

/* --- how far a flush reaches --- */

static u64 *entry_of(u64 virt)
{
    struct pt_walk walk;
    page_table_walk_raw(read_cr3(), virt, &walk);
    const struct pt_level *last = &walk.level[walk.level_count - 1];
    return (u64 *)phys_to_ptr(phys_make(last->table_phys)) + last->slot;
}

/* Two frames that hold 1 and 2, and a page that maps the first. */
struct reach {
    pfn_t frame[2];
    u64 *entry;
    bool pcid;
};

/* What is read after the entry went from frame 1 to frame 2, `act` was done, and
 * everything happened in PCID `in` that knew the page. */
static u64 reach_read(const struct reach *reach, u64 in, void (*act)(void))
{
    u64 root = read_cr3(), keep = reach->pcid ? 1UL << 63 : 0;
    u64 first = *reach->entry;
    u64 moved = (first & ~PTE_FRAME_MASK) | pfn_to_phys(reach->frame[1]).raw;
    tlb_flush_all();
    if (in)
        write_cr3(root | in | keep);
    (void)*(volatile u64 *)SCRATCH;
    if (in)
        write_cr3(root | keep);
    atomic_store_u64(reach->entry, moved);
    act();
    if (in)
        write_cr3(root | in | keep);
    u64 seen = *(volatile u64 *)SCRATCH;
    if (in)
        write_cr3(root | keep);
    atomic_store_u64(reach->entry, first);
    tlb_flush_all();
    return seen;
}

static void act_nothing(void)
{
}
static void act_cr3(void)
{
    write_cr3(read_cr3());
}
static void act_page(void)
{
    tlb_flush_page(virt_make(SCRATCH));
}

static void reach_check(struct selftest *t, struct reach *reach, u64 global)
{
    static const char *const words[] = {"?", "stays", "goes"};
    CHECK_EQUAL(t,
                map(SCRATCH, pfn_to_phys(reach->frame[0]).raw, PAGE_BYTES, RW | global),
                STATUS_OK);
    reach->entry = entry_of(SCRATCH);
    u64 last = reach->pcid ? 1 : 0;
    for (u64 in = 0; in <= last; in++) {
        CHECK_EQUAL(t, reach_read(reach, in, tlb_flush_all), 2);
        if (global || in == 0)
            CHECK_EQUAL(t, reach_read(reach, in, act_page), 2);
        selftest_note(
            "reach: %s leaf used in PCID %lu: with nothing done it %s, over a "
            "CR3 load it %s, over INVLPG it %s",
            global ? "GLOBAL" : "local", in, words[reach_read(reach, in, act_nothing)],
            words[reach_read(reach, in, act_cr3)],
            words[reach_read(reach, in, act_page)]);
    }
    CHECK_EQUAL(t, unmap(SCRATCH, PAGE_BYTES), STATUS_OK);
}

void test_flush_reach(struct selftest *t)
{
    struct reach reach = {.pcid = read_cr4() & CR4_PCIDE};
    for (u32 i = 0; i < 2; i++) {
        CHECK_EQUAL(t, pmm_alloc(0, OWNER_TEST, &reach.frame[i]), STATUS_OK);
        *(u64 *)pfn_to_ptr(reach.frame[i]) = i + 1;
    }
    u64 flags = irq_save();
    reach_check(t, &reach, PTE_G);
    reach_check(t, &reach, 0);
    irq_restore(flags);
    for (u32 i = 0; i < 2; i++)
        CHECK_EQUAL(t, pmm_free(reach.frame[i], 0, OWNER_TEST), STATUS_OK);
}
