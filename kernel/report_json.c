/* SPDX-License-Identifier: MIT
 *
 * The boot report for programs: one line of JSON on COM1, made piece by piece, so that
 * it needs neither heap nor a buffer that a long memory map could overflow.
 */
#include "kernel/early/handover.h"
#include "kernel/arch/cpu_features.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/tsc.h"
#include "kernel/report.h"
#include "kernel/report_map.h"
#include "kernel/report_sums.h"
#include "mm/frame_runs.h"
#include "mm/heap.h"
#include "mm/page_ops.h"
#include "mm/memmap_text.h"
#include "mm/page_table.h"
#include "mm/ram.h"

#define put json_put /* short: there are many */

/* The comma between the members of a list. */
static const char *comma(u32 index)
{
    return index ? "," : "";
}

static void put_hex(const char *key, const u8 *bytes, u32 count)
{
    put(",\"%s\":\"", key);
    for (u32 i = 0; i < count; i++)
        put("%02x", bytes[i]);
    put("\"");
}

static void put_maps(void)
{
    const struct memmap *map = ram_map();
    put(",\"raw\":[");
    for (u32 i = 0; i < handover.info.e820_count; i++) {
        const struct e820_raw *raw = &handover.e820[i];
        put("%s{\"base\":%lu,\"bytes\":%lu,\"type\":%u,\"attributes\":%u,\"returned\":%"
            "u,"
            "\"source\":%u,\"notes\":%u}",
            comma(i), raw->base, raw->bytes, raw->type, raw->attributes,
            raw->returned_bytes, raw->source, memmap_explain(handover.e820, i, map));
    }
    put("],\"clean\":[");
    for (u32 i = 0; i < map->count; i++)
        put("%s{\"base\":%lu,\"bytes\":%lu,\"type\":%u,\"name\":\"%s\"}", comma(i),
            map->ranges[i].base, map->ranges[i].bytes, map->ranges[i].type,
            memmap_type_name(map->ranges[i].type));
    put("]");
}

static void put_layout(void)
{
    put(",\"layout\":{\"heap\":%lu,\"direct_map\":%lu,\"stacks\":%lu,\"apertures\":%lu,"
        "\"frame_table\":%lu,\"modules\":%lu,\"image\":%lu,\"image_phys\":%lu,\"image_"
        "bytes\":%lu}",
        (u64)HEAP_BASE, (u64)DIRECT_MAP_BASE, (u64)STACKS_BASE, (u64)APERTURE_BASE,
        (u64)FRAME_TABLE_BASE, (u64)MODULES_BASE, handover.image_virt,
        handover.info.kernel_phys, handover.info.kernel_bytes);
    put(",\"direct_map_pages\":{\"4k\":%lu,\"2m\":%lu,\"1g\":%lu}",
        handover.direct_leaves[0], handover.direct_leaves[1],
        handover.direct_leaves[2]);
    put(",\"slide\":%lu,\"slide_places\":%lu,\"cr4\":%lu,\"phys_bits\":%u",
        handover.slide_bytes, handover.slide_slots, read_cr4(), cpu_phys_bits());
}

/* --- windows: what is mapped in each, by page size --- */

struct leaf_counts {
    u64 pages[4]; /* by level */
    u64 armed;
};

static bool leaf_count(const struct pt_leaf *leaf, void *context)
{
    struct leaf_counts *counts = context;
    if (leaf->entry & PTE_P)
        counts->pages[leaf->level]++;
    else
        counts->armed++;
    return true;
}

static void put_windows(void)
{
    static const struct {
        const char *name;
        u64 base, bytes;
    } windows[] = {
        {"heap", HEAP_BASE, HEAP_BYTES},
        {"direct-map", DIRECT_MAP_BASE, DIRECT_MAP_BYTES},
        {"stacks", STACKS_BASE, STACKS_BYTES},
        {"apertures", APERTURE_BASE, APERTURE_BYTES},
        {"frame-table", FRAME_TABLE_BASE, FRAME_TABLE_BYTES},
        {"modules", MODULES_BASE, MODULES_BYTES},
        {"image", IMAGE_BASE, -IMAGE_BASE},
    };
    put(",\"windows\":[");
    for (u32 i = 0; i < ARRAY_COUNT(windows); i++) {
        struct leaf_counts counts = {.armed = 0};
        page_table_for_each(read_cr3(), windows[i].base,
                            windows[i].base + (windows[i].bytes - 1), leaf_count,
                            &counts);
        put("%s{\"name\":\"%s\",\"base\":%lu,\"bytes\":%lu,\"pages\":{\"4k\":%lu,"
            "\"2m\":%lu,\"1g\":%lu},\"armed\":%lu}",
            comma(i), windows[i].name, windows[i].base, windows[i].bytes,
            counts.pages[1], counts.pages[2], counts.pages[3], counts.armed);
    }
    put("]");
}

static void put_milestones(void)
{
    put(",\"tsc_hz\":%lu,\"milestones\":{", tsc_hz());
    for (u32 i = 0; i < MILESTONE_COUNT; i++)
        put("%s\"%s\":%lu", comma(i), milestone_name(i),
            handover.info.milestone_tsc[i]);
    put("}");
}

static void put_loader(void)
{
    const struct boot_info *info = &handover.info;
    put(",\"loader\":{\"drive\":%u,\"drive_given\":%u,\"edd\":%u,\"sector_bytes\":%u,"
        "\"int13_calls\":%u,\"int13_sectors\":%u,\"a20_method\":%u,\"base_marker\":%u,"
        "\"body_copy\":%u,\"manifest_copy\":%u,\"config_status\":%u,\"int12_kib\":%u,"
        "\"bda_kib\":%u,"
        "\"ebda_segment\":%u,\"low_top\":%u",
        info->drive, info->drive_given, info->edd, info->sector_bytes,
        info->int13_calls, info->int13_sectors, info->a20_method, info->base_marker,
        info->body_copy, info->manifest_copy, info->config_status, info->int12_kib,
        info->bda_kib, info->ebda_segment, info->low_top);
    put(",\"quirks_lost\":%u,\"quirks\":[", info->quirks_lost);
    for (u32 i = 0; i < info->quirk_count; i++) {
        const struct quirk *quirk = &handover.quirks[i];
        put("%s{\"code\":%u,\"name\":\"%s\",\"function\":%u,\"status\":%u,\"count\":%u,"
            "\"at\":%lu,\"unit\":\"%s\"}",
            comma(i), quirk->code, quirk_name(quirk->code), quirk->function,
            quirk->status, quirk->count, quirk->at, quirk_at(quirk->code));
    }
    put("]}");
}

/* Memory in pieces is a long list: beyond this many runs only their number is told. */
#define RUNS_MAX 512

static void put_runs(void)
{
    struct frame_run run;
    u32 count = 0;
    put(",\"runs\":[");
    for (pfn_t at = pfn_make(0); frame_run_next(at, &run);
         at = pfn_add(run.first, run.frames), count++)
        if (count < RUNS_MAX)
            put("%s{\"base\":%lu,\"bytes\":%lu,\"owner\":\"%s\"}", comma(count),
                pfn_to_phys(run.first).raw, run.frames * PAGE_BYTES,
                run.owner == OWNER_NONE ? "free" : frame_owner_name(run.owner));
    put("],\"runs_left_out\":%u", count - MIN(count, (u32)RUNS_MAX));
}

static void put_memory(void)
{
    struct pmm_stats frames;
    struct heap_stats heap;
    pmm_stats_get(&frames);
    heap_stats_get(&heap);
    put(",\"frames\":{\"total\":%lu,\"free\":%lu,\"promised\":%lu,\"untouched\":%lu,"
        "\"stacked\":%lu,\"refused\":%lu,\"metadata\":%lu,"
        "\"recorder_bytes\":%lu,\"cut_bytes\":%lu,"
        "\"usable_bytes\":%lu,\"allocatable_bytes\":%lu,\"owned\":{",
        frames.total, frames.free, frames.promised, frames.untouched, frames.stacked,
        frames.refused, frames.metadata, report_recorder_bytes(), report_cut_bytes(),
        report_raw_usable_bytes(), report_allocatable_bytes(&frames));
    for (u32 i = 1; i < OWNER_COUNT; i++)
        put("%s\"%s\":%lu", comma(i - 1), frame_owner_name((enum frame_owner)i),
            frames.owned[i]);
    put("}");
    put_runs();
    put("},\"heap\":{\"objects\":%lu,\"object_bytes\":%lu,\"pages\":%lu,\"pages_"
        "present\":%lu,"
        "\"faults\":%lu,\"lost_races\":%lu,\"refused\":%lu,\"regions\":%lu}",
        heap.objects, heap.object_bytes, heap.pages, heap.pages_present, heap.faults,
        heap.lost_races, heap.refused, heap.regions);
}

static void put_page_ops(void)
{
    static const char *const kinds[PAGE_OP_COUNT][PAGE_WARMTH_COUNT] = {
        {"zero_warm", "zero_cold"}, {"copy_warm", "copy_cold"}};
    put(",\"page_ops\":{");
    for (u32 op = 0; op < PAGE_OP_COUNT; op++)
        for (u32 warmth = 0; warmth < PAGE_WARMTH_COUNT; warmth++) {
            put("%s\"%s\":{\"chosen\":\"%s\"", comma(op * PAGE_WARMTH_COUNT + warmth),
                kinds[op][warmth], page_way_name(op, page_ops_chosen(op, warmth)));
            for (u32 way = 0; way < WAY_COUNT; way++)
                put(",\"%s\":%lu", page_way_name(op, way),
                    page_ops_ticks(op, warmth, way));
            put("}");
        }
    put("}");
}

void report_json(void)
{
    put("{\"plinth\":1");
    put_hex("build_id", handover.info.build_id, sizeof(handover.info.build_id));
    put_hex("uuid", handover.info.uuid, sizeof(handover.info.uuid));
    put_maps();
    put_layout();
    put_windows();
    put(",");
    report_map_members();
    put_milestones();
    put_loader();
    put_memory();
    put_page_ops();
    put("}\r\n");
}
