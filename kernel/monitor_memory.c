/* SPDX-License-Identifier: MIT */
#include "kernel/monitor_memory.h"

#include "kernel/arch/instr.h"
#include "kernel/base/log.h"
#include "kernel/base/string.h"
#include "kernel/report.h"
#include "kernel/report_map.h"
#include "kernel/selftest.h"
#include "kernel/trap_explain.h"
#include "mm/audit.h"
#include "mm/heap.h"
#include "mm/page_table.h"
#include "mm/ram.h"

#define LINE_COLUMNS 78

static void command_map(u32 argc, const char *const argv[])
{
    if (argc == 2 && strcmp(argv[1], "json") == 0)
        report_map_json();
    else if (argc == 1)
        report_map();
    else
        log_print("map: say nothing more, or json\n");
}

/* --- walk --- */

static bool entry_has_pat(const struct pt_level *level)
{
    pte_t entry = {level->entry};
    return pte_is_present(entry) && pte_is_leaf(entry, level->level) &&
           (pte_leaf_bits(entry, level->level) & PTE_PAT);
}

static void level_print(const struct pt_level *level)
{
    static const char *const names[] = {"", "PT", "PD", "PDPT", "PML4"};
    u64 e = level->entry;
    log_print("  %-4s[%3u] at P:%012lx = %016lx %s%s%s%s%s%s%s%s%s%s%s%s\n",
              names[level->level], level->slot, level->table_phys + level->slot * 8, e,
              e & PTE_P ? "P" : "-", e & PTE_W ? " W" : "", e & PTE_U ? " U" : "",
              e & PTE_A ? " A" : "", e & PTE_D ? " D" : "",
              level->level > 1 && (e & PTE_PS) ? " PS" : "", e & PTE_G ? " G" : "",
              e & PTE_PWT ? " PWT" : "", e & PTE_PCD ? " PCD" : "",
              entry_has_pat(level) ? " PAT" : "", e & PTE_NX ? " NX" : "",
              e == PTE_ARMED ? " ARMED" : "");
}

/* The window, object or guard that an address belongs to, whether mapped or not. */
static void place_print(u64 virt)
{
    char place[96];
    struct heap_where where;

    log_print("  %s", trap_place_text(virt, place, sizeof(place)));
    heap_locate(virt_make(virt), &where);
    if (where.object != 0 && where.place != HEAP_PLACE_OUTSIDE)
        log_print(", %s V:%016lx of %lu bytes",
                  where.place == HEAP_PLACE_GUARD ? "beside" : "at", where.object,
                  where.object_bytes);
    log_print("\n");
}

static void command_walk(u32 argc, const char *const argv[])
{
    static const char *const ends[] = {"", "not present",
                                       "not canonical: bits 63..47 differ",
                                       "a table outside RAM, not followed",
                                       "a reserved bit is set"};
    struct pt_walk walk;
    u64 virt;
    (void)argc;
    if (argv[1][0] == 'P' && argv[1][1] == ':') {
        log_print("walk: %s is physical and needs no walk; the direct map shows P:0 at "
                  "V:%016lx\n",
                  argv[1], DIRECT_MAP_BASE);
        return;
    }
    if (!monitor_parse_address(argv[1], &virt)) {
        log_print(
            "walk: '%s' is no address in hex; for example: walk ffff880000100000\n",
            argv[1]);
        return;
    }
    page_table_walk_raw(read_cr3(), virt, &walk);
    log_print("V:%016lx, CR3 P:%lx\n", virt, walk.cr3);
    place_print(virt);
    for (u32 i = 0; i < walk.level_count; i++)
        level_print(&walk.level[i]);
    if (walk.end == PT_LEAF)
        log_print("  -> P:%lx in a page of %lu KiB, %s%s%s\n", walk.phys,
                  walk.leaf_bytes >> 10, walk.writable ? "writable" : "read-only",
                  walk.no_execute ? "" : ", executable", walk.user ? ", user" : "");
    else
        log_print("  -> %s\n", ends[walk.end]);
}

/* --- the rest --- */

static void command_mem(u32 argc, const char *const argv[])
{
    (void)argc, (void)argv;
    report_memory_map();
    report_layout();
}

static void command_heap(u32 argc, const char *const argv[])
{
    (void)argc, (void)argv;
    report_heap();
}

static void command_stacks(u32 argc, const char *const argv[])
{
    (void)argc, (void)argv;
    report_stacks();
}

static void command_frames(u32 argc, const char *const argv[])
{
    (void)argc, (void)argv;
    report_frames();
    report_page_ops();
}

static void command_audit(u32 argc, const char *const argv[])
{
    struct audit_sums sums;
    (void)argc, (void)argv;
    u64 start = rdtsc();
    audit_or_die(AUDIT_FULL, "asked for by the monitor", &sums);
    u64 ticks = rdtsc() - start;
    log_print("audit: no finding in %lu tables, %lu entries, %lu frames of %lu areas; "
              "%lu free frames are zero\n",
              sums.tables, sums.entries, sums.frames, sums.areas, sums.zeroes);
    log_print("       %lu ticks of the time stamp counter\n", ticks);
}

static void command_report(u32 argc, const char *const argv[])
{
    if (argc == 2 && strcmp(argv[1], "json") == 0)
        report_json();
    else if (argc == 1)
        report_boot();
    else
        log_print("report: say nothing more, or json\n");
}

/* Between the words of a line one blank, and no line longer than LINE_COLUMNS. */
static void tests_list(void)
{
    u64 column = 0;

    for (const struct selftest_case *test = selftest_table; test->name; test++) {
        const char *note = test->kind == SELFTEST_DEADLY ? "(ends the kernel)" : "";
        u64 bytes = strlen(test->name) + strlen(note);
        bool fits = column + 1 + bytes <= LINE_COLUMNS;

        if (column != 0)
            log_print(fits ? " " : "\n");
        log_print("%s%s", test->name, note);
        column = column != 0 && fits ? column + 1 + bytes : bytes;
    }
    log_print("\n");
}

static void command_test(u32 argc, const char *const argv[])
{
    if (argc == 1) {
        tests_list();
        log_print("test NAME runs one or more, test all runs all that return and "
                  "measure nothing\n");
        return;
    }
    struct config_value choice = {argv[1], strlen(argv[1])};
    selftest_run(&choice, 0);
}

static const struct monitor_command commands[] = {
    {"mem", "", "the memory map, raw and clean, and the layout", 0, 0, command_mem},
    {"map", "[json]", "what the page tables map, equal neighbours merged", 0, 1,
     command_map},
    {"walk", "ADDRESS", "the page walk of an address in hex", 1, 1, command_walk},
    {"heap", "", "the kernel heap's counters", 0, 0, command_heap},
    {"stacks", "", "the kernel stacks and how deep each was used", 0, 0,
     command_stacks},
    {"frames", "", "RAM by owner", 0, 0, command_frames},
    {"audit", "", "every table and frame against each other; dies of a contradiction",
     0, 0, command_audit},
    {"report", "[json]", "the boot report again", 0, 1, command_report},
    {"test", "[NAME,...]", "runs a test by name; without a name lists them", 0, 1,
     command_test},
};

const struct monitor_table monitor_memory_table = {commands, ARRAY_COUNT(commands)};
