/* SPDX-License-Identifier: MIT */
#include "kernel/report_sums.h"

#include "kernel/boot/loader_codes.h"
#include "kernel/early/handover.h"
#include "mm/ram.h"

u64 report_raw_usable_bytes(void)
{
    u64 sum = 0;
    for (u32 i = 0; i < handover.info.e820_count; i++)
        if (handover.e820[i].type == E820_USABLE)
            sum += handover.e820[i].bytes;
    return sum;
}

u64 report_recorder_bytes(void)
{
    const struct memmap *map = ram_map();
    u64 sum = 0;
    for (u32 i = 0; i < map->count; i++)
        if (map->ranges[i].flags & MEMMAP_PUNCHED)
            sum += map->ranges[i].bytes;
    return sum;
}

u64 report_cut_bytes(void)
{
    return report_raw_usable_bytes() - ram_bytes() - report_recorder_bytes();
}

u64 report_allocatable_bytes(const struct pmm_stats *stats)
{
    return (stats->free + stats->owned[OWNER_LOW]) * PAGE_BYTES;
}

const char *milestone_name(u32 milestone)
{
    static const char *const names[MILESTONE_COUNT] = {
        [MILESTONE_STAGE1] = "stage1",
        [MILESTONE_STAGE2] = "stage2",
        [MILESTONE_CPU_CHECKED] = "cpu checked",
        [MILESTONE_A20] = "a20 open",
        [MILESTONE_MEMORY_MAP] = "memory map read",
        [MILESTONE_KERNEL_LOADED] = "kernel loaded",
        [MILESTONE_LONG_MODE] = "long mode",
        [MILESTONE_KERNEL_ENTRY] = "kernel entry",
        [MILESTONE_MAP_CLEAN] = "map cleaned",
        [MILESTONE_TABLES_BUILT] = "tables built",
        [MILESTONE_MOVED] = "moved high",
        [MILESTONE_IDENTITY_GONE] = "identity gone",
        [MILESTONE_TRAPS] = "traps explained",
        [MILESTONE_FRAMES] = "frames ready",
        [MILESTONE_HEAP] = "heap ready",
        [MILESTONE_REPORT] = "report",
        [MILESTONE_PROMPT] = "prompt",
    };
    return milestone < MILESTONE_COUNT ? names[milestone] : "?";
}

const char *quirk_name(u32 code)
{
    static const char *const names[] = {
        [QUIRK_DRIVE_REPAIRED] = "drive number was wrong, found by UUID",
        [QUIRK_BASE_SHIFTED] = "firmware adds the partition's start",
        [QUIRK_SECTOR_BYTES] = "sectors are not 512 bytes",
        [QUIRK_NO_EDD] = "no packet reads, CHS used",
        [QUIRK_EDD_DROPPED] = "packet reads failed, CHS used",
        [QUIRK_READ_RETRIED] = "read failed and was tried again",
        [QUIRK_READ_HALVED] = "sectors per call halved",
        [QUIRK_READ_SHORT] = "read delivered less than asked",
        [QUIRK_READ_SUSPECT] = "carry flag and AH disagree",
        [QUIRK_READ_DAMAGED] = "data damaged, read again",
        [QUIRK_TICK_FROZEN] = "timer tick stands still",
        [QUIRK_BODY_SECOND] = "second copy of stage2 used",
        [QUIRK_MANIFEST_SECOND] = "second copy of the manifest used",
        [QUIRK_CONFIG_SECOND] = "second copy of the configuration used",
        [QUIRK_CONFIG_DEFAULTS] = "configuration damaged, defaults used",
        [QUIRK_RECORDER_UNSAVED] = "the recorder could not be written to the disk",
        [QUIRK_NO_GEOMETRY] = "no geometry: found by trying",
        [QUIRK_A20_WAS_OFF] = "A20 was off",
        [QUIRK_A20_LOST] = "a BIOS call closed A20",
        [QUIRK_E820_FAILED] = "E820 failed",
        [QUIRK_E820_CF_END] = "E820 list ended by carry",
        [QUIRK_E820_ENDLESS] = "E820 list does not end",
        [QUIRK_E801_FAILED] = "E801 failed",
        [QUIRK_LOW_TOP_INSANE] = "end of low memory is nonsense",
        [QUIRK_MAP_SMALL] = "E820 tells of too little, older services added",
        [QUIRK_SAFE_MODE] = "safe mode: Shift or Ctrl was held",
        [QUIRK_READ_EMPTY] = "read said done and brought nothing",
        [QUIRK_HEAD_SECOND] = "second copy of stage2's head used",
        [QUIRK_HEAD_RETRIED] = "stage2's head took several tries",
        [QUIRK_E820_TWENTY] = "E820 works with 20 bytes only",
        [QUIRK_LOW_TOP_MOVED] = "low memory shrank while loading",
        [QUIRK_CALL_REGISTERS] = "a BIOS call destroyed registers",
        [QUIRK_CALL_FLAGS] = "a BIOS call left IF off or DF on",
        [QUIRK_CALL_TABLES] = "a BIOS call left GDTR, IDTR or caches changed",
        [QUIRK_LOW_TOP_DISAGREES] = "ends of low memory disagree",
    };
    return code < ARRAY_COUNT(names) && names[code] ? names[code] : "unknown quirk";
}

const char *quirk_at(u32 code)
{
    enum { NOTHING, LBA, BYTE, ADDRESS, DRIVE, CALL, BX, SECTORS, ENTRIES };
    static const char words[][8] = {
        [NOTHING] = "",        [LBA] = "LBA",         [BYTE] = "byte",
        [ADDRESS] = "address", [DRIVE] = "drive",     [CALL] = "call",
        [BX] = "BX",           [SECTORS] = "sectors", [ENTRIES] = "entries",
    };
    static const u8 units[] = {
        [QUIRK_DRIVE_REPAIRED] = DRIVE,
        [QUIRK_BASE_SHIFTED] = BYTE,
        [QUIRK_NO_EDD] = DRIVE,
        [QUIRK_EDD_DROPPED] = LBA,
        [QUIRK_READ_RETRIED] = LBA,
        [QUIRK_READ_HALVED] = LBA,
        [QUIRK_READ_SHORT] = LBA,
        [QUIRK_READ_SUSPECT] = LBA,
        [QUIRK_READ_DAMAGED] = BYTE,
        [QUIRK_BODY_SECOND] = BYTE,
        [QUIRK_MANIFEST_SECOND] = BYTE,
        [QUIRK_CONFIG_SECOND] = BYTE,
        [QUIRK_CONFIG_DEFAULTS] = BYTE,
        [QUIRK_RECORDER_UNSAVED] = BYTE,
        [QUIRK_NO_GEOMETRY] = SECTORS,
        [QUIRK_READ_EMPTY] = LBA,
        [QUIRK_E801_FAILED] = BX,
        [QUIRK_LOW_TOP_INSANE] = ADDRESS,
        [QUIRK_LOW_TOP_DISAGREES] = ADDRESS,
        [QUIRK_MAP_SMALL] = ENTRIES,
        [QUIRK_HEAD_SECOND] = BYTE,
        [QUIRK_CALL_REGISTERS] = CALL,
        [QUIRK_CALL_FLAGS] = CALL,
        [QUIRK_CALL_TABLES] = CALL,
        [QUIRK_HEAD_RETRIED] = BYTE,
        [QUIRK_LOW_TOP_MOVED] = ADDRESS,
    };
    return words[code < ARRAY_COUNT(units) ? units[code] : NOTHING];
}
