/* SPDX-License-Identifier: MIT
 *
 * The boot report for people. One function a subject, each short enough to be a
 * command.
 */
#include "kernel/report.h"

#include "kernel/arch/control.h"
#include "kernel/arch/cpu_features.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/tsc.h"
#include "kernel/base/format.h"
#include "kernel/base/log.h"
#include "kernel/base/refusal.h"
#include "kernel/base/string.h"
#include "kernel/early/handover.h"
#include "kernel/early/image.h"
#include "kernel/report_sums.h"
#include "mm/heap.h"
#include "mm/kernel_stack.h"
#include "mm/memmap_text.h"
#include "mm/page_ops.h"
#include "mm/pmm.h"
#include "mm/ram.h"

/* "kept" or what was changed and why, in words. */
static void notes_format(u32 notes, char *out, u64 out_bytes)
{
    u64 used = 0;
    out[0] = 0;
    for (u32 bit = 0; bit < MEMMAP_NOTE_BITS && used < out_bytes; bit++)
        if (notes & (1u << bit))
            used += (u64)format(out + used, out_bytes - used, "%s%s", used ? ", " : "",
                                memmap_note_text(1u << bit));
}

static const char *source_name(u32 source)
{
    return source == MAP_SOURCE_E820   ? "E820"
           : source == MAP_SOURCE_E801 ? "E801"
                                       : "INT 15h/88h";
}

void report_memory_map(void)
{
    char notes[200];
    const struct memmap *map = ram_map();
    log_print("memory map, raw from %s, %u entries, and what became of each\n",
              source_name(handover.info.e820_source), handover.info.e820_count);
    for (u32 i = 0; i < handover.info.e820_count; i++) {
        const struct e820_raw *raw = &handover.e820[i];
        notes_format(memmap_explain(handover.e820, i, map), notes, sizeof(notes));
        log_print("  P:%012lx + %012lx %-10s %s\n", raw->base, raw->bytes,
                  memmap_type_name(raw->type), notes);
    }
    log_print("memory map, clean, %u ranges\n", map->count);
    for (u32 i = 0; i < map->count; i++)
        log_print("  P:%012lx + %012lx %-10s%s\n", map->ranges[i].base,
                  map->ranges[i].bytes, memmap_type_name(map->ranges[i].type),
                  map->ranges[i].flags & MEMMAP_PUNCHED ? " (ours to keep clear)" : "");
}

void report_layout(void)
{
    const struct handover *h = &handover;
    log_print("layout\n");
    log_print("  heap         V:%016lx  %lu MiB, demand-paged\n", (u64)HEAP_BASE,
              (u64)HEAP_BYTES >> 20);
    log_print("  direct map   V:%016lx  %lu x 1 GiB, %lu x 2 MiB, %lu x 4 KiB pages\n",
              (u64)DIRECT_MAP_BASE, h->direct_leaves[2], h->direct_leaves[1],
              h->direct_leaves[0]);
    log_print("  stacks       V:%016lx  %u of 16 KiB, a guard under each\n",
              (u64)STACKS_BASE, STACK_SLOTS_AT_BOOT);
    log_print("  apertures    V:%016lx  devices and firmware tables\n",
              (u64)APERTURE_BASE);
    log_print("  frame table  V:%016lx  8 bytes a frame, backed where there is RAM\n",
              (u64)FRAME_TABLE_BASE);
    log_print("  modules      V:%016lx  %u, read-only\n", (u64)MODULES_BASE,
              h->info.module_count);
    log_print("  image        V:%016lx  slide %lu MiB, one of %lu places, from P:%lx\n",
              h->image_virt, h->slide_bytes >> 20, h->slide_slots, h->info.kernel_phys);
    log_print(
        "    text %lu KiB, rodata %lu KiB, data and bss %lu KiB, %lu relocations\n",
        (u64)(text_end - text_begin) >> 10, (u64)(rodata_end - rodata_begin) >> 10,
        (u64)(data_end - data_begin) >> 10, h->relocations);
}

/* A caller that threw the status away is still told what it did. */
static void last_refusal_print(void)
{
    char name[CODE_NAME_BYTES];
    enum code code;
    const char *sentence = refusal_last(&code);

    if (sentence == NULL)
        return;
    code_name(code, name);
    log_print("  the last refusal: %s %s\n", name, sentence);
}

void report_frames(void)
{
    struct pmm_stats stats;
    pmm_stats_get(&stats);
    u64 usable = report_raw_usable_bytes(),
        allocatable = report_allocatable_bytes(&stats);
    log_print("frames: %lu of RAM, %lu free (%lu promised to the heap, %lu never "
              "touched, %lu held "
              "by CPUs), %lu frees refused\n",
              stats.total, stats.free, stats.promised, stats.untouched, stats.stacked,
              stats.refused);
    last_refusal_print();
    for (u32 i = 1; i < OWNER_COUNT; i++)
        if (stats.owned[i] != 0)
            log_print("  %-12s %10lu frames %10lu KiB\n",
                      frame_owner_name((enum frame_owner)i), stats.owned[i],
                      stats.owned[i] * 4);
    if (report_recorder_bytes() != 0)
        log_print("  %-12s %10lu frames %10lu KiB, never given\n", "recorder",
                  report_recorder_bytes() / PAGE_BYTES, report_recorder_bytes() >> 10);
    log_print("  %-12s %10lu frames %10lu KiB\n", "free", stats.free, stats.free * 4);
    log_print(
        "  together what the firmware calls usable, but for %lu bytes that are no "
        "whole pages or were said twice\n",
        report_cut_bytes());
    log_print("  usable by the firmware's word %lu KiB, allocatable %lu KiB, lost to "
              "the kernel "
              "%lu KiB\n",
              usable >> 10, allocatable >> 10,
              usable > allocatable ? (usable - allocatable) >> 10 : 0);
}

/* The calibration's table, the chosen way of each kind marked. */
void report_page_ops(void)
{
    static const char *const kinds[PAGE_OP_COUNT][PAGE_WARMTH_COUNT] = {
        {"zero, warm", "zero, cold"}, {"copy, warm", "copy, cold"}};
    log_print("pages: TSC ticks for one, the way in use marked\n");
    for (u32 op = 0; op < PAGE_OP_COUNT; op++)
        for (u32 warmth = 0; warmth < PAGE_WARMTH_COUNT; warmth++) {
            log_print("  %-10s", kinds[op][warmth]);
            for (u32 way = 0; way < WAY_COUNT; way++)
                log_print("  %s%s %lu", page_ops_chosen(op, warmth) == way ? "*" : "",
                          page_way_name(op, way), page_ops_ticks(op, warmth, way));
            log_print("\n");
        }
}

void report_heap(void)
{
    struct heap_stats stats;
    heap_stats_get(&stats);
    log_print("heap: %lu objects of %lu bytes in %lu pages, %lu of them with a frame; "
              "%lu faults, "
              "%lu lost races, %lu refusals, tables for %lu x 2 MiB, %s mode\n",
              stats.objects, stats.object_bytes, stats.pages, stats.pages_present,
              stats.faults, stats.lost_races, stats.refused, stats.regions,
              heap_mode_name(heap_mode_now()));
}

void report_stacks(void)
{
    struct kernel_stack_stats stats;
    const char *name;
    u64 top;
    kernel_stack_stats_get(&stats);
    log_print("kernel stacks of %u bytes: %lu live, %lu kept for reuse, tables for %lu, "
              "the deepest of the freed ones used %lu\n",
              STACK_BYTES, stats.live, stats.kept,
              stats.groups * (PAGE_2M_BYTES / STACK_SLOT_BYTES), stats.deepest);
    for (u32 slot = 0; kernel_stack_next(&slot, &top, &name);)
        log_print("  V:%016lx %6lu bytes at the deepest  %s\n", top - STACK_BYTES,
                  kernel_stack_depth(top), name);
}

void report_milestones(void)
{
    u64 hz = tsc_hz();
    const u64 *tsc = handover.info.milestone_tsc;
    u64 start = tsc[MILESTONE_STAGE1] ? tsc[MILESTONE_STAGE1] : tsc[MILESTONE_STAGE2];
    u64 last = start;
    log_print("milestones since stage1, microseconds (TSC %lu.%03lu MHz, %s)\n",
              hz / 1000000, hz / 1000 % 1000, tsc_source_name(tsc_source_now()));
    for (u32 i = 0; i < MILESTONE_COUNT; i++) {
        if (tsc[i] == 0)
            continue;
        log_print("  %-16s %10lu  +%lu\n", milestone_name(i),
                  tsc_to_ns(tsc[i] - start) / 1000, tsc_to_ns(tsc[i] - last) / 1000);
        last = tsc[i];
    }
}

void report_loader(void)
{
    const struct boot_info *info = &handover.info;
    log_print("loader: drive %02Xh, %s, %u-byte sectors, %u BIOS reads of %u sectors, "
              "A20 %s, %u "
              "quirk%s\n",
              info->drive, info->edd ? "EDD" : "CHS", info->sector_bytes,
              info->int13_calls, info->int13_sectors,
              info->a20_method == A20_WAS_ON ? "was open" : "opened",
              info->quirk_count + info->quirks_lost,
              info->quirk_count + info->quirks_lost == 1 ? "" : "s");
    for (u32 i = 0; i < info->quirk_count; i++) {
        const struct quirk *quirk = &handover.quirks[i];
        const char *unit = quirk_at(quirk->code);
        log_print("  %s (function %02X, status %02X, count %u",
                  quirk_name(quirk->code), quirk->function, quirk->status, quirk->count);
        if (*unit)
            log_print(", %s %#lx", unit, quirk->at);
        log_print(")\n");
    }
}

static void report_cpu(void)
{
    char text[LOG_LINE_BYTES - 40];
    const struct cpu_features *cpu = cpu_features_boot();
    log_print("cpu: %s %s, family %u model %u, %u physical address bits\n", cpu->vendor,
              cpu->brand, cpu->family, cpu->model, cpu->phys_bits);
    cpu_features_list(cpu, text, sizeof(text));
    log_print("  has %s\n", text);
    control_cr4_words(read_cr4(), text, sizeof(text));
    log_print("  CR4 %s\n", text);
    log_print("  no page-table isolation: on CPUs with Meltdown a program could read "
              "the direct map\n");
}

void report_boot(void)
{
    report_loader();
    report_cpu();
    report_memory_map();
    report_layout();
    report_frames();
    report_page_ops();
    report_heap();
    report_stacks();
    report_milestones();
}
