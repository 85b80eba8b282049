/* SPDX-License-Identifier: MIT
 *
 * From stage2's jump to the jump into the higher half. The order matters: check the
 * contract, copy what lies in loader memory, clean the map, build the tables, relocate
 * last (nothing outside the join is called before, nothing at all after, but the jump).
 */
#include "kernel/early/early.h"

#include "kernel/arch/instr.h"
#include "kernel/base/break.h"
#include "kernel/base/crc32c.h"
#include "kernel/base/string.h"
#include "kernel/early/boot_recorder.h"
#include "kernel/early/handover.h"
#include "kernel/early/image.h"
#include "kernel/early/reloc.h"
#include "kernel/early/traps.h"

extern NORETURN void kernel_main(void);

static void boot_info_take(const struct boot_info *info)
{
    if (info->magic != BOOT_INFO_MAGIC)
        early_die(EA_BOOT_INFO, "boot_info at P:%p has magic %#lx, expected %#lx",
                  (const void *)info, info->magic, (u64)BOOT_INFO_MAGIC);
    if (info->version != BOOT_INFO_VERSION || info->info_bytes != sizeof(*info))
        early_die(EA_BOOT_INFO,
                  "boot_info version %u of %u bytes, expected version %u of %u bytes",
                  info->version, info->info_bytes, BOOT_INFO_VERSION,
                  (u32)sizeof(*info));

    memcpy(&handover.info, info, sizeof(*info));
    handover.info.crc32c = 0;
    u32 crc = crc32c(&handover.info, sizeof(handover.info));
    if (crc != info->crc32c)
        early_die(EA_BOOT_INFO, "boot_info has checksum %#x, expected %#x", crc,
                  info->crc32c);
    handover.info.crc32c = info->crc32c;
}

/* Copies the tables that boot_info points to. Lengths were checked by the sum, bounds
 * are not taken on trust all the same. */
static void boot_tables_take(void)
{
    struct boot_info *info = &handover.info;
    if (info->e820_count > E820_RAW_MAX ||
        info->quirk_count > ARRAY_COUNT(handover.quirks) ||
        info->config_bytes >= CONFIG_BYTES || info->module_count > BOOT_MODULE_MAX)
        early_die(EA_BOOT_INFO,
                  "boot_info counts out of range: %u map entries, %u quirks, %u bytes "
                  "of configuration, %u modules",
                  info->e820_count, info->quirk_count, info->config_bytes,
                  info->module_count);
    memcpy(handover.e820, (const void *)(uintptr_t)info->e820_phys,
           info->e820_count * sizeof(struct e820_raw));
    memcpy(handover.quirks, (const void *)(uintptr_t)info->quirk_phys,
           info->quirk_count * sizeof(struct quirk));
    memcpy(handover.config, (const void *)(uintptr_t)info->config_phys,
           info->config_bytes);
    handover.config[info->config_bytes] = 0;
}

/* SDM vol. 2A, CPUID leaf 80000008h: EAX[7:0] = MAXPHYADDR; 36 where the leaf is
 * missing. */
u32 early_phys_bits(void)
{
    u32 bits = 36;
    if (cpuid(0x80000000, 0).eax >= 0x80000008)
        bits = cpuid(0x80000008, 0).eax & 0xFF;
    return MIN(bits, 52u);
}

/* What a wrong map breaks comes late and looks like something else. */
static void map_must_hold(const struct memmap *map, const char *after)
{
    u32 index;
    const char *rule = memmap_broken_rule(map, &index);
    const struct memmap_range *range = &map->ranges[index];
    if (rule)
        early_die(
            EA_MAP_RULE,
            "the memory map is wrong after %s: range %u of %u, P:%#lx..%#lx of type "
            "%u, %s",
            after, index, map->count, range->base, range->base + range->bytes,
            range->type, rule);
}

static void map_clean(void)
{
    struct memmap *map = &handover.map;
    enum status status = memmap_clean(handover.e820, handover.info.e820_count,
                                      MIN(1UL << early_phys_bits(), DIRECT_MAP_BYTES),
                                      map);
    if (status != STATUS_OK)
        early_die(EA_MEMORY_MAP,
                  "the raw map of %u entries cannot be cleaned (status %d)",
                  handover.info.e820_count, status);
    map_must_hold(map, "cleaning");
    /* The VGA and ROM hole is never RAM, whatever the firmware says; nor is what lies
     * between the end of conventional memory and it: EBDA. The recorder is ours alone,
     * and uncached. */
    u64 low_top = MIN(ALIGN_DOWN((u64)handover.info.low_top, PAGE_BYTES),
                      (u64)VGA_HOLE_PHYS);
    if (memmap_punch(map, low_top, HIGH_MEMORY_PHYS - low_top, E820_RESERVED) !=
            STATUS_OK ||
        memmap_punch(map, RECORDER_PHYS, RECORDER_BYTES, E820_RESERVED) != STATUS_OK)
        early_die(EA_MEMORY_MAP, "the map of %u ranges has no room for our own",
                  map->count);
    map_must_hold(map, "reserving our own");
    if (memmap_bytes(map, E820_USABLE) == 0)
        early_die(EA_MEMORY_MAP, "no usable memory in %u raw entries",
                  handover.info.e820_count);
}

static void image_place_check(u64 image_bytes)
{
    const struct boot_info *info = &handover.info;
    u64 here = (u64)(uintptr_t)image_begin;
    if (here < HIGH_MEMORY_PHYS && here + image_bytes > VGA_HOLE_PHYS)
        early_die(EA_IMAGE_PLACE,
                  "the image at P:%#lx..%#lx reaches into the hole of video memory and "
                  "ROM at P:%#x",
                  here, here + image_bytes, VGA_HOLE_PHYS);
    if (!IS_ALIGNED(here, PAGE_2M_BYTES))
        early_die(EA_IMAGE_PLACE,
                  "the image runs at P:%#lx, expected a multiple of 2 MiB", here);
    if (here != info->kernel_phys || info->kernel_bytes != image_bytes)
        early_die(EA_IMAGE_PLACE,
                  "the image runs at P:%#lx with %#lx bytes, boot_info says P:%#lx "
                  "with %#lx",
                  here, image_bytes, info->kernel_phys, info->kernel_bytes);
    if (!memmap_covers(&handover.map, here, info->payload_end - here, E820_USABLE))
        early_die(EA_IMAGE_PLACE,
                  "P:%#lx..%#lx holds image and modules but is not all RAM", here,
                  info->payload_end);
}

/* What lies behind the code in its segment becomes int3: a jump gone wild stops there.
 */
static void text_tail_fill(void)
{
    memset(text_end, 0xCC, IMAGE_SEGMENT_BYTES - (u64)(text_end - text_begin));
}

NORETURN void early_main(u64 boot_info_phys)
{
    image_check();
    early_traps_init();
    contract_check(__builtin_frame_address(0));
    string_check();
    boot_info_take((const struct boot_info *)boot_info_phys);
    boot_recorder_open();
    boot_recorder_image(handover.info.kernel_phys);
    milestone_reach(MILESTONE_KERNEL_ENTRY);
    boot_tables_take();
    break_init(handover.config);
    BREAK(EARLY);

    map_clean();
    u64 image_bytes = image_offset(image_end);
    image_place_check(image_bytes);
    milestone_reach(MILESTONE_MAP_CLEAN);

    slide_choose(image_bytes);
    bump_init(handover.info.kernel_phys, handover.info.payload_end);
    tables_build();
    text_tail_fill();
    milestone_reach(MILESTONE_TABLES_BUILT);
    BREAK(TABLES);

    u64 bad_index = 0;
    handover.relocations = (u64)(rela_end - rela_begin) / sizeof(struct elf_rela);
    if (reloc_apply(image_begin, image_bytes,
                    (const struct elf_rela *)(void *)rela_begin, handover.relocations,
                    handover.image_virt, &bad_index) != STATUS_OK)
        early_die(EA_RELOCATION,
                  "relocation %lu of %lu is not RELATIVE inside the image", bad_index,
                  handover.relocations);
    relocations_check();

    u64 stack_top = STACKS_BASE + (STACK_SLOT_BOOT + 1) * STACK_SLOT_BYTES;
    u64 target = handover.image_virt + image_offset((const void *)kernel_main);
    move_check(stack_top, target);
    boot_recorder_image(handover.image_virt);
    early_jump(handover.root_phys, stack_top, target);
}
