/* SPDX-License-Identifier: MIT */
#include "kernel/monitor_memory.h"

#include "kernel/arch/instr.h"
#include "kernel/base/log.h"
#include "kernel/base/string.h"
#include "kernel/report.h"
#include "kernel/selftest.h"
#include "mm/audit.h"
#include "mm/page_table.h"
#include "mm/ram.h"

/* --- map: equal neighbours merged --- */

struct map_run {
    u64 first, next; /* virtual, half-open; first == next: nothing yet */
    u64 phys_next;
    u64 bits; /* what must be equal to merge */
    u64 armed;
    u32 level;
    u64 lines;
    bool lower_half; /* something below the kernel's half is mapped */
};

#define MAP_LINES_MAX 400

static void run_print(struct map_run *run)
{
    static const char *const sizes[] = {"", "4K", "2M", "1G"};
    if (run->first == run->next)
        return;
    run->lines++;
    if (run->armed) {
        log_print("  V:%016lx + %010lx armed, no frame yet\n", run->first,
                  run->next - run->first);
        return;
    }
    log_print("  V:%016lx + %010lx %s %c%c%c %s %s P:%lx\n", run->first,
              run->next - run->first, sizes[run->level], 'r',
              run->bits & PTE_W ? 'w' : '-', run->bits & PTE_NX ? '-' : 'x',
              run->bits & PTE_G ? "global" : "local ",
              run->bits & PTE_PCD   ? "UC"
              : run->bits & PTE_PWT ? "WT"
                                    : "WB",
              run->phys_next - (run->next - run->first));
}

static bool map_leaf(const struct pt_leaf *leaf, void *context)
{
    struct map_run *run = context;
    u64 armed = !(leaf->entry & PTE_P);
    u64 bits = (leaf->writable ? PTE_W : 0) | (leaf->user ? PTE_U : 0) |
               (leaf->no_execute ? PTE_NX : 0) |
               (leaf->entry & (PTE_G | PTE_PCD | PTE_PWT));
    u64 phys = armed ? 0 : pte_phys((pte_t){leaf->entry}, leaf->level).raw;
    bool same = run->first != run->next && leaf->virt == run->next &&
                leaf->level == run->level && armed == run->armed &&
                (armed || (bits == run->bits && phys == run->phys_next));
    if (!same) {
        run_print(run);
        *run = (struct map_run){.first = leaf->virt,
                                .bits = bits,
                                .armed = armed,
                                .level = leaf->level,
                                .lines = run->lines,
                                .lower_half = run->lower_half,
                                .phys_next = phys};
    }
    run->next = leaf->virt + level_bytes(leaf->level);
    run->phys_next = phys + level_bytes(leaf->level);
    run->lower_half = run->lower_half || leaf->virt <= USER_END;
    return run->lines < MAP_LINES_MAX;
}

static void command_map(u32 argc, const char *const argv[])
{
    (void)argc, (void)argv;
    struct map_run run = {0};
    page_table_for_each(read_cr3(), 0, ~0UL, map_leaf, &run);
    run_print(&run);
    if (run.lines >= MAP_LINES_MAX)
        log_print("  ... cut after %u lines\n", MAP_LINES_MAX);
    else
        log_print("  lower half: %s\n",
                  run.lower_half ? "MAPPED, see above" : "nothing");
}

/* --- walk --- */

static void level_print(const struct pt_level *level)
{
    static const char *const names[] = {"", "PT", "PD", "PDPT", "PML4"};
    u64 e = level->entry;
    log_print("  %-4s[%3u] at P:%012lx = %016lx %s%s%s%s%s%s%s%s%s%s\n",
              names[level->level], level->slot, level->table_phys + level->slot * 8, e,
              e & PTE_P ? "P" : "-", e & PTE_W ? " W" : "", e & PTE_U ? " U" : "",
              e & PTE_A ? " A" : "", e & PTE_D ? " D" : "",
              level->level > 1 && (e & PTE_PS) ? " PS" : "", e & PTE_G ? " G" : "",
              e & PTE_PCD ? " PCD" : "", e & PTE_NX ? " NX" : "",
              e == PTE_ARMED ? " ARMED" : "");
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
    if (!monitor_parse_address(argv[1], &virt)) {
        log_print(
            "walk: '%s' is no address in hex; for example: walk ffff880000100000\n",
            argv[1]);
        return;
    }
    page_table_walk_raw(read_cr3(), virt, &walk);
    log_print("V:%016lx, CR3 P:%lx\n", virt, walk.cr3);
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

static void command_test(u32 argc, const char *const argv[])
{
    if (argc == 1) {
        for (const struct selftest_case *test = selftest_table; test->name; test++)
            log_print("%s%s%s", test->name,
                      test->kind == SELFTEST_DEADLY ? "(ends the kernel)" : "",
                      test[1].name ? " " : "\n");
        log_print("test NAME runs one or more, test all runs all that return and "
                  "measure nothing\n");
        return;
    }
    struct config_value choice = {argv[1], strlen(argv[1])};
    selftest_run(&choice, 0);
}

static const struct monitor_command commands[] = {
    {"mem", "", "the memory map, raw and clean, and the layout", 0, 0, command_mem},
    {"map", "", "what the page tables map, equal neighbours merged", 0, 0, command_map},
    {"walk", "ADDRESS", "the page walk of an address in hex", 1, 1, command_walk},
    {"heap", "", "the kernel heap's counters", 0, 0, command_heap},
    {"stacks", "", "the kernel stacks and how deep each was used", 0, 0, command_stacks},
    {"frames", "", "RAM by owner", 0, 0, command_frames},
    {"audit", "", "every table and frame against each other; dies of a contradiction",
     0, 0, command_audit},
    {"report", "[json]", "the boot report again", 0, 1, command_report},
    {"test", "[NAME,...]", "runs a test by name; without a name lists them", 0, 1,
     command_test},
};

const struct monitor_table monitor_memory_table = {commands, ARRAY_COUNT(commands)};
