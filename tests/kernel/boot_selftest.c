/* SPDX-License-Identifier: MIT
 *
 * What the loader handed over and what main made of it.
 */
#include "kernel/arch/control.h"
#include "kernel/arch/cpu_features.h"
#include "kernel/arch/instr.h"
#include "kernel/base/string.h"
#include "kernel/early/handover.h"
#include "kernel/early/image.h"
#include "kernel/modules.h"
#include "kernel/symbols.h"
#include "mm/pmm.h"
#include "mm/ram.h"
#include "tests/kernel/cases.h"

void test_boot_info(struct selftest *t)
{
    const struct boot_info *info = &handover.info;
    CHECK_EQUAL(t, info->magic, BOOT_INFO_MAGIC);
    CHECK(t, info->e820_count > 0 && info->e820_count <= E820_RAW_MAX);
    CHECK(t,
          info->e820_source >= MAP_SOURCE_E820 && info->e820_source <= MAP_SOURCE_88);
    CHECK(t, info->sector_bytes == 512 || info->sector_bytes == 4096);
    CHECK(t, info->int13_calls > 0);
    CHECK(t, info->low_top > LOADER_END_PHYS && info->low_top <= VGA_HOLE_PHYS);
    CHECK(t,
          info->kernel_phys >= KERNEL_LOWEST_PHYS && info->payload_end <= BOOT_MAP_END);
    /* The image that runs is the image that was sealed: its build-id note, and the
     * disk's word. */
    CHECK(t, memcmp(build_id_note + 16, info->build_id, sizeof(info->build_id)) == 0);
}

void test_loader_reclaimed(struct selftest *t)
{
    struct pmm_stats stats;
    pmm_stats_get(&stats);
    CHECK_EQUAL(t, stats.owned[OWNER_LOADER], 0);
    CHECK_EQUAL(t, frame_owner_of(pmm_frame(phys_to_pfn(phys_make(BOOT_INFO_PHYS)))),
                OWNER_LOW);
    CHECK_EQUAL(t, frame_owner_of(pmm_frame(phys_to_pfn(phys_make(BOOT_PML4_PHYS)))),
                OWNER_LOW);
    /* Frame 0 is the BIOS' own; some say so in the map, then it is not RAM at all. */
    CHECK_EQUAL(t, frame_owner_of(pmm_frame(pfn_make(0))),
                ram_contains(phys_make(0), PAGE_BYTES) ? OWNER_FIRMWARE : OWNER_NONE);
}

void test_milestones(struct selftest *t)
{
    const u64 *tsc = handover.info.milestone_tsc;
    u64 last = 0;
    for (u32 i = MILESTONE_STAGE1; i <= MILESTONE_HEAP; i++) {
        CHECK_MSG(t, tsc[i] != 0, "milestone %u was not stamped", i);
        CHECK_MSG(t, tsc[i] >= last, "milestone %u is before the one before it", i);
        last = tsc[i];
    }
}

void test_modules(struct selftest *t)
{
    CHECK(t, handover.info.module_count > 0);
    for (u32 i = 0; i < handover.info.module_count; i++) {
        const struct module *module = module_at(i);
        CHECK(t, module && module->start);
        if (!module || !module->start)
            return;
        /* Boot modules are newc cpio archives: magic and trailer (cpio(5)). */
        CHECK(t, memcmp(module->start, "070701", 6) == 0);
        CHECK_EQUAL(t, module->bytes % 512, 0);
        /* The window and the direct map show the same bytes. */
        const u8 *direct = phys_to_ptr(phys_make(handover.info.modules[i].phys));
        CHECK(t, memcmp(module->start, direct, module->bytes) == 0);
    }
}

void test_symbols(struct selftest *t)
{
    const char *name = NULL;
    u64 offset = 1;
    CHECK(t, symbol_find((u64)(uintptr_t)test_symbols, &name, &offset));
    CHECK(t, name && strcmp(name, "test_symbols") == 0);
    CHECK_EQUAL(t, offset, 0);
    CHECK(t, symbol_find((u64)(uintptr_t)test_symbols + 3, &name, &offset));
    CHECK_EQUAL(t, offset, 3);
    CHECK(t, !symbol_find(HEAP_BASE, &name, &offset));
    CHECK(t, !symbol_find(0, &name, &offset));
}

void test_control_registers(struct selftest *t)
{
    struct control_state now, expected;
    control_read(&now);
    control_expected(&expected);
    CHECK_EQUAL(t, now.cr0, expected.cr0);
    CHECK_EQUAL(t, now.cr4, expected.cr4);
    CHECK_EQUAL(t, now.efer, expected.efer);
    CHECK_EQUAL(t, now.pat, expected.pat);
    CHECK(t, now.cr0 & CR0_WP);
    CHECK(t, now.cr4 & CR4_PGE);
    CHECK(t, !(now.cr4 & (CR4_LA57 | CR4_FSGSBASE)));
    CHECK_EQUAL(t, (now.cr4 & CR4_SMEP) != 0, cpu_has(FEATURE_SMEP));
    CHECK_EQUAL(t, (now.cr4 & CR4_SMAP) != 0, cpu_has(FEATURE_SMAP));
    CHECK_EQUAL(t, (now.cr4 & CR4_UMIP) != 0, cpu_has(FEATURE_UMIP));
}
