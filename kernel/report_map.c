/* SPDX-License-Identifier: MIT */
#include "kernel/report_map.h"

#include "kernel/arch/instr.h"
#include "kernel/base/format.h"
#include "kernel/base/log.h"
#include "kernel/base/string.h"
#include "mm/page_runs.h"

void json_put(const char *fmt, ...)
{
    char text[LOG_LINE_BYTES];
    va_list args;
    va_start(args, fmt);
    format_va(text, sizeof(text), fmt, args);
    va_end(args);
    log_echo_to("serial", text, strlen(text));
}

static const char *level_size(u32 level)
{
    static const char *const sizes[] = {"", "4K", "2M", "1G"};
    return sizes[level];
}

/* --- for people --- */

struct listing {
    u64 lines;
    bool lower_half; /* something below the kernel's half is mapped */
};

static bool run_print(const struct page_run *run, void *context)
{
    struct listing *listing = context;
    if (listing->lines++ == MAP_RUNS_MAX)
        return false;
    listing->lower_half = listing->lower_half || run->virt < USER_END;
    if (run->bits == PTE_ARMED)
        log_print("  V:%016lx + %010lx %s armed, no frame yet\n", run->virt, run->bytes,
                  level_size(run->level));
    else
        log_print("  V:%016lx + %010lx %s r%c%c %s %s %-3s P:%lx\n", run->virt,
                  run->bytes, level_size(run->level), run->bits & PTE_W ? 'w' : '-',
                  run->bits & PTE_NX ? '-' : 'x',
                  run->bits & PTE_U ? "user  " : "kernel",
                  run->bits & PTE_G ? "global" : "local ", page_cache_name(run->bits),
                  run->phys);
    return true;
}

void report_map(void)
{
    struct listing listing = {.lines = 0};
    page_runs_for_each(read_cr3(), 0, ~0UL, run_print, &listing);
    if (listing.lines > MAP_RUNS_MAX)
        log_print("  ... cut after %u lines\n", MAP_RUNS_MAX);
    else
        log_print("  lower half: %s\n",
                  listing.lower_half ? "MAPPED, see above" : "nothing");
}

/* --- as data --- */

static bool run_put(const struct page_run *run, void *context)
{
    u64 *count = context;
    if ((*count)++ >= MAP_RUNS_MAX)
        return true;
    json_put("%s{\"virt\":%lu,\"bytes\":%lu,\"page\":\"%s\"", *count > 1 ? "," : "",
             run->virt, run->bytes, level_size(run->level));
    if (run->bits == PTE_ARMED) {
        json_put(",\"armed\":true}");
        return true;
    }
    json_put(",\"phys\":%lu,\"write\":%s,\"execute\":%s,\"user\":%s,\"global\":%s,"
             "\"cache\":\"%s\"}",
             run->phys, run->bits & PTE_W ? "true" : "false",
             run->bits & PTE_NX ? "false" : "true",
             run->bits & PTE_U ? "true" : "false", run->bits & PTE_G ? "true" : "false",
             page_cache_name(run->bits));
    return true;
}

void report_map_members(void)
{
    u64 count = 0;
    json_put("\"map\":[");
    page_runs_for_each(read_cr3(), 0, ~0UL, run_put, &count);
    json_put("],\"map_left_out\":%lu", count - MIN(count, (u64)MAP_RUNS_MAX));
}

void report_map_json(void)
{
    json_put("{");
    report_map_members();
    json_put("}\r\n");
}
