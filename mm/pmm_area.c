/* SPDX-License-Identifier: MIT
 *
 * Areas of the frame allocator: opening them, their counters, their bit-fields.
 *
 * A counter is raised only after its bits are clear and lowered before they are set, so
 * whoever has lowered it for one frame will find a bit. For larger blocks the count is
 * a hope: fragmentation may deny it, and then it is given back.
 */
#include "kernel/base/atomic.h"
#include "kernel/base/bits.h"
#include "mm/frame_table.h"
#include "mm/pmm_internal.h"

void area_words_init(u64 area)
{
    struct frame *frame = frame_at(pfn_make(area << AREA_ORDER));
    struct frame fresh = frame_make(OWNER_NONE, FRAME_NEW, 0, 0);
    for (u32 i = 0; i < AREA_FRAMES; i++)
        frame[i] = fresh;
    u64 *bits = area_bits(area);
    for (u32 i = 0; i < AREA_WORDS; i++)
        bits[i] = 0;
}

/* The next untouched area, from the highest RAM downwards; needs pmm.open_lock. */
static bool area_next_untouched(u64 *out)
{
    while (pmm.open_span > 0) {
        const struct area_span *span = area_span_at(pmm.open_span - 1);
        while (pmm.open_end > span->first)
            if (*area_counter(--pmm.open_end) & AREA_UNTOUCHED) {
                *out = pmm.open_end;
                return true;
            }
        if (--pmm.open_span > 0)
            pmm.open_end = area_span_at(pmm.open_span - 1)->end;
    }
    return false;
}

/* Opens one area: its frames become unpromised. False when all are open. */
bool area_open_next(u64 *area)
{
    u64 flags = spin_lock_irqsave(&pmm.open_lock);
    bool found = area_next_untouched(area);
    if (found) {
        area_words_init(*area);
        atomic_store_u16(area_counter(*area), AREA_FRAMES);
        atomic_fetch_add_u64(&pmm.unpromised, AREA_FRAMES);
        atomic_fetch_sub_u64(&pmm.untouched, AREA_FRAMES);
    }
    spin_unlock_irqrestore(&pmm.open_lock, flags);
    return found;
}

static bool counter_take(u64 area, u32 n)
{
    u16 *counter = area_counter(area);
    u16 have = atomic_load_u16(counter);
    while (!(have & AREA_UNTOUCHED) && have >= n)
        if (atomic_compare_exchange_u16(counter, &have, (u16)(have - n)))
            return true;
    return false;
}

static void counter_give(u64 area, u32 n)
{
    atomic_fetch_add_u16(area_counter(area), (u16)n);
}

/* The lowest aligned run of 2^order clear bits in a word, order 0..5; 64 when there is
 * none. */
static u32 word_find_run(u64 word, u32 order)
{
    /* every bit of `clear` whose run above it is clear as well, then only aligned
     * starts */
    static const u64 starts[] = {~0UL,
                                 0x5555555555555555,
                                 0x1111111111111111,
                                 0x0101010101010101,
                                 0x0001000100010001,
                                 0x0000000100000001};
    u64 clear = ~word;
    for (u32 i = 0; i < order; i++)
        clear &= clear >> (1u << i);
    clear &= starts[order];
    return clear ? bits_lowest(clear) : 64;
}

/* Sets a run inside one word; false when somebody was quicker and no run is left there.
 */
static bool word_take_run(u64 *word, u32 order, u32 *bit)
{
    u64 have = atomic_load_u64(word);
    for (;;) {
        *bit = word_find_run(have, order);
        if (*bit == 64)
            return false;
        u64 run = ((1UL << (1u << order)) - 1) << *bit;
        if (atomic_compare_exchange_u64(word, &have, have | run))
            return true;
    }
}

/* Takes `words` whole words from index on, or none. */
static bool words_take(u64 *bits, u32 words)
{
    for (u32 i = 0; i < words; i++) {
        u64 expected = 0;
        if (atomic_compare_exchange_u64(&bits[i], &expected, ~0UL))
            continue;
        while (i-- > 0)
            atomic_store_u64(&bits[i], 0);
        return false;
    }
    return true;
}

/* Finds and sets 2^order bits in an area; *index is the first frame's place in it. */
static bool bits_take(u64 area, u32 order, u32 *index)
{
    u64 *bits = area_bits(area);
    if (order < 6) {
        u32 bit;
        for (u32 i = 0; i < AREA_WORDS; i++)
            if (word_take_run(&bits[i], order, &bit)) {
                *index = i * 64 + bit;
                return true;
            }
        return false;
    }
    u32 words = 1u << (order - 6);
    for (u32 i = 0; i < AREA_WORDS; i += words)
        if (words_take(&bits[i], words)) {
            *index = i * 64;
            return true;
        }
    return false;
}

static void bits_give(u64 area, u32 index, u32 order)
{
    u64 *bits = area_bits(area) + index / 64;
    if (order < 6) {
        u64 run = ((1UL << (1u << order)) - 1) << (index % 64);
        atomic_fetch_and_u64(bits, ~run);
        return;
    }
    for (u32 i = 0; i < 1u << (order - 6); i++)
        atomic_store_u64(&bits[i], 0);
}

bool area_take(u64 area, u32 order, pfn_t *out)
{
    u32 index;
    if (!counter_take(area, 1u << order))
        return false;
    if (!bits_take(area, order, &index)) {
        counter_give(area, 1u << order);
        return false;
    }
    *out = pfn_make((area << AREA_ORDER) + index);
    return true;
}

/* Any open area that has the block, the highest first. */
bool any_area_take(u32 order, pfn_t *out)
{
    for (u32 i = area_span_count(); i-- > 0;) {
        const struct area_span *span = area_span_at(i);
        for (u64 area = span->end; area-- > span->first;)
            if (area_take(area, order, out))
                return true;
    }
    return false;
}

void area_give(pfn_t pfn, u32 order)
{
    bits_give(area_of(pfn), pfn.raw % AREA_FRAMES, order);
    counter_give(area_of(pfn), 1u << order);
}
