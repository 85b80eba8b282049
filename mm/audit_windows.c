/* SPDX-License-Identifier: MIT
 *
 * What each window of the kernel's half may map, leaf by leaf:
 *
 *   window       frames of            rights                       GLOBAL
 *   heap         heap                 RW NX, 4 KiB                 yes
 *   direct map   all of RAM, in order RW NX; R where facts say so  yes
 *   stacks       stack                RW NX                        no
 *   apertures    not RAM              NX                           yes
 *   frame table  frame-table          RW NX                        yes
 *   modules      module               R NX                         yes
 *   image        image, in order      text RX, rodata R, data RW   yes
 */
#include "mm/audit_internal.h"
#include "mm/pmm.h"
#include "mm/ram.h"

struct window {
    u64 base, bytes;
    void (*check)(struct audit *audit, const struct audit_entry *leaf);
    u64 owners; /* of the frames it may map; 0: check looks after that */
    bool global;
    char part[20]; /* what its pages are part of */
};

static u64 leaf_phys(const struct audit_entry *leaf)
{
    return pte_phys((pte_t){leaf->bits}, leaf->level).raw;
}

static bool overlaps(u64 base, u64 bytes, u64 with, u64 with_end)
{
    return base < with_end && with < base + bytes;
}

/* --- direct map --- */

/* The next RAM that has not been met: *range is the rest of its range, empty behind the
 * last. Leaves come upwards, and so do ranges: maps of a thousand ranges are no matter.
 */
static u64 ram_next(struct audit *audit, struct phys_range *range)
{
    for (; ram_range(audit->direct_range, range); audit->direct_range++)
        if (audit->direct_next < range->base.raw + range->bytes)
            return MAX(audit->direct_next, range->base.raw);
    *range = (struct phys_range){phys_make(DIRECT_MAP_BYTES), 0};
    return DIRECT_MAP_BYTES;
}

static void direct_rights_check(struct audit *audit, const struct audit_entry *leaf)
{
    const struct audit_facts *facts = audit->facts;
    u64 phys = leaf_phys(leaf), bytes = level_bytes(leaf->level);
    bool image = overlaps(phys, bytes, facts->image_phys,
                          facts->image_phys + facts->data_offset);
    bool payload = overlaps(phys, bytes, facts->payload_phys, facts->payload_end);
    u64 cache = PTE_PWT | PTE_PCD | (leaf->level > 1 ? PTE_PAT_LARGE : PTE_PAT);
    if (leaf->writable && image)
        audit_report_entry(audit, CODE_AU_07,
                           "text or rodata can be written through the direct map", leaf,
                           0, PTE_W);
    if (leaf->writable && payload)
        audit_report_entry(audit, CODE_AU_08,
                           "symbols or modules can be written through the direct map",
                           leaf, 0, PTE_W);
    if (!leaf->writable && !image && !payload)
        audit_report_entry(audit, CODE_AU_06, "RAM is read-only in the direct map",
                           leaf, PTE_W, 0);
    if (!leaf->no_execute || (leaf->bits & cache))
        audit_report_entry(audit, CODE_AU_06,
                           "the direct map is not write-back, no-execute", leaf, PTE_NX,
                           leaf->bits & (PTE_NX | cache));
}

static void direct_check(struct audit *audit, const struct audit_entry *leaf)
{
    u64 phys = leaf_phys(leaf), bytes = level_bytes(leaf->level);
    u64 expected = leaf->virt - DIRECT_MAP_BASE;
    struct phys_range range;
    u64 ram = ram_next(audit, &range);
    if (phys != expected)
        audit_report_entry(audit, CODE_AU_06, "the direct map leads elsewhere", leaf,
                           expected, phys);
    if (ram < expected)
        audit_report_entry(audit, CODE_AU_06, "RAM before this is not mapped", leaf,
                           ram, expected);
    audit->direct_next = expected;
    ram_next(audit, &range);
    if (expected < range.base.raw || expected + bytes > range.base.raw + range.bytes)
        audit_report_entry(audit, CODE_AU_06, "the direct map maps what is not RAM",
                           leaf, ram, expected);
    audit->direct_next = expected + bytes;
    direct_rights_check(audit, leaf);
}

void audit_direct_map_end(struct audit *audit)
{
    struct phys_range range;
    u64 ram = ram_next(audit, &range);
    if (ram != DIRECT_MAP_BYTES)
        audit_report(audit, &(struct audit_finding){
                                .code = CODE_AU_06,
                                .what = "RAM is not in the direct map",
                                .frame = phys_make(ram),
                                .word = pmm_frame(phys_to_pfn(phys_make(ram))),
                                .virt = DIRECT_MAP_BASE + ram,
                                .expected = ram,
                                .found = audit->direct_next,
                            });
}

/* --- the others --- */

static void plain_check(struct audit *audit, const struct audit_entry *leaf)
{
    if (!leaf->no_execute)
        audit_report_entry(audit, CODE_AU_05, "a page outside the text is executable",
                           leaf, PTE_NX, 0);
}

static void aperture_check(struct audit *audit, const struct audit_entry *leaf)
{
    plain_check(audit, leaf);
    if (ram_overlaps(phys_make(leaf_phys(leaf)), level_bytes(leaf->level)))
        audit_report_entry(audit, CODE_AU_14, "RAM is mapped as a device", leaf, 0,
                           leaf_phys(leaf));
}

static void modules_check(struct audit *audit, const struct audit_entry *leaf)
{
    plain_check(audit, leaf);
    if (leaf->writable)
        audit_report_entry(audit, CODE_AU_08, "a boot module can be written", leaf, 0,
                           PTE_W);
}

static void image_check(struct audit *audit, const struct audit_entry *leaf)
{
    const struct audit_facts *facts = audit->facts;
    u64 offset = leaf->virt - facts->image_virt;
    if (offset >= facts->image_bytes)
        audit_report_entry(audit, CODE_AU_14, "the image's window maps something else",
                           leaf, facts->image_virt, leaf->virt);
    else if (leaf_phys(leaf) != facts->image_phys + offset)
        audit_report_entry(audit, CODE_AU_14, "the image lies elsewhere", leaf,
                           facts->image_phys + offset, leaf_phys(leaf));
    if (leaf->writable && offset < facts->data_offset)
        audit_report_entry(audit, CODE_AU_07, "text or rodata can be written", leaf, 0,
                           PTE_W);
    if (offset >= facts->rodata_offset)
        plain_check(audit, leaf);
}

static const struct window windows[] = {
    {HEAP_BASE, HEAP_BYTES, plain_check, OWNER_BIT(OWNER_HEAP), true, "the heap"},
    {DIRECT_MAP_BASE, DIRECT_MAP_BYTES, direct_check, 0, true, "the direct map"},
    {STACKS_BASE, STACKS_BYTES, plain_check, OWNER_BIT(OWNER_STACK), false,
     "a kernel stack"},
    {APERTURE_BASE, APERTURE_BYTES, aperture_check, 0, true, "a device"},
    {FRAME_TABLE_BASE, FRAME_TABLE_BYTES, plain_check, OWNER_BIT(OWNER_FRAME_TABLE),
     true, "the frame table"},
    {MODULES_BASE, MODULES_BYTES, modules_check, OWNER_BIT(OWNER_MODULE), true,
     "a boot module"},
    {IMAGE_BASE, -IMAGE_BASE, image_check, OWNER_BIT(OWNER_IMAGE), true,
     "the kernel's image"},
};

static inline const struct window *window_of(u64 virt)
{
    for (u32 i = 0; i < ARRAY_COUNT(windows); i++)
        if (virt - windows[i].base < windows[i].bytes)
            return &windows[i];
    return NULL;
}

const char *audit_part_of(const struct audit_entry *by)
{
    const struct window *window = window_of(by->virt);
    if (pte_is_table((pte_t){by->bits}, by->level))
        return "the page tables";
    return window ? window->part : "a program";
}

void audit_check_window(struct audit *audit, const struct audit_entry *leaf)
{
    const struct window *window = window_of(leaf->virt);
    if (!window) {
        audit_report_entry(audit, CODE_AU_14, "a page outside every window", leaf, 0,
                           leaf->virt);
        return;
    }
    bool global = (leaf->bits & PTE_G) != 0;
    if (global != window->global)
        audit_report_entry(audit, CODE_AU_15,
                           window->global ? "a kernel page is not GLOBAL"
                                          : "a stack's page is GLOBAL",
                           leaf, window->global ? PTE_G : 0, global ? PTE_G : 0);
    window->check(audit, leaf);
    if (window->owners)
        audit_hold_frames(audit, leaf, phys_to_pfn(phys_make(leaf_phys(leaf))),
                          level_bytes(leaf->level) >> PAGE_SHIFT, window->owners);
}
