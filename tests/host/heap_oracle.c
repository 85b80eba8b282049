/* SPDX-License-Identifier: MIT */
#include "tests/host/heap_oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>
#include <sys/mman.h>

#include "mm/heap_internal.h"
#include "tests/host/heap_world.h"

#define GRAINS (HEAP_BYTES / HEAP_ALIGN)

struct oracle_object oracle[ORACLE_MAX];
u32 oracle_count;

static u16 *owner;  /* index + 1 of the object that has each grain */
static u8 *copy;    /* of every byte of the window */
static u8 *touched; /* a flag for each page of a run */

static void *sparse(u64 bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(at != MAP_FAILED);
    return at;
}

void oracle_open(void)
{
    oracle_count = 0;
    owner = sparse(GRAINS * sizeof(*owner));
    copy = sparse(HEAP_BYTES);
    touched = sparse(HEAP_PAGES);
}

void oracle_close(void)
{
    while (oracle_count > 0)
        oracle_free(oracle_count - 1);
    munmap(owner, GRAINS * sizeof(*owner));
    munmap(copy, HEAP_BYTES);
    munmap(touched, HEAP_PAGES);
}

static u64 offset_of(const u8 *at)
{
    return (u64)at - HEAP_WINDOW;
}

static u64 pages_of(u64 bytes)
{
    return (bytes + PAGE_BYTES - 1) / PAGE_BYTES;
}

/* --- the list and the map --- */

static void place_claim(u32 i)
{
    u64 first = offset_of(oracle[i].at) / HEAP_ALIGN;
    u64 end = first + (oracle[i].bytes + HEAP_ALIGN - 1) / HEAP_ALIGN;
    assert_in_range(offset_of(oracle[i].at), PAGE_BYTES, HEAP_BYTES - 1);
    assert_in_range(end, 1, GRAINS);
    for (u64 grain = first; grain < end; grain++) {
        if (owner[grain] != 0)
            fail_msg("object %u overlaps object %u", i, owner[grain] - 1);
        owner[grain] = (u16)(i + 1);
    }
}

static void place_give(u32 i)
{
    u64 first = offset_of(oracle[i].at) / HEAP_ALIGN;
    u64 end = first + (oracle[i].bytes + HEAP_ALIGN - 1) / HEAP_ALIGN;
    for (u64 grain = first; grain < end; grain++) {
        assert_int_equal(owner[grain], i + 1);
        owner[grain] = 0;
    }
}

/* Its contents are forgotten from `keep` on. */
static void contents_forget(u32 i, u64 keep)
{
    u64 offset = offset_of(oracle[i].at);
    if (keep < oracle[i].bytes)
        memset(copy + offset + keep, 0, oracle[i].bytes - keep);
    if (oracle[i].run)
        for (u64 page = pages_of(keep); page < pages_of(oracle[i].bytes); page++)
            touched[offset / PAGE_BYTES + page] = 0;
}

static void contents_touch(u32 i, u64 offset, u64 bytes)
{
    u64 at = offset_of(oracle[i].at) + offset;
    for (u64 page = at / PAGE_BYTES;
         oracle[i].run && bytes != 0 && page <= (at + bytes - 1) / PAGE_BYTES; page++)
        touched[page] = 1;
}

static bool is_run(u64 bytes, u64 align)
{
    u64 edge = world_mode == HEAP_POISON ? HEAP_EDGE_BYTES : 0;
    return world_mode == HEAP_GUARD || bytes + edge > HEAP_SMALL_MAX || align > 2048;
}

u8 *oracle_end(u32 i)
{
    return (u8 *)ALIGN_UP((u64)oracle[i].at + oracle[i].bytes, PAGE_BYTES);
}

/* The heap may refuse what does not fit into unpromised memory, a region's descriptors
 * and tables included: at most two regions beyond whole ones. */
static void refusal_check(u64 bytes)
{
    u64 regions = bytes / PAGE_2M_BYTES + 2;
    u64 unpromised = world.free - world.promised;
    bool reason = bytes > HEAP_BYTES / 2 ||
                  unpromised <
                      pages_of(bytes) + regions * ((1u << HEAP_INFO_ORDER) + 1) + 4 ||
                  !world_has_block(HEAP_INFO_ORDER);
    if (!reason && !world_refused())
        fail_msg("%lu bytes refused with %lu frames left", bytes, unpromised);
}

/* --- operations --- */

bool oracle_alloc(u64 bytes, u64 align)
{
    u8 *at = heap_alloc_aligned(bytes, align);
    if (!at) {
        refusal_check(bytes);
        return false;
    }
    assert_true(oracle_count < ORACLE_MAX);
    assert_int_equal((u64)at % MAX(align, (u64)HEAP_ALIGN), 0);
    oracle[oracle_count] = (struct oracle_object){.at = at,
                                                  .bytes = bytes,
                                                  .align = MAX(align, (u64)HEAP_ALIGN),
                                                  .run = is_run(bytes, align)};
    place_claim(oracle_count++);
    return true;
}

void oracle_free(u32 i)
{
    heap_free(oracle[i].at);
    contents_forget(i, 0);
    place_give(i);
    u32 last = --oracle_count;
    if (i == last)
        return;
    place_give(last);
    oracle[i] = oracle[last];
    place_claim(i);
}

bool oracle_resize(u32 i, u64 bytes)
{
    struct oracle_object was = oracle[i];
    u8 *at = heap_resize(was.at, bytes);
    if (!at) {
        refusal_check(bytes);
        return false;
    }
    place_give(i);
    if (at == was.at) {
        contents_forget(i, MIN(bytes, was.bytes));
        oracle[i].bytes = bytes;
    } else {
        u64 keep = MIN(bytes, was.bytes);
        oracle[i] = (struct oracle_object){
            .at = at, .bytes = bytes, .align = HEAP_ALIGN, .run = is_run(bytes, 1)};
        memcpy(copy + offset_of(at), copy + offset_of(was.at), keep);
        contents_touch(i, 0, keep);
        struct oracle_object now = oracle[i];
        oracle[i] = was;
        contents_forget(i, 0);
        oracle[i] = now;
    }
    place_claim(i);
    return true;
}

void oracle_write(u32 i, u64 offset, u64 bytes, u8 seed)
{
    assert_true(offset + bytes <= oracle[i].bytes);
    u8 *to = copy + offset_of(oracle[i].at) + offset;
    for (u64 j = 0; j < bytes; j++)
        to[j] = (u8)(seed + j * 7);
    memcpy(oracle[i].at + offset, to, bytes);
    contents_touch(i, offset, bytes);
}

void oracle_compare(u32 i)
{
    const u8 *want = copy + offset_of(oracle[i].at);
    contents_touch(i, 0, oracle[i].bytes);
    if (memcmp(oracle[i].at, want, oracle[i].bytes) == 0)
        return;
    u64 j = 0;
    while (oracle[i].at[j] == want[j])
        j++;
    fail_msg("byte %lu of %lu is %02x, should be %02x", j, oracle[i].bytes,
             oracle[i].at[j], want[j]);
}

void oracle_compare_pages(u32 i)
{
    u64 first = offset_of(oracle[i].at) / PAGE_BYTES;
    if (world_mode != HEAP_PLAIN)
        return;
    for (u64 page = first; oracle[i].run && page < first + pages_of(oracle[i].bytes);
         page++)
        if (world_shows(heap_page_address(page)) != touched[page])
            fail_msg("page %lu of a run %s", page - first,
                     touched[page] ? "was touched and is away" : "came by itself");
}

/* --- counters --- */

/* Pages of the window with a live small object. */
static u64 slab_pages(void)
{
    static u32 seen[HEAP_PAGES], round;
    u64 count = 0;
    round++;
    for (u32 i = 0; i < oracle_count; i++)
        if (!oracle[i].run) {
            u32 *mark = &seen[offset_of(oracle[i].at) / PAGE_BYTES];
            count += *mark != round;
            *mark = round;
        }
    return count;
}

void oracle_check(bool trimmed)
{
    struct heap_stats stats;
    u64 bytes = 0, pages = slab_pages();
    for (u32 i = 0; i < oracle_count; i++) {
        struct heap_where where;
        heap_locate(virt_of(oracle[i].at + oracle[i].bytes - 1), &where);
        assert_int_equal(where.place, HEAP_PLACE_OBJECT);
        assert_int_equal(where.object, (u64)oracle[i].at);
        assert_true(where.object_bytes >= oracle[i].bytes);
        if (oracle[i].run || world_mode == HEAP_POISON)
            assert_int_equal(where.object_bytes, oracle[i].bytes);
        bytes += oracle[i].run ? oracle[i].bytes : where.class_bytes;
        if (oracle[i].run)
            pages += (u64)(oracle_end(i) -
                           (u8 *)ALIGN_DOWN((u64)oracle[i].at, PAGE_BYTES)) /
                     PAGE_BYTES;
        oracle_compare_pages(i);
    }
    heap_stats_get(&stats);
    assert_int_equal(stats.objects, oracle_count);
    assert_int_equal(stats.object_bytes, bytes);
    assert_in_range(stats.pages, pages, pages + (trimmed ? 0 : HEAP_CLASSES));
    heap_verify();
    world_check();
}
