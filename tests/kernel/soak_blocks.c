/* SPDX-License-Identifier: MIT */
#include "kernel/arch/cpu_features.h"
#include "mm/kernel_space.h"
#include "mm/ram.h"
#include "tests/kernel/soak.h"

#define SLOT_BYTES (4 * PAGE_2M_BYTES) /* of addresses, for one block's mapping */

/* --- blocks of frames --- */

void soak_block_step(void)
{
    struct soak_block *block = &soak.block[soak_below(SOAK_SLOTS)];
    if (!block->taken) {
        u32 order = soak_below(4) ? (u32)soak_below(4)
                                  : (u32)soak_below(FRAME_ORDER_MAX + 1);
        bool raw = soak_below(2);
        enum status status = raw ? pmm_alloc_raw(order, OWNER_TEST, &block->pfn)
                                 : pmm_alloc(order, OWNER_TEST, &block->pfn);
        soak.refused += status != STATUS_OK;
        block->taken = status == STATUS_OK;
        block->order = order;
        if (!block->taken)
            return;
        u64 *word = pfn_to_ptr(block->pfn);
        CHECK_MSG(soak.t, raw || word[soak_below(512UL << order)] == 0,
                  "P:%#lx is not zero", pfn_to_phys(block->pfn).raw);
        word[0] = block->pfn.raw;
        return;
    }
    if (block->mapped_bytes != 0)
        return;
    CHECK(soak.t, *(u64 *)pfn_to_ptr(block->pfn) == block->pfn.raw);
    enum status status = soak_below(2)
                             ? pmm_free(block->pfn, block->order, OWNER_TEST)
                             : pmm_free_raw(block->pfn, block->order, OWNER_TEST);
    CHECK_EQUAL(soak.t, status, STATUS_OK);
    block->taken = false;
}

/* --- mappings in a program's space --- */

static u64 block_virt(const struct soak_block *block)
{
    return 0x40000000 + (u64)(block - soak.block) * SLOT_BYTES;
}

static void mapping_add(struct soak_block *block)
{
    u64 bytes = PAGE_BYTES << block->order;
    enum status status = page_table_map(&soak.program.space,
                                        virt_make(block_virt(block)),
                                        pfn_to_phys(block->pfn), bytes,
                                        PTE_W | PTE_U | PTE_NX);
    soak.refused += status == STATUS_NO_MEMORY;
    CHECK(soak.t, status == STATUS_OK || status == STATUS_NO_MEMORY);
    if (status == STATUS_OK)
        block->mapped_bytes = bytes;
}

static void mapping_remove(struct soak_block *block)
{
    enum status status = page_table_unmap(&soak.program.space,
                                          virt_make(block_virt(block)),
                                          block->mapped_bytes, NULL, NULL);
    CHECK(soak.t, status == STATUS_OK);
    block->mapped_bytes = 0;
}

/* Some pages in the middle get other rights, or large pages are cut or made. */
static void mapping_change(struct soak_block *block)
{
    u64 pages = block->mapped_bytes >> PAGE_SHIFT, first = soak_below(pages);
    u64 bytes = (1 + soak_below(pages - first)) << PAGE_SHIFT;
    virt_t virt = virt_make(block_virt(block) + (first << PAGE_SHIFT));
    struct page_space *space = &soak.program.space;
    enum status status;
    switch (soak_below(3)) {
    case 0:
        status = page_table_protect(space, virt, bytes,
                                    PTE_U | PTE_NX | (soak_below(2) ? PTE_W : 0));
        break;
    case 1:
        status = page_table_split(space, virt, bytes, PAGE_BYTES);
        break;
    default:
        status = page_table_merge(space, virt_make(block_virt(block)), SLOT_BYTES);
    }
    soak.refused += status == STATUS_NO_MEMORY;
    CHECK_MSG(soak.t, status == STATUS_OK || status == STATUS_NO_MEMORY, "status %d",
              status);
}

static void mapping_check(const struct soak_block *block)
{
    struct page_leaf leaf;
    u64 at = soak_below(MAX(block->mapped_bytes >> PAGE_SHIFT, 1UL)) << PAGE_SHIFT;
    enum status status = page_table_query(&soak.program.space,
                                          virt_make(block_virt(block) + at), &leaf);
    CHECK_EQUAL(soak.t, status, STATUS_OK);
    CHECK(soak.t, (leaf.bits != 0) == (block->mapped_bytes != 0));
    if (leaf.bits != 0)
        CHECK_EQUAL(soak.t, leaf.phys.raw + (block_virt(block) + at - leaf.virt.raw),
                    pfn_to_phys(block->pfn).raw + at);
}

void soak_mapping_step(void)
{
    struct soak_block *block = &soak.block[soak_below(SOAK_SLOTS)];
    mapping_check(block);
    if (!block->taken)
        return;
    if (block->mapped_bytes == 0)
        mapping_add(block);
    else if (soak_below(2))
        mapping_remove(block);
    else
        mapping_change(block);
}

/* --- devices --- */

void soak_device_step(void)
{
    volatile void **device = &soak.device[soak_below(SOAK_DEVICES)];
    if (*device) {
        CHECK_EQUAL(soak.t, aperture_unmap(*device), STATUS_OK);
        *device = NULL;
        return;
    }
    /* The top of what the CPU can address: no machine has RAM there. */
    u64 phys = (1UL << cpu_phys_bits()) - (1 + soak_below(4096)) * PAGE_BYTES;
    u64 most = (1UL << cpu_phys_bits()) - phys;
    enum status status = mmio_map(phys_make(phys), 1 + soak_below(most), PAGE_CACHE_UC,
                                  device);
    soak.refused += status == STATUS_NO_MEMORY;
    CHECK(soak.t, status == STATUS_OK || status == STATUS_NO_MEMORY);
}

void soak_blocks_give(void)
{
    for (u32 i = 0; i < SOAK_SLOTS; i++) {
        struct soak_block *block = &soak.block[i];
        if (block->mapped_bytes != 0)
            mapping_remove(block);
        if (block->taken)
            CHECK_EQUAL(soak.t, pmm_free(block->pfn, block->order, OWNER_TEST),
                        STATUS_OK);
    }
    for (u32 i = 0; i < SOAK_DEVICES; i++)
        if (soak.device[i])
            CHECK_EQUAL(soak.t, aperture_unmap(soak.device[i]), STATUS_OK);
    program_space_destroy(&soak.program);
}
