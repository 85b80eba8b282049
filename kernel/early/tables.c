/* SPDX-License-Identifier: MIT
 *
 * The final page tables, built before the jump: the direct map of RAM, the image at its
 * slide, the first stacks, and a PDPT for every upper slot that will ever be used, so
 * that no PML4 entry of the upper half changes afterwards. Tables are reached through
 * the identity map.
 */
#include "kernel/arch/instr.h"
#include "kernel/early/early.h"
#include "kernel/early/handover.h"
#include "kernel/early/image.h"
#include "mm/pte.h"

#define TABLE_BITS       (PTE_P | PTE_W)
#define LEAF_BITS        (PTE_P | PTE_A | PTE_D)
#define DIRECT_RW        (LEAF_BITS | PTE_W | PTE_G | PTE_NX)
#define DIRECT_RO        (LEAF_BITS | PTE_G | PTE_NX)

#define CPUID_EXT_EDX_1G (1u << 26)

bool early_has_1g_pages(void)
{
    return cpuid(0x80000000, 0).eax >= 0x80000001 &&
           (cpuid(0x80000001, 0).edx & CPUID_EXT_EDX_1G) != 0;
}

static u64 *table_of(u64 entry)
{
    return (u64 *)(uintptr_t)(entry & PTE_FRAME_MASK);
}

/* 512 words of rubbish would be 512 mappings to anywhere. */
static u64 table_make(void)
{
    u64 frame = bump_frame(EARLY_USE_TABLE);
    const u64 *word = (const u64 *)(uintptr_t)frame;
    for (u32 i = 0; i < TABLE_ENTRIES; i++)
        if (word[i] != 0)
            early_die(EA_TABLE_DIRTY,
                      "the frame P:%#lx for a page table is not zero: word %u is %#lx",
                      frame, i, word[i]);
    return frame;
}

/* The table under table[slot], made when it is not there. */
static u64 *table_enter(u64 *table, u32 slot)
{
    if (!(table[slot] & PTE_P))
        table[slot] = table_make() | TABLE_BITS;
    return table_of(table[slot]);
}

/* The table of the given level (3, 2 or 1) that holds virt's entry. */
static u64 *table_for(u64 virt, u32 level)
{
    u64 *table = (u64 *)(uintptr_t)handover.root_phys;
    for (u32 above = 4; above > level; above--)
        table = table_enter(table, virt_slot(virt_make(virt), above));
    return table;
}

/* Fills one table from virt on with leaves of its level, as far as both reach; returns
 * the bytes. */
static u64 leaves_fill(u64 virt, u64 phys, u64 bytes, u32 level, u64 bits)
{
    u64 *table = table_for(virt, level);
    u64 step = level_bytes(level);
    u32 slot = virt_slot(virt_make(virt), level);
    u64 count = MIN((u64)TABLE_ENTRIES - slot, bytes / step);
    u64 entry = phys | bits | (level > 1 ? PTE_PS : 0);
    for (u64 i = 0; i < count; i++, entry += step)
        table[slot + i] = entry;
    handover.direct_leaves[level - 1] += count;
    return count * step;
}

/* The highest level whose page fits wholly at phys within bytes. */
static u32 level_that_fits(u64 phys, u64 bytes)
{
    if (handover.has_1g_pages && IS_ALIGNED(phys, PAGE_1G_BYTES) &&
        bytes >= PAGE_1G_BYTES)
        return 3;
    return IS_ALIGNED(phys, PAGE_2M_BYTES) && bytes >= PAGE_2M_BYTES ? 2 : 1;
}

/* Maps one run of RAM of one right. A smaller page is used only up to where a larger
 * one fits. */
static void direct_run_map(u64 phys, u64 end, u64 bits)
{
    while (phys < end) {
        u32 level = level_that_fits(phys, end - phys);
        u64 stop = end;
        u32 above = handover.has_1g_pages ? 3 : 2;
        for (; above > level; above--) {
            u64 border = ALIGN_UP(phys, level_bytes(above));
            if (level_that_fits(border, border < end ? end - border : 0) == above)
                stop = MIN(stop, border);
        }
        phys += leaves_fill(DIRECT_MAP_BASE + phys, phys, stop - phys, level, bits);
    }
}

struct span {
    u64 base, end;
};

/* Maps RAM from base to end, read-only where a span of `ro` says so. Spans are sorted.
 */
static void direct_range_map(u64 base, u64 end, const struct span *ro, u32 ro_count)
{
    for (u32 i = 0; i < ro_count && base < end; i++) {
        u64 from = MAX(base, ro[i].base), to = MIN(end, ro[i].end);
        if (from >= to)
            continue;
        direct_run_map(base, from, DIRECT_RW);
        direct_run_map(from, to, DIRECT_RO);
        base = to;
    }
    direct_run_map(base, end, DIRECT_RW);
}

/* Without 1 GiB pages each GiB of RAM costs one table from below 4 GiB. Terabytes may
 * need more than there is: then say what is missing instead of running out half-way. */
static void direct_map_check(void)
{
    const struct memmap *map = &handover.map;
    u64 below = 0;
    for (u32 i = 0; i < map->count; i++)
        if (map->ranges[i].type == E820_USABLE && map->ranges[i].base < BOOT_MAP_END)
            below += MIN(map->ranges[i].base + map->ranges[i].bytes, BOOT_MAP_END) -
                     map->ranges[i].base;
    u64 gigabytes = memmap_bytes(map, E820_USABLE) >> PAGE_1G_SHIFT;
    if (!handover.has_1g_pages && gigabytes * PAGE_BYTES > below / 2)
        early_die(
            EA_CPU,
            "the direct map of %lu GiB needs 1 GiB pages, which this CPU lacks: its "
            "tables would take %lu MiB, and RAM below 4 GiB has %lu MiB",
            gigabytes, gigabytes * PAGE_BYTES >> 20, below >> 20);
}

static void direct_map_build(void)
{
    u64 image = handover.info.kernel_phys;
    struct span ro[] = {
        {image, image + image_offset(data_begin)},
        {image + handover.info.kernel_bytes, handover.info.payload_end},
    };
    const struct memmap *map = &handover.map;
    for (u32 i = 0; i < map->count; i++)
        if (map->ranges[i].type == E820_USABLE)
            direct_range_map(map->ranges[i].base,
                             map->ranges[i].base + map->ranges[i].bytes, ro,
                             ARRAY_COUNT(ro));
}

/* Text RX, rodata R, data RW; each right from its segment's start up to the next
 * segment's. */
static void image_map(void)
{
    struct {
        u64 base, end, bits;
    } segment[] = {
        {0, image_offset(rodata_begin), LEAF_BITS},
        {image_offset(rodata_begin), image_offset(data_begin), LEAF_BITS | PTE_NX},
        {image_offset(data_begin), image_offset(image_end), LEAF_BITS | PTE_W | PTE_NX},
    };
    for (u32 i = 0; i < ARRAY_COUNT(segment); i++)
        for (u64 at = segment[i].base; at < segment[i].end; at += PAGE_2M_BYTES) {
            u64 virt = handover.image_virt + at;
            table_for(virt, 2)[virt_slot(virt_make(virt), 2)] =
                (handover.info.kernel_phys + at) | segment[i].bits | PTE_PS | PTE_G;
        }
}

/* Stacks are not GLOBAL: their frames come back one day, and a full flush must reach
 * them. */
static void stacks_map(void)
{
    for (u32 slot = 0; slot < STACK_SLOTS_AT_BOOT; slot++) {
        u64 top = STACKS_BASE + (slot + 1) * STACK_SLOT_BYTES;
        for (u64 virt = top - STACK_BYTES; virt < top; virt += PAGE_BYTES)
            table_for(virt,
                      1)[virt_slot(virt_make(virt), 1)] = bump_frame(EARLY_USE_STACK) |
                                                          LEAF_BITS | PTE_W | PTE_NX;
    }
}

/* Every window gets its PDPT now. The heap's and the stacks' one PD as well: their
 * first user may not have to allocate above it. */
static void slots_prebuild(void)
{
    table_for(HEAP_BASE, 2);
    table_for(STACKS_BASE, 2);
    table_for(APERTURE_BASE, 3);
    table_for(FRAME_TABLE_BASE, 3);
    table_for(MODULES_BASE, 3);
}

static void window_map(u64 virt, u64 phys, u64 bytes)
{
    for (u64 at = 0; at < bytes; at += PAGE_BYTES)
        table_for(virt + at, 1)[virt_slot(virt_make(virt + at), 1)] =
            (phys + at) | DIRECT_RW | PTE_PCD | PTE_PWT;
}

/* Uncached windows of what a death writes to, there before the identity map goes: the
 * screen, and the flight recorder, the one piece of type 1 memory in the aperture
 * window. aperture_claim() checks and keeps them. */
static void death_windows_map(void)
{
    window_map(VGA_TEXT_VIRT, VGA_TEXT_PHYS, VGA_TEXT_BYTES);
    if (handover.info.recorder_on)
        window_map(RECORDER_VIRT, RECORDER_PHYS, RECORDER_BYTES);
}

void tables_build(void)
{
    handover.has_1g_pages = early_has_1g_pages();
    handover.root_phys = table_make();
    slots_prebuild();
    stacks_map();
    image_map();
    death_windows_map();
    direct_map_check();
    direct_map_build();

    /* For the moment between CR3 and the jump. kernel_main clears it and proves it
     * gone. */
    u64 *root = (u64 *)(uintptr_t)handover.root_phys;
    root[0] = *(u64 *)(uintptr_t)(read_cr3() & PTE_FRAME_MASK);
}
