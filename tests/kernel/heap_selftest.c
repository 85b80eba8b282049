/* SPDX-License-Identifier: MIT
 *
 * The heap in the live machine: what only real page faults can show.
 */
#include "kernel/arch/instr.h"
#include "kernel/base/string.h"
#include "mm/heap.h"
#include "mm/page_table.h"
#include "mm/pmm.h"
#include "mm/ram.h"
#include "tests/kernel/cases.h"

static struct heap_stats stats_now(void)
{
    struct heap_stats stats;
    heap_stats_get(&stats);
    return stats;
}

static bool is_zero(const void *memory, u64 bytes)
{
    const u8 *at = memory;
    for (u64 i = 0; i < bytes; i++)
        if (at[i] != 0)
            return false;
    return true;
}

void test_heap_small(struct selftest *t)
{
    static void *object[512];
    for (u64 bytes = 1; bytes <= HEAP_SMALL_MAX; bytes = bytes * 5 / 4 + 1) {
        for (u32 i = 0; i < ARRAY_COUNT(object); i++) {
            object[i] = heap_alloc(bytes);
            CHECK(t, object[i] && IS_ALIGNED(virt_of(object[i]).raw, HEAP_ALIGN));
            if (!object[i])
                return;
            CHECK(t, is_zero(object[i], bytes));
            memset(object[i], (int)i, bytes);
        }
        for (u32 i = 0; i < ARRAY_COUNT(object); i++) {
            const u8 *at = object[i];
            CHECK(t,
                  at[0] == (u8)i && at[bytes - 1] == (u8)i); /* nobody wrote over it */
            heap_free(object[i]);
        }
    }
    heap_verify();
    for (u64 align = 1; align <= PAGE_2M_BYTES; align *= 2) {
        void *aligned = heap_alloc_aligned(24, align);
        CHECK(t, aligned && IS_ALIGNED(virt_of(aligned).raw, align));
        heap_free(aligned);
    }
}

void test_heap_runs(struct selftest *t)
{
    for (u64 pages = 1; pages <= 600; pages = pages * 3 + 1) {
        u64 bytes = pages * PAGE_BYTES - 8;
        u8 *run = heap_alloc(bytes);
        u8 *after = run + ALIGN_UP(bytes, HEAP_ALIGN);
        CHECK(t, run && IS_ALIGNED(virt_of(after).raw, PAGE_BYTES));
        if (!run)
            return;
        struct heap_where where;
        heap_locate(virt_of(run + bytes - 1), &where);
        CHECK_EQUAL(t, where.place, HEAP_PLACE_OBJECT);
        CHECK_EQUAL(t, where.object, virt_of(run).raw);
        heap_locate(virt_of(after - 1 - pages * PAGE_BYTES), &where);
        CHECK_EQUAL(t, where.place, HEAP_PLACE_GUARD);
        heap_locate(virt_of(after), &where);
        CHECK_EQUAL(t, where.place, HEAP_PLACE_GUARD);
        CHECK_EQUAL(t, where.object_bytes, bytes);
        run[0] = 1;
        run[bytes - 1] = 2;
        heap_free(run);
        heap_locate(virt_of(run), &where);
        CHECK_EQUAL(t, where.place, HEAP_PLACE_FREED);
        CHECK_EQUAL(t, where.object, virt_of(run).raw);
        CHECK_EQUAL(t, where.object_bytes, bytes);
    }
    heap_verify();
}

void test_heap_resize(struct selftest *t)
{
    static const u64 sizes[] = {10,     100,  2000,   2049, 9000,
                                200000, 4097, 300000, 50,   16};
    u8 *object = heap_resize(NULL, 8);
    u64 bytes = 8;
    CHECK(t, object != NULL);
    for (u32 i = 0; object && i < ARRAY_COUNT(sizes); i++) {
        for (u64 j = 0; j < bytes; j++)
            object[j] = (u8)(j + i);
        object = heap_resize(object, sizes[i]);
        CHECK(t, object != NULL);
        if (!object)
            return;
        u64 kept = MIN(bytes, sizes[i]), wrong = 0;
        for (u64 j = 0; j < kept; j++)
            wrong += object[j] != (u8)(j + i);
        CHECK_EQUAL(t, wrong, 0);
        CHECK(t, is_zero(object + kept, sizes[i] - kept));
        bytes = sizes[i];
    }
    /* Growing a run in place: same address, because nothing is behind it. In guard mode
     * its end must move with it. */
    u8 *run = heap_alloc(5 * PAGE_BYTES);
    u8 *longer = heap_resize(run, 9 * PAGE_BYTES);
    CHECK(t, (longer == run) == (heap_mode_now() != HEAP_GUARD));
    run = heap_resize(longer, 3 * PAGE_BYTES);
    CHECK(t, (longer == run) == (heap_mode_now() != HEAP_GUARD));
    CHECK(t, heap_resize(run, HEAP_BYTES) ==
                 NULL); /* refused, and the old one still lives */
    run[0] = 7;
    CHECK(t, heap_resize(run, 0) == NULL);
    heap_free(object);
    heap_verify();
}

void test_heap_refuses(struct selftest *t)
{
    struct heap_stats before = stats_now();
    CHECK(t, heap_alloc(0) == NULL);
    CHECK(t, heap_alloc(HEAP_BYTES) == NULL);
    CHECK(t, heap_alloc(~0UL) == NULL);
    CHECK(t, heap_alloc(~0UL - PAGE_BYTES) == NULL);
    CHECK(t, heap_alloc_aligned(64, 0) == NULL);
    CHECK(t, heap_alloc_aligned(64, 48) == NULL);
    CHECK(t, heap_alloc_aligned(64, 2 * HEAP_ALIGN_MAX) == NULL);
    heap_free(NULL);
    /* More than there is RAM, but less than the window: no tables are made for it. */
    struct pmm_stats frames_before, frames_after;
    pmm_stats_get(&frames_before);
    if (frames_before.free * PAGE_BYTES < MIB(900))
        CHECK(t, heap_alloc(MIB(900)) == NULL);
    pmm_stats_get(&frames_after);
    CHECK_EQUAL(t, frames_after.free, frames_before.free);
    CHECK_EQUAL(t, frames_after.untouched, frames_before.untouched);
    struct heap_stats after = stats_now();
    CHECK_EQUAL(t, after.objects, before.objects);
    CHECK_EQUAL(t, after.pages, before.pages);
    heap_verify();
    pmm_verify();
}

void test_heap_faults_exact(struct selftest *t)
{
    enum { PAGES = 300, STEP = 3 };
    u8 *run = heap_alloc(PAGES * PAGE_BYTES);
    CHECK(t, run != NULL);
    if (!run)
        return;
    struct heap_stats before = stats_now();
    for (u32 page = 0; page < PAGES; page += STEP)
        run[page * PAGE_BYTES + 123] = 1; /* write */
    struct heap_stats written = stats_now();
    CHECK_EQUAL(t, written.faults - before.faults, PAGES / STEP);
    CHECK_EQUAL(t, written.pages_present - before.pages_present, PAGES / STEP);
    u64 sum = 0;
    for (u32 page = 0; page < PAGES; page++)
        sum += *(volatile u8 *)&run[page * PAGE_BYTES + 123]; /* read */
    CHECK_EQUAL(t, sum, PAGES / STEP);
    CHECK_EQUAL(t, stats_now().faults - before.faults, PAGES);
    heap_free(run);
    CHECK_EQUAL(t, stats_now().pages_present, before.pages_present);
    CHECK_EQUAL(t, stats_now().faults - before.faults,
                PAGES); /* freeing touches nothing */
}

/* --- far past 64 MiB --- */

#define BIG_CHUNK         MIB(1)
#define BIG_CHUNKS        80
#define MARK(chunk, page) (0x9E3779B97F4A7C15 * ((u64)(chunk)*256 + (page) + 1))

static u64 *big[BIG_CHUNKS];

/* Reads a page's mark back through the direct map; returns the frame's address. */
static u64 mark_check(struct selftest *t, u32 chunk, u32 page)
{
    phys_t phys;
    u64 *at = big[chunk] + page * (PAGE_BYTES / sizeof(u64));
    if (page_table_phys_of(virt_of(at), &phys) != STATUS_OK) {
        selftest_fail(t, __FILE__, __LINE__, "V:%p has no frame", (void *)at);
        return 0;
    }
    CHECK_EQUAL(t, *(volatile u64 *)phys_to_ptr(phys), MARK(chunk, page));
    CHECK_EQUAL(t, frame_owner_of(pmm_frame(phys_to_pfn(phys))), OWNER_HEAP);
    return phys.raw;
}

static u64 ram_above(u64 border)
{
    struct phys_range range;
    u64 sum = 0;
    for (u32 i = 0; ram_range(i, &range); i++) {
        u64 end = range.base.raw + range.bytes;
        sum += end > border ? end - MAX(range.base.raw, border) : 0;
    }
    return sum;
}

void test_heap_through_direct_map(struct selftest *t)
{
    enum { CHUNK_PAGES = BIG_CHUNK / PAGE_BYTES };
    /* The firmware keeps a little of the 128 MiB. */
    if (ram_bytes() < MIB(120)) {
        selftest_skip(t, "less than 128 MiB of RAM");
        return;
    }
    struct heap_stats before = stats_now();
    for (u32 chunk = 0; chunk < BIG_CHUNKS; chunk++) {
        big[chunk] = heap_alloc(BIG_CHUNK);
        CHECK(t, big[chunk] != NULL);
        for (u32 page = 0; big[chunk] && page < CHUNK_PAGES; page++)
            big[chunk][page * (PAGE_BYTES / sizeof(u64))] = MARK(chunk, page);
    }
    struct heap_stats full = stats_now();
    CHECK_EQUAL(t, full.faults - before.faults, BIG_CHUNKS * CHUNK_PAGES);
    CHECK(t, full.pages_present * PAGE_BYTES > MIB(64));
    u64 above_4g = 0, above_64m = 0;
    for (u32 chunk = 0; chunk < BIG_CHUNKS; chunk++)
        for (u32 page = 0; big[chunk] && page < CHUNK_PAGES; page++) {
            u64 phys = mark_check(t, chunk, page);
            above_4g += phys >= BOOT_MAP_END;
            above_64m += phys >= MIB(64);
        }
    CHECK(t, above_64m > 0);
    if (ram_above(BOOT_MAP_END) > MIB(100))
        CHECK(t, above_4g >= 1000);
    selftest_note(
        "heap of %u MiB: %lu faults, %lu frames above 64 MiB, %lu above 4 GiB",
        BIG_CHUNKS, full.faults - before.faults, above_64m, above_4g);
    for (u32 chunk = 0; chunk < BIG_CHUNKS; chunk++)
        heap_free(big[chunk]);
    CHECK_EQUAL(t, stats_now().pages_present, before.pages_present);
    heap_verify();
    pmm_verify();
}

/* --- a mixture --- */

static u64 random_next(u64 *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

void test_heap_random(struct selftest *t)
{
    static struct {
        u8 *at;
        u64 bytes;
        u8 mark;
    } live[128];
    u64 seed = 0x506C696E7468;
    for (u32 step = 0; step < 4000; step++) {
        u64 r = random_next(&seed);
        u32 i = (u32)(r % ARRAY_COUNT(live));
        u64 bytes = 1 + (r >> 8) % ((r >> 60) ? 700 : 40000);
        if (live[i].at) {
            CHECK(t, live[i].at[0] == live[i].mark &&
                         live[i].at[live[i].bytes - 1] == live[i].mark);
            heap_free(live[i].at);
            live[i].at = NULL;
            continue;
        }
        live[i].at = heap_alloc(bytes);
        if (!live[i].at) {
            selftest_fail(t, __FILE__, __LINE__, "no memory for %lu bytes at step %u",
                          bytes, step);
            break;
        }
        CHECK(t, live[i].at[0] == 0 && live[i].at[bytes - 1] == 0);
        live[i].bytes = bytes;
        live[i].mark = (u8)(r >> 32) | 1;
        live[i].at[0] = live[i].at[bytes - 1] = live[i].mark;
    }
    heap_verify();
    for (u32 i = 0; i < ARRAY_COUNT(live); i++) {
        heap_free(live[i].at);
        live[i].at = NULL;
    }
    heap_verify();
}

void test_heap_gives_back(struct selftest *t)
{
    struct pmm_stats frames;
    heap_trim();
    struct heap_stats stats = stats_now();
    pmm_stats_get(&frames);
    CHECK_EQUAL(t, frames.owned[OWNER_HEAP], stats.pages_present);
    CHECK_EQUAL(t, frames.promised, stats.pages - stats.pages_present);
    CHECK_EQUAL(t, frames.owned[OWNER_HEAP_INFO],
                stats.regions * 8 + stats.record_frames);
}
