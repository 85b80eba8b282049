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
#include "mm/pmm_internal.h"

/* --- opening --- */

void area_words_init(u64 area)
{
    struct frame *frame = frame_at(pfn_make(area << AREA_ORDER));
    struct frame fresh = frame_make(OWNER_NONE, FRAME_NEW, 0, 0);
    fresh.word |= (u64)area_node(area) << FRAME_NODE_SHIFT;
    for (u32 i = 0; i < AREA_FRAMES; i++)
        frame[i] = fresh;
    u64 *bits = area_bits(area);
    for (u32 i = 0; i < AREA_WORDS; i++)
        bits[i] = 0;
}

bool area_open(u64 area)
{
    u16 expected = AREA_UNTOUCHED | AREA_FRAMES;
    if (!atomic_compare_exchange_u16(area_counter(area), &expected, AREA_OPENING))
        return false;
    struct tree *tree = tree_of(area);
    area_words_init(area);
    atomic_fetch_add_u32(&tree->free, AREA_FRAMES);
    atomic_fetch_sub_u32(&tree->untouched_areas, 1);
    atomic_store_u16(area_counter(area), AREA_FRAMES);
    /* In this order: whoever reads `untouched` first never misses these frames. */
    atomic_fetch_add_u64(&pmm.unpromised, AREA_FRAMES);
    atomic_fetch_sub_u64(&pmm.untouched, AREA_FRAMES);
    return true;
}

/* --- counters --- */

u32 area_free(u64 area)
{
    u16 counter = atomic_load_relaxed_u16(area_counter(area));
    return counter & (AREA_UNTOUCHED | AREA_OPENING) ? 0 : counter;
}

static bool counter_take(u64 area, u32 n)
{
    u16 *counter = area_counter(area);
    u16 have = atomic_load_u16(counter);
    while (!(have & (AREA_UNTOUCHED | AREA_OPENING)) && have >= n)
        if (atomic_compare_exchange_u16(counter, &have, (u16)(have - n)))
            return true;
    return false;
}

/* As many as there are, `most` at most. */
static u32 counter_take_some(u64 area, u32 most)
{
    u16 *counter = area_counter(area);
    u16 have = atomic_load_u16(counter);
    while (!(have & (AREA_UNTOUCHED | AREA_OPENING)) && have != 0) {
        u16 n = (u16)MIN(have, most);
        if (atomic_compare_exchange_u16(counter, &have, (u16)(have - n)))
            return n;
    }
    return 0;
}

static void counter_give(u64 area, u32 n)
{
    atomic_fetch_add_u16(area_counter(area), (u16)n);
}

/* --- bits --- */

/* The lowest aligned run of 2^order clear bits, order 0..5; 64 when there is none. */
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

/* `bits` ones from bit `first` on. */
static u64 run_mask(u32 first, u32 bits)
{
    return (bits == 64 ? ~0UL : (1UL << bits) - 1) << first;
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
        if (atomic_compare_exchange_u64(word, &have,
                                        have | run_mask(*bit, 1u << order)))
            return true;
    }
}

/* Sets exactly these bits, all of which must be clear. */
static bool word_take_mask(u64 *word, u64 mask)
{
    u64 have = atomic_load_u64(word);
    while ((have & mask) == 0)
        if (atomic_compare_exchange_u64(word, &have, have | mask))
            return true;
    return false;
}

/* The bits of `count` frames from `index` on, or none. */
static bool bits_take_exact(u64 *bits, u32 index, u32 count)
{
    u32 at = index, end = index + count;
    while (at < end) {
        u32 n = MIN(end - at, 64 - at % 64);
        if (!word_take_mask(&bits[at / 64], run_mask(at % 64, n)))
            break;
        at += n;
    }
    if (at == end)
        return true;
    for (u32 i = index; i < at; i += 64 - i % 64)
        atomic_fetch_and_u64(&bits[i / 64],
                             ~run_mask(i % 64, MIN(at - i, 64 - i % 64)));
    return false;
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
    for (*index = 0; *index < AREA_FRAMES; *index += 1u << order)
        if (bits_take_exact(bits, *index, 1u << order))
            return true;
    return false;
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

bool area_take_exact(pfn_t first, u32 frames)
{
    u64 area = area_of(first);
    if (!counter_take(area, frames))
        return false;
    if (bits_take_exact(area_bits(area), first.raw % AREA_FRAMES, frames))
        return true;
    counter_give(area, frames);
    return false;
}

u32 area_blocked(pfn_t first, u32 frames)
{
    u16 counter = atomic_load_relaxed_u16(area_counter(area_of(first)));
    if (counter & AREA_UNTOUCHED)
        return frames;
    if (counter & AREA_OPENING)
        return 0;
    u64 *bits = area_bits(area_of(first));
    u32 begin = first.raw % AREA_FRAMES;
    for (u32 at = begin; at < begin + frames;) {
        u32 n = MIN(begin + frames - at, 64 - at % 64);
        u64 taken = atomic_load_relaxed_u64(&bits[at / 64]) & run_mask(at % 64, n);
        if (taken != 0)
            return ALIGN_DOWN(at, 64u) + bits_lowest(taken) - begin;
        at += n;
    }
    return frames;
}

/* Sets the lowest clear bits of a word, `most` at most, and returns them. */
static u64 word_take_some(u64 *word, u32 most, u64 among)
{
    u64 have = atomic_load_u64(word);
    while ((~have & among) != 0) {
        u64 mask = ~have & among;
        while (bits_count(mask) > most)
            mask &= ~(1UL << bits_highest(mask));
        if (atomic_compare_exchange_u64(word, &have, have | mask))
            return mask;
    }
    return 0;
}

static u32 bits_take_some(u64 area, u32 most, u64 among, u64 *out)
{
    u32 got = 0;
    for (u32 i = 0; i < AREA_WORDS && got < most; i++) {
        u64 mask = word_take_some(&area_bits(area)[i], most - got, among);
        for (; mask != 0; mask &= mask - 1)
            out[got++] = (area << AREA_ORDER) + i * 64 + bits_lowest(mask);
    }
    return got;
}

u32 area_take_frames(u64 area, u32 most, u64 among, u64 *out)
{
    u32 n = counter_take_some(area, most), got = 0;
    /* Charged by the counter, so as many bits are clear: another pass is needed only
     * when others took and gave meanwhile. Not so for chosen places. */
    do
        got += bits_take_some(area, n - got, among, out + got);
    while (got < n && among == ~0UL);
    if (got < n)
        counter_give(area, n - got);
    return got;
}

void area_give_mask(u64 area, u32 word, u64 mask)
{
    atomic_fetch_and_u64(&area_bits(area)[word], ~mask);
    counter_give(area, bits_count(mask));
}

void area_give(pfn_t pfn, u32 order)
{
    u64 *bits = area_bits(area_of(pfn)) + pfn.raw % AREA_FRAMES / 64;
    if (order < 6)
        atomic_fetch_and_u64(bits, ~run_mask(pfn.raw % 64, 1u << order));
    else
        for (u32 i = 0; i < 1u << (order - 6); i++)
            atomic_store_u64(&bits[i], 0);
    counter_give(area_of(pfn), 1u << order);
}
