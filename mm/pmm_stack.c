/* SPDX-License-Identifier: MIT
 *
 * What the short way leaves over: filling a stack from the areas, emptying it into
 * them, and the stack in colours.
 *
 * With colour=N a stack is cut into N parts, one for each colour (frame number modulo
 * N), and single frames are handed out in the order of colours, so that any N frames
 * taken one after the other fall into N different parts of a cache that is indexed by
 * physical addresses. `limit` is 0 then and `count` stays 0, so the short way is never
 * taken.
 */
#include "mm/pmm_stack.h"

#include "kernel/base/bits.h"

/* Another CPU that looks for a large block may hold a counter for a moment. */
#define REFILL_TRIES 1000

/* --- giving to the areas --- */

/* Neighbours of one word go together. */
static void frames_give(const u64 *frames, u64 count)
{
    for (u64 i = 0; i < count;) {
        u64 word = frames[i] / 64, mask = 0;
        for (; i < count && frames[i] / 64 == word; i++)
            mask |= 1UL << frames[i] % 64;
        tree_give_mask(word / AREA_WORDS, word % AREA_WORDS, mask);
    }
    atomic_fetch_add_u64(&pmm.unpromised, count);
}

/* The oldest go: those on top are warm. */
static void part_give(u64 *frames, u64 *count, u32 n)
{
    frames_give(frames, n);
    for (u64 i = n; i < *count; i++)
        frames[i - n] = frames[i];
    *count -= n;
}

/* --- taking from the areas --- */

/* Charges the pool with up to n frames. */
static u32 charge_some(struct pmm_cpu *cpu, u32 n)
{
    if (unpromised_take(cpu, n))
        return n;
    while (--n > 0)
        if (pool_take(&pmm.unpromised, n))
            return n;
    return 0;
}

/* The same from what is open already: a page fault is no time to open an area. */
static u32 charge_open(u32 n)
{
    while (n > 0 && !pool_take(&pmm.unpromised, n))
        n /= 2;
    return n;
}

/* Up to as many frames as the pool was charged with, of some places in each 64, lowest
 * on top. */
static u32 frames_take(struct pmm_cpu *cpu, u32 charged, u64 among, u64 *frames)
{
    u32 got = 0;
    for (u32 tries = 0; got == 0 && charged != 0 && tries < REFILL_TRIES; tries++) {
        got = tree_take_frames(cpu, charged, among, frames);
        if (got == 0 && among != ~0UL)
            break;
        if (got == 0)
            cpu_pause();
    }
    if (got < charged)
        atomic_fetch_add_u64(&pmm.unpromised, charged - got);
    for (u32 i = 0; i < got / 2; i++) {
        u64 other = frames[got - 1 - i];
        frames[got - 1 - i] = frames[i];
        frames[i] = other;
    }
    return got;
}

/* --- colours --- */

static u64 *part_of(struct pmm_cpu *cpu, u32 colour)
{
    return cpu->frames + colour * (PMM_STACK_FRAMES / pmm.colours);
}

/* The places in 64 that have a colour. */
static u64 colour_places(u32 colour)
{
    u64 places = 0;
    for (u32 i = colour; i < 64; i += pmm.colours)
        places |= 1UL << i;
    return places;
}

/* Half a part of one colour. */
static bool colour_refill(struct pmm_cpu *cpu, u32 colour)
{
    u32 n = PMM_STACK_FRAMES / pmm.colours / 2;
    u32 got = frames_take(cpu, charge_some(cpu, n), colour_places(colour),
                          part_of(cpu, colour));
    cpu->colour_count[colour] = (u8)got;
    return got != 0;
}

static bool colour_take(struct pmm_cpu *cpu, pfn_t *out)
{
    for (u32 i = 0; i < pmm.colours; i++) {
        u32 colour = (cpu->next_colour + i) % pmm.colours;
        if (cpu->colour_count[colour] == 0 && !colour_refill(cpu, colour))
            continue;
        cpu->colour_missed += i != 0;
        cpu->next_colour = (colour + 1) % pmm.colours;
        *out = pfn_make(part_of(cpu, colour)[--cpu->colour_count[colour]]);
        return true;
    }
    return false;
}

static void colour_give(struct pmm_cpu *cpu, pfn_t pfn)
{
    u32 colour = pfn.raw % pmm.colours, most = PMM_STACK_FRAMES / pmm.colours;
    u64 count = cpu->colour_count[colour];
    if (count == most)
        part_give(part_of(cpu, colour), &count, most / 2);
    part_of(cpu, colour)[count] = pfn.raw;
    cpu->colour_count[colour] = (u8)(count + 1);
}

/* --- the long way --- */

bool stack_take(struct pmm_cpu *cpu, pfn_t *out)
{
    if (pmm.colours != 0)
        return colour_take(cpu, out);
    if (cpu->limit == 0) {
        u64 frame;
        bool found = frames_take(cpu, charge_some(cpu, 1), ~0UL, &frame) != 0;
        *out = pfn_make(found ? frame : 0);
        return found;
    }
    if (cpu->count == 0)
        cpu->count = frames_take(cpu, charge_some(cpu, PMM_BATCH), ~0UL, cpu->frames);
    if (cpu->count == 0)
        return false;
    *out = pfn_make(cpu->frames[--cpu->count]);
    return true;
}

void stack_fill_open(struct pmm_cpu *cpu)
{
    if (cpu->limit != 0 && cpu->count == 0)
        cpu->count = frames_take(cpu, charge_open(PMM_BATCH), ~0UL, cpu->frames);
}

void stack_give(struct pmm_cpu *cpu, pfn_t pfn)
{
    if (pmm.colours != 0) {
        colour_give(cpu, pfn);
        return;
    }
    if (cpu->limit == 0) {
        frames_give(&pfn.raw, 1);
        return;
    }
    if (cpu->count == cpu->limit)
        part_give(cpu->frames, &cpu->count, PMM_BATCH);
    cpu->frames[cpu->count++] = pfn.raw;
}

bool stack_drain(struct pmm_cpu *cpu)
{
    u32 had = stack_frames(cpu);
    frames_give(cpu->frames, cpu->count);
    cpu->count = 0;
    for (u32 i = 0; i < pmm.colours; i++) {
        frames_give(part_of(cpu, i), cpu->colour_count[i]);
        cpu->colour_count[i] = 0;
    }
    return had != 0;
}

u32 stack_frames(const struct pmm_cpu *cpu)
{
    u32 frames = (u32)atomic_load_relaxed_u64(&cpu->count);
    for (u32 i = 0; i < pmm.colours; i++)
        frames += cpu->colour_count[i];
    return frames;
}
