/* SPDX-License-Identifier: MIT
 *
 * Building the frame table. Its size is known only after the spans are: so the same
 * loop runs twice, first counting (how many 2 MiB pieces, pages and page tables), then
 * mapping from the run of RAM that was found for them: above 4 GiB where there is room,
 * else above the image.
 *
 *   run:  [2 MiB pieces][4 KiB pieces and page tables, in the order they are needed]
 */
#include "mm/frame_table.h"

#include "kernel/base/panic.h"
#include "kernel/base/string.h"
#include "mm/page_table.h"
#include "mm/ram.h"

static struct area_span spans[MEMMAP_RANGE_MAX];
static u32 span_count;

u32 area_span_count(void)
{
    return span_count;
}

const struct area_span *area_span_at(u32 index)
{
    ASSERT(index < span_count);
    return &spans[index];
}

static void spans_collect(void)
{
    struct phys_range range;
    span_count = 0;
    for (u32 i = 0; ram_range(i, &range); i++) {
        u64 first = range.base.raw >> PAGE_2M_SHIFT;
        u64 end = ((range.base.raw + range.bytes - 1) >> PAGE_2M_SHIFT) + 1;
        if (span_count != 0 && spans[span_count - 1].end >= first)
            spans[span_count - 1].end = end;
        else
            spans[span_count++] = (struct area_span){first, end};
    }
}

/* The four arrays: where each starts and how many bytes an area takes in it. */
static const struct {
    u64 base;
    u64 bytes_per_area;
} arrays[] = {
    {FRAME_TABLE_BASE, AREA_FRAMES * sizeof(struct frame)},
    {FRAME_BITS_BASE, AREA_WORDS * sizeof(u64)},
    {FRAME_COUNTER_BASE, sizeof(u16)},
    {FRAME_TREE_BASE, sizeof(struct tree) / TREE_AREAS},
};

struct need {
    u64 large;  /* 2 MiB pieces */
    u64 small;  /* 4 KiB pieces */
    u64 tables; /* PTs and PDs, at most */
};

typedef void (*piece_fn)(u64 virt, u64 bytes, void *context);

/* Calls each for every piece that must be backed, upwards and without overlap. */
static void pieces_for_each(piece_fn each, void *context)
{
    for (u32 a = 0; a < ARRAY_COUNT(arrays); a++) {
        u64 done = arrays[a].base;
        for (u32 i = 0; i < span_count; i++) {
            u64 virt = ALIGN_DOWN(
                arrays[a].base + spans[i].first * arrays[a].bytes_per_area, PAGE_BYTES);
            u64 end = ALIGN_UP(arrays[a].base + spans[i].end * arrays[a].bytes_per_area,
                               PAGE_BYTES);
            virt = MAX(virt, done);
            while (virt < end) {
                bool large = IS_ALIGNED(virt, PAGE_2M_BYTES) &&
                             end - virt >= PAGE_2M_BYTES;
                u64 bytes = large ? PAGE_2M_BYTES : PAGE_BYTES;
                each(virt, bytes, context);
                virt += bytes;
            }
            done = MAX(done, end);
        }
    }
}

struct count_state {
    struct need need;
    u64 last_pt, last_pd;
};

static void piece_count(u64 virt, u64 bytes, void *context)
{
    struct count_state *state = context;
    if (bytes == PAGE_2M_BYTES) {
        state->need.large++;
    } else {
        state->need.small++;
        if (virt >> PAGE_2M_SHIFT != state->last_pt)
            state->need.tables++;
        state->last_pt = virt >> PAGE_2M_SHIFT;
    }
    if (virt >> PAGE_1G_SHIFT != state->last_pd)
        state->need.tables++;
    state->last_pd = virt >> PAGE_1G_SHIFT;
}

/* The lowest place in the range for `bytes` that no use overlaps; false when there is
 * none. */
static bool place_in_range(struct phys_range range, u64 bytes, u64 align,
                           const struct pmm_use *uses, u32 use_count, u64 *out)
{
    u64 base = ALIGN_UP(MAX(range.base.raw, (u64)HIGH_MEMORY_PHYS), align);
    u64 end = range.base.raw + range.bytes;
    for (bool moved = true; moved;) {
        moved = false;
        for (u32 i = 0; i < use_count; i++) {
            u64 use_end = uses[i].base.raw + uses[i].frames * PAGE_BYTES;
            if (base < use_end && uses[i].base.raw < base + bytes) {
                base = ALIGN_UP(use_end, align);
                moved = true;
            }
        }
    }
    *out = base;
    return base <= end && end - base >= bytes;
}

static u64 place_find(u64 bytes, u64 align, const struct pmm_use *uses, u32 use_count)
{
    struct phys_range range;
    u32 count = 0;
    u64 place;
    while (ram_range(count, &range))
        count++;
    while (count-- > 0)
        if (ram_range(count, &range) &&
            place_in_range(range, bytes, align, uses, use_count, &place))
            return place;
    panic_code(CODE_FR_01,
               "no contiguous %lu KiB of RAM for the frame table of %lu MiB",
               bytes >> 10, ram_bytes() >> 20);
}

/* Two cursors in the run: one for large pieces, one for everything else. */
static struct {
    u64 large;
    u64 small;
    u64 end;
    u64 tables; /* pages that became page tables */
} run;

static u64 run_take_page(void)
{
    ASSERT(run.small + PAGE_BYTES <= run.end);
    u64 page = run.small;
    run.small += PAGE_BYTES;
    return page;
}

static enum status run_table_alloc(phys_t *out)
{
    *out = phys_make(run_take_page());
    run.tables++;
    memset(phys_to_ptr(*out), 0, PAGE_BYTES);
    return STATUS_OK;
}

static void piece_map(u64 virt, u64 bytes, void *context)
{
    u64 phys = run.large;
    if (bytes == PAGE_2M_BYTES)
        run.large += bytes;
    else
        phys = run_take_page();
    enum status status = page_table_map(context, virt_make(virt), phys_make(phys),
                                        bytes, PTE_W | PTE_G | PTE_NX);
    ASSERT(status == STATUS_OK);
}

void frame_table_build(phys_t root, const struct pmm_use *uses, u32 use_count,
                       struct frame_table_place *out)
{
    static const struct table_source source = {.alloc = run_table_alloc};
    struct count_state state = {.last_pt = ~0UL, .last_pd = ~0UL};
    spans_collect();
    pieces_for_each(piece_count, &state);

    u64 large_bytes = state.need.large * PAGE_2M_BYTES;
    u64 bytes = large_bytes + (state.need.small + state.need.tables) * PAGE_BYTES;
    u64 base = place_find(bytes, large_bytes ? PAGE_2M_BYTES : PAGE_BYTES, uses,
                          use_count);
    run.large = base;
    run.small = base + large_bytes;
    run.end = base + bytes;

    struct page_space space = {.root = root, .source = &source};
    pieces_for_each(piece_map, &space);
    *out = (struct frame_table_place){phys_make(base), (run.small - base) >> PAGE_SHIFT,
                                      run.tables};
}
