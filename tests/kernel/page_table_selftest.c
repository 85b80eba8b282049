/* SPDX-License-Identifier: MIT
 *
 * The range functions of mm/page_table and the aperture window on top of them.
 */
#include "kernel/arch/cpu_features.h"
#include "kernel/arch/instr.h"
#include "kernel/early/handover.h"
#include "kernel/early/image.h"
#include "mm/kernel_space.h"
#include "mm/page_table.h"
#include "mm/pmm.h"
#include "mm/ram.h"
#include "tests/kernel/cases.h"

/* A part of the aperture window that mmio_map does not reach with APERTURE_MAX
 * mappings. */
#define SCRATCH (APERTURE_BASE + (256UL << 30))
#define BITS    (PTE_W | PTE_G | PTE_NX)

static enum status map(u64 virt, u64 phys, u64 bytes)
{
    return page_table_map(&kernel_page_space, virt_make(virt), phys_make(phys), bytes,
                          BITS);
}

static enum status unmap(u64 virt, u64 bytes)
{
    return page_table_unmap(&kernel_page_space, virt_make(virt), bytes, NULL, NULL);
}

void test_map_unmap(struct selftest *t)
{
    pfn_t frame;
    CHECK_EQUAL(t, pmm_alloc(0, OWNER_TEST, &frame), STATUS_OK);
    u64 phys = pfn_to_phys(frame).raw;
    CHECK_EQUAL(t, map(SCRATCH, phys, PAGE_BYTES), STATUS_OK);
    *(volatile u64 *)SCRATCH = 0x1122334455667788;
    CHECK_EQUAL(t, *(volatile u64 *)pfn_to_ptr(frame), 0x1122334455667788);
    CHECK_EQUAL(t, unmap(SCRATCH, PAGE_BYTES), STATUS_OK);
    struct pt_walk walk;
    page_table_walk_raw(read_cr3(), SCRATCH, &walk);
    CHECK_EQUAL(t, walk.end, PT_NOT_PRESENT);

    /* Another frame at the same address: without the flush the old one would still
     * show. */
    pfn_t other;
    CHECK_EQUAL(t, pmm_alloc(0, OWNER_TEST, &other), STATUS_OK);
    CHECK_EQUAL(t, map(SCRATCH, pfn_to_phys(other).raw, PAGE_BYTES), STATUS_OK);
    CHECK_EQUAL(t, *(volatile u64 *)SCRATCH, 0);
    CHECK_EQUAL(t, unmap(SCRATCH, PAGE_BYTES), STATUS_OK);
    CHECK_EQUAL(t, pmm_free(other, 0, OWNER_TEST), STATUS_OK);
    CHECK_EQUAL(t, pmm_free(frame, 0, OWNER_TEST), STATUS_OK);

    /* A large page where it fits, small ones at the rims; nobody touches what is mapped
     * there. */
    u64 base = SCRATCH + PAGE_1G_BYTES - 2 * PAGE_BYTES,
        far = PAGE_1G_BYTES - 2 * PAGE_BYTES;
    CHECK_EQUAL(t, map(base, far, PAGE_2M_BYTES + 3 * PAGE_BYTES), STATUS_OK);
    page_table_walk_raw(read_cr3(), base + PAGE_BYTES, &walk);
    CHECK_EQUAL(t, walk.leaf_bytes, PAGE_BYTES);
    page_table_walk_raw(read_cr3(), base + 2 * PAGE_BYTES + 5, &walk);
    CHECK_EQUAL(t, walk.leaf_bytes, PAGE_2M_BYTES);
    CHECK_EQUAL(t, walk.phys, far + 2 * PAGE_BYTES + 5);
    page_table_walk_raw(read_cr3(), base + 2 * PAGE_BYTES + PAGE_2M_BYTES, &walk);
    CHECK_EQUAL(t, walk.leaf_bytes, PAGE_BYTES);
    /* An unmap that cuts the large page splits it. */
    CHECK_EQUAL(t, unmap(base, 3 * PAGE_BYTES), STATUS_OK);
    page_table_walk_raw(read_cr3(), base + 2 * PAGE_BYTES, &walk);
    CHECK_EQUAL(t, walk.end, PT_NOT_PRESENT);
    page_table_walk_raw(read_cr3(), base + 3 * PAGE_BYTES, &walk);
    CHECK_EQUAL(t, walk.leaf_bytes, PAGE_BYTES);
    CHECK_EQUAL(t, walk.phys, far + 3 * PAGE_BYTES);
    CHECK_EQUAL(t, unmap(base + 3 * PAGE_BYTES, PAGE_2M_BYTES), STATUS_OK);
    CHECK_EQUAL(t, unmap(base, PAGE_BYTES), STATUS_NOT_FOUND);
}

void test_map_refuses(struct selftest *t)
{
    u64 image = (u64)(uintptr_t)image_begin;
    CHECK_EQUAL(t, map(SCRATCH, 0x1000, 0), STATUS_INVALID);
    CHECK_EQUAL(t, map(SCRATCH + 1, 0x1000, PAGE_BYTES), STATUS_INVALID);
    CHECK_EQUAL(t, map(SCRATCH, 0x1001, PAGE_BYTES), STATUS_INVALID);
    CHECK_EQUAL(t, map(SCRATCH, 0x1000, PAGE_BYTES + 1), STATUS_INVALID);
    CHECK_EQUAL(t, map(0x0000800000000000, 0x1000, PAGE_BYTES), STATUS_INVALID);
    CHECK_EQUAL(t, map(~0UL - 0xFFF, 0x1000, 2 * PAGE_BYTES), STATUS_INVALID);
    CHECK_EQUAL(t, map(SCRATCH, ~0UL - 0xFFF, PAGE_BYTES), STATUS_INVALID);
    CHECK_EQUAL(t, map(SCRATCH, 1UL << 52, PAGE_BYTES), STATUS_INVALID);
    volatile void *beyond = NULL; /* more than the CPU can address */
    CHECK_EQUAL(
        t,
        mmio_map(phys_make((1UL << 51) + (cpu_phys_bits() == 52 ? 1UL << 52 : 0)), 16,
                 PAGE_CACHE_UC, &beyond),
        STATUS_INVALID);
    /* Over a mapping, half over one, over a large page: refused, and what was there
     * stays. */
    CHECK_EQUAL(t, map(image, 0x1000, PAGE_BYTES), STATUS_INVALID);
    CHECK_EQUAL(t, map(SCRATCH, 0x100000, PAGE_BYTES), STATUS_OK);
    CHECK_EQUAL(t, map(SCRATCH - PAGE_BYTES, 0x200000, 2 * PAGE_BYTES), STATUS_EXISTS);
    struct pt_walk walk;
    page_table_walk_raw(read_cr3(), SCRATCH - PAGE_BYTES, &walk);
    CHECK_EQUAL(t, walk.end, PT_NOT_PRESENT);
    page_table_walk_raw(read_cr3(), SCRATCH, &walk);
    CHECK_EQUAL(t, walk.phys, 0x100000);
    /* A hole in the range of an unmap. */
    CHECK_EQUAL(t, unmap(SCRATCH, 2 * PAGE_BYTES), STATUS_NOT_FOUND);
    page_table_walk_raw(read_cr3(), SCRATCH, &walk);
    CHECK_EQUAL(t, walk.end, PT_LEAF);
    CHECK_EQUAL(t, unmap(SCRATCH, PAGE_BYTES), STATUS_OK);
}

void test_mmio_map(struct selftest *t)
{
    volatile void *vga = NULL, *again = NULL;
    struct pt_walk walk;
    CHECK_EQUAL(t, mmio_map(phys_make(0xB8002), 100, PAGE_CACHE_UC, &vga), STATUS_OK);
    CHECK_EQUAL(t, virt_of(vga).raw % PAGE_BYTES, 2);
    page_table_walk_raw(read_cr3(), virt_of(vga).raw, &walk);
    CHECK_EQUAL(t, walk.phys, 0xB8002);
    CHECK(t, walk.writable && walk.no_execute);
    CHECK_EQUAL(t, walk.level[walk.level_count - 1].entry & (PTE_PCD | PTE_PWT),
                PTE_PCD | PTE_PWT);
    CHECK_EQUAL(t, aperture_unmap(vga), STATUS_OK);
    CHECK_EQUAL(t, aperture_unmap(vga), STATUS_NOT_FOUND);
    page_table_walk_raw(read_cr3(), virt_of(vga).raw, &walk);
    CHECK_EQUAL(t, walk.end, PT_NOT_PRESENT);

    CHECK_EQUAL(t, mmio_map(phys_make(0xB8000), 0, PAGE_CACHE_UC, &again),
                STATUS_INVALID);
    CHECK_EQUAL(t, mmio_map(phys_make(~0UL - 5), 16, PAGE_CACHE_UC, &again),
                STATUS_INVALID);
    CHECK_EQUAL(t, mmio_map(phys_make(0xB8000), 16, PTE_W, &again), STATUS_INVALID);
    CHECK_EQUAL(
        t, mmio_map(phys_make(handover.info.kernel_phys), 16, PAGE_CACHE_UC, &again),
        STATUS_INVALID);
    /* One byte of RAM at the end is enough to refuse: the page before RAM, and one byte
     * more. */
    CHECK_EQUAL(t,
                mmio_map(phys_make(HIGH_MEMORY_PHYS - 16), 17, PAGE_CACHE_UC, &again),
                ram_overlaps(phys_make(HIGH_MEMORY_PHYS), 1) ? STATUS_INVALID
                                                             : STATUS_OK);
    CHECK(t, again == NULL);
}

/* Any table of the firmware will do: the BIOS ROM is there on every PC. */
void test_firmware_map(struct selftest *t)
{
    const void *rom = NULL;
    struct pt_walk walk;
    CHECK_EQUAL(t, firmware_map(phys_make(0xF0000), 0x10000, &rom), STATUS_OK);
    page_table_walk_raw(read_cr3(), virt_of(rom).raw, &walk);
    CHECK(t, !walk.writable && walk.no_execute);
    CHECK_EQUAL(t, walk.level[walk.level_count - 1].entry & (PTE_PCD | PTE_PWT), 0);
    /* The reset vector at F000:FFF0 starts with a far jump on every BIOS. */
    CHECK_EQUAL(t, ((const volatile u8 *)rom)[0xFFF0], 0xEA);
    CHECK_EQUAL(t, aperture_unmap(rom), STATUS_OK);
    CHECK_EQUAL(t, firmware_map(phys_make(HIGH_MEMORY_PHYS), 16, &rom), STATUS_INVALID);
}

void test_phys_of(struct selftest *t)
{
    phys_t phys;
    CHECK_EQUAL(t, page_table_phys_of(virt_of(image_begin), &phys), STATUS_OK);
    CHECK_EQUAL(t, phys.raw, handover.info.kernel_phys);
    CHECK_EQUAL(t, page_table_phys_of(virt_make(DIRECT_MAP_BASE + 0x1234), &phys),
                STATUS_OK);
    CHECK_EQUAL(t, phys.raw, 0x1234);
    CHECK_EQUAL(t, page_table_phys_of(virt_make(0x1234), &phys), STATUS_NOT_FOUND);
    CHECK_EQUAL(t, page_table_phys_of(virt_make(0x1234567800000000), &phys),
                STATUS_NOT_FOUND);
}
