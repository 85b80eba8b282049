/* SPDX-License-Identifier: MIT
 *
 * The first allocator: frames for page tables and the first stacks, from the lowest RAM
 * above 1 MiB upwards, never at or above 4 GiB (the boot map ends there), never back.
 * What it gave out is listed in handover.uses, so that the frame allocator can name an
 * owner for each.
 */
#include "kernel/base/string.h"
#include "kernel/early/early.h"
#include "kernel/early/handover.h"

/* Ranges smaller than this are left alone while there are others: hundreds of them
 * would fill the list of uses. */
#define CRUMB_BYTES 0x10000

static struct {
    bool crumbs; /* now taking what is left in small ranges */
    u64 next;
    u64 payload_begin;
    u64 payload_end;
} bump;

void bump_init(u64 payload_begin, u64 payload_end)
{
    bump.next = HIGH_MEMORY_PHYS;
    bump.payload_begin = payload_begin;
    bump.payload_end = payload_end;
}

/* The lowest frame at or above `from` that is RAM and free of the payload; BOOT_MAP_END
 * if none. */
static u64 bump_candidate(u64 from)
{
    const struct memmap *map = &handover.map;
    for (u32 i = 0; i < map->count; i++) {
        const struct memmap_range *range = &map->ranges[i];
        bool crumb = range->bytes < CRUMB_BYTES;
        if (range->type != E820_USABLE || crumb != bump.crumbs)
            continue;
        u64 frame = MAX(from, range->base);
        if (frame >= bump.payload_begin && frame < bump.payload_end)
            frame = bump.payload_end;
        if (frame + PAGE_BYTES <= range->base + range->bytes)
            return frame;
    }
    return BOOT_MAP_END;
}

static void bump_record(u64 frame, u32 kind)
{
    struct early_use *last = &handover.uses[handover.use_count];
    if (handover.use_count != 0) {
        last--;
        if (last->kind == kind && last->phys + last->frames * PAGE_BYTES == frame) {
            last->frames++;
            return;
        }
        last++;
    }
    if (handover.use_count == EARLY_USE_MAX)
        early_die(EA_NO_ROOM, "RAM below 4 GiB is in more than %u pieces",
                  EARLY_USE_MAX);
    *last = (struct early_use){.phys = frame, .frames = 1, .kind = kind};
    handover.use_count++;
}

u64 bump_frame(u32 kind)
{
    u64 frame = bump_candidate(bump.next);
    if (frame >= BOOT_MAP_END && !bump.crumbs) {
        bump.crumbs = true;
        frame = bump_candidate(HIGH_MEMORY_PHYS);
    }
    if (frame >= BOOT_MAP_END)
        early_die(EA_NO_ROOM,
                  "no RAM below 4 GiB is left for page tables; %u pieces are used, the "
                  "map has %lu MiB in all",
                  handover.use_count, memmap_bytes(&handover.map, E820_USABLE) >> 20);
    bump.next = frame + PAGE_BYTES;
    bump_record(frame, kind);
    memset((void *)(uintptr_t)frame, 0, PAGE_BYTES);
    return frame;
}
