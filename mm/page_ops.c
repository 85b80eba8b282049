/* SPDX-License-Identifier: MIT
 *
 * The routines, and the choice between them. CPUID could tell which ones a CPU calls
 * fast; it does not tell what an emulator makes of REP (a step for each element), nor
 * how large the caches are that stores past the cache go round. A short measurement
 * does.
 */
#include "mm/page_ops.h"

#include "kernel/arch/instr.h"
#include "kernel/base/assert.h"
#include "kernel/boot/layout.h"

#define WARM_ROUNDS 3
#define COLD_PAGES  2 /* for each way and operation */
#define COLD_ROUNDS 2

/* One signature for both operations; zeroing ignores `from`. */
typedef void (*page_fn)(void *to, const void *from, u64 bytes);

static void zero_stores(void *to, const void *from, u64 bytes)
{
    (void)from;
    for (u64 at = (u64)(uintptr_t)to, end = at + bytes; at < end; at += 64)
        __asm__ volatile("movq %1, (%0)\n\tmovq %1, 8(%0)\n\t"
                         "movq %1, 16(%0)\n\tmovq %1, 24(%0)\n\t"
                         "movq %1, 32(%0)\n\tmovq %1, 40(%0)\n\t"
                         "movq %1, 48(%0)\n\tmovq %1, 56(%0)"
                         :
                         : "r"(at), "r"(0UL)
                         : "memory");
}

static void zero_rep_words(void *to, const void *from, u64 bytes)
{
    u64 words = bytes / 8;
    (void)from;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(0UL) : "memory");
}

static void zero_rep_bytes(void *to, const void *from, u64 bytes)
{
    (void)from;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(bytes) : "a"(0UL) : "memory");
}

static void zero_past_cache(void *to, const void *from, u64 bytes)
{
    (void)from;
    for (u64 at = (u64)(uintptr_t)to, end = at + bytes; at < end; at += 64)
        __asm__ volatile("movnti %1, (%0)\n\tmovnti %1, 8(%0)\n\t"
                         "movnti %1, 16(%0)\n\tmovnti %1, 24(%0)\n\t"
                         "movnti %1, 32(%0)\n\tmovnti %1, 40(%0)\n\t"
                         "movnti %1, 48(%0)\n\tmovnti %1, 56(%0)"
                         :
                         : "r"(at), "r"(0UL)
                         : "memory");
    __asm__ volatile("sfence" : : : "memory");
}

/* Eight words through four registers. */
#define COPY_LINE(store)                                             \
    __asm__ volatile("movq (%4), %0\n\tmovq 8(%4), %1\n\t"           \
                     "movq 16(%4), %2\n\tmovq 24(%4), %3\n\t" store  \
                     " %0, (%5)\n\t" store " %1, 8(%5)\n\t" store    \
                     " %2, 16(%5)\n\t" store " %3, 24(%5)\n\t"       \
                     "movq 32(%4), %0\n\tmovq 40(%4), %1\n\t"        \
                     "movq 48(%4), %2\n\tmovq 56(%4), %3\n\t" store  \
                     " %0, 32(%5)\n\t" store " %1, 40(%5)\n\t" store \
                     " %2, 48(%5)\n\t" store " %3, 56(%5)"           \
                     : "=&r"(a), "=&r"(b), "=&r"(c), "=&r"(d)        \
                     : "r"(source + i), "r"(target + i)              \
                     : "memory")

static void copy_stores(void *to, const void *from, u64 bytes)
{
    u64 a, b, c, d, source = (u64)(uintptr_t)from, target = (u64)(uintptr_t)to;
    for (u64 i = 0; i < bytes; i += 64)
        COPY_LINE("movq");
}

static void copy_rep_words(void *to, const void *from, u64 bytes)
{
    u64 words = bytes / 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
}

static void copy_rep_bytes(void *to, const void *from, u64 bytes)
{
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

static void copy_past_cache(void *to, const void *from, u64 bytes)
{
    u64 a, b, c, d, source = (u64)(uintptr_t)from, target = (u64)(uintptr_t)to;
    for (u64 i = 0; i < bytes; i += 64)
        COPY_LINE("movnti");
    __asm__ volatile("sfence" : : : "memory");
}

static page_fn way_of(enum page_op op, enum page_way way)
{
    static const page_fn ways[PAGE_OP_COUNT][WAY_COUNT] = {
        {zero_stores, zero_rep_words, zero_rep_bytes, zero_past_cache},
        {copy_stores, copy_rep_words, copy_rep_bytes, copy_past_cache},
    };
    return ways[op][way];
}

const char *page_way_name(enum page_op op, enum page_way way)
{
    static const char *const names[PAGE_OP_COUNT][WAY_COUNT] = {
        {"stores", "rep stosq", "rep stosb", "movnti"},
        {"stores", "rep movsq", "rep movsb", "movnti"},
    };
    return (u32)op < PAGE_OP_COUNT && (u32)way < WAY_COUNT ? names[op][way] : "?";
}

static struct {
    enum page_way chosen[PAGE_OP_COUNT][PAGE_WARMTH_COUNT];
    u64 ticks[PAGE_OP_COUNT][PAGE_WARMTH_COUNT][WAY_COUNT];
} ops;

/* --- use --- */

void page_op_run(enum page_op op, enum page_way way, void *to, const void *from,
                 u64 bytes)
{
    ASSERT(IS_ALIGNED((u64)(uintptr_t)to | bytes, (u64)PAGE_BYTES));
    way_of(op, way)(to, from, bytes);
}

static void run(enum page_op op, enum page_warmth warmth, void *to, const void *from,
                u64 bytes)
{
    page_op_run(op, ops.chosen[op][warmth], to, from, bytes);
}

void page_zero(void *at, u64 bytes)
{
    run(PAGE_ZERO, PAGE_WARM, at, NULL, bytes);
}

void page_zero_cold(void *at, u64 bytes)
{
    run(PAGE_ZERO, PAGE_COLD, at, NULL, bytes);
}

void page_copy(void *to, const void *from, u64 bytes)
{
    run(PAGE_COPY, PAGE_WARM, to, from, bytes);
}

void page_copy_cold(void *to, const void *from, u64 bytes)
{
    run(PAGE_COPY, PAGE_COLD, to, from, bytes);
}

/* --- calibration --- */

static u64 ticks_of(page_fn way, u8 *to, const u8 *from, u64 bytes)
{
    u64 start = rdtsc();
    way(to, from, bytes);
    return rdtsc() - start;
}

static u64 warm_least(page_fn way, u8 *page)
{
    u64 least = ~0UL;
    for (u32 i = 0; i < WARM_ROUNDS; i++) {
        u64 ticks = ticks_of(way, page, page + PAGE_BYTES, PAGE_BYTES);
        least = MIN(least, ticks);
    }
    return least;
}

/* Pages that no other way has touched: *fresh moves on. */
static u64 cold_least(page_fn way, u8 **fresh)
{
    u64 least = ~0UL;
    for (u32 i = 0; i < COLD_ROUNDS; i++) {
        u64 ticks = ticks_of(way, *fresh, *fresh + COLD_PAGES * PAGE_BYTES,
                             COLD_PAGES * PAGE_BYTES);
        least = MIN(least, ticks / COLD_PAGES);
        *fresh += 2 * COLD_PAGES * PAGE_BYTES;
    }
    return least;
}

/* The quickest; of equals the first. Warm memory never goes past the cache: what was
 * just zeroed would have to be fetched again, which no measurement of the store shows.
 * Cold memory does when that costs the same, for the sake of what the cache holds. */
static enum page_way choose(const u64 *ticks, enum page_warmth warmth)
{
    enum page_way best = warmth == PAGE_COLD ? WAY_PAST_CACHE : WAY_STORES;
    for (u32 way = 0; way < WAY_COUNT; way++)
        if (way != WAY_PAST_CACHE && ticks[way] + ticks[way] / 32 < ticks[best])
            best = (enum page_way)way;
    return best;
}

void page_ops_calibrate(void *scratch)
{
    u8 *fresh = (u8 *)scratch + 2 * PAGE_BYTES;
    STATIC_ASSERT(2 + PAGE_OP_COUNT * WAY_COUNT * COLD_ROUNDS * 2 * COLD_PAGES <=
                      PAGE_OPS_SCRATCH,
                  "the cold pages fit");
    for (u32 op = 0; op < PAGE_OP_COUNT; op++) {
        u64(*ticks)[WAY_COUNT] = ops.ticks[op];
        for (u32 way = 0; way < WAY_COUNT; way++) {
            page_fn run_way = way_of((enum page_op)op, (enum page_way)way);
            ticks[PAGE_COLD][way] = cold_least(run_way, &fresh);
            ticks[PAGE_WARM][way] = warm_least(run_way, scratch);
        }
        for (u32 warmth = 0; warmth < PAGE_WARMTH_COUNT; warmth++)
            ops.chosen[op][warmth] = choose(ticks[warmth], (enum page_warmth)warmth);
    }
}

u64 page_ops_ticks(enum page_op op, enum page_warmth warmth, enum page_way way)
{
    return ops.ticks[op][warmth][way];
}

enum page_way page_ops_chosen(enum page_op op, enum page_warmth warmth)
{
    return ops.chosen[op][warmth];
}
