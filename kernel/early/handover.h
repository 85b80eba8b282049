/* SPDX-License-Identifier: MIT
 *
 * What early code leaves for the rest of the kernel: everything it learned, as numbers.
 * It lies in the image's own .bss, which is the same memory before and after the jump;
 * it holds no pointer.
 *
 * Life: filled by early_main, read-only by convention afterwards (kernel_main adds
 * milestones).
 */
#ifndef PLINTH_KERNEL_EARLY_HANDOVER_H
#define PLINTH_KERNEL_EARLY_HANDOVER_H

#include "kernel/base/types.h"
#include "kernel/boot/boot_info.h"
#include "kernel/boot/layout.h"
#include "mm/memmap.h"

#define EARLY_USE_MAX   128

/* What a run of frames that the bump allocator gave out is for. */
#define EARLY_USE_TABLE 1
#define EARLY_USE_STACK 2

struct early_use {
    u64 phys;
    u64 frames;
    u32 kind;
    u32 reserved;
};

struct handover {
    struct boot_info info;
    struct e820_raw e820[E820_RAW_MAX];
    struct quirk quirks[QUIRK_RING_BYTES / sizeof(struct quirk)];
    char config[CONFIG_BYTES];
    struct memmap map;

    u64 root_phys;  /* the kernel's PML4 */
    u64 image_virt; /* IMAGE_BASE + slide */
    u64 slide_bytes;
    u64 slide_slots;      /* how many slides were possible */
    u64 direct_leaves[3]; /* 4 KiB, 2 MiB, 1 GiB pages of the direct map */
    u64 relocations;
    u64 upper_half[TABLE_ENTRIES / 2]; /* PML4 entries as kernel_main found them */
    u32 use_count;
    bool has_1g_pages;
    struct early_use uses[EARLY_USE_MAX];
};

extern struct handover handover;

/* Stamps a milestone with the TSC, and tells the flight recorder. Any context. */
void milestone_reach(u32 milestone);

#endif
