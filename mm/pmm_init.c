/* SPDX-License-Identifier: MIT
 *
 * The frame allocator's first minute: every area of RAM gets its counter, those that
 * are taken in part are opened and their frames named, and the sums are made. Reserving
 * is by clamped intersection of ranges, never by subtraction.
 */
#include "kernel/base/panic.h"
#include "kernel/base/string.h"
#include "mm/frame_table.h"
#include "mm/pmm_internal.h"
#include "mm/ram.h"

static struct pmm_cpu boot_cpu;

/* Frames of an area that are not RAM become taken and ABSENT; returns how many are RAM.
 */
static u16 area_punch_holes(u64 area)
{
    u16 ram = 0;
    for (u32 i = 0; i < AREA_FRAMES; i++) {
        pfn_t pfn = pfn_make((area << AREA_ORDER) + i);
        if (ram_contains(pfn_to_phys(pfn), PAGE_BYTES)) {
            ram++;
            continue;
        }
        frame_set(frame_at(pfn), frame_make(OWNER_NONE, FRAME_ABSENT, 0, 0));
        area_bits(area)[i / 64] |= 1UL << (i % 64);
    }
    return ram;
}

/* Opens an area that is about to be taken in part, or that RAM does not fill. */
static void area_open_partial(u64 area)
{
    u16 *counter = area_counter(area);
    if (!(*counter & AREA_UNTOUCHED))
        return;
    area_words_init(area);
    bool whole = ram_contains(phys_make(area << PAGE_2M_SHIFT), PAGE_2M_BYTES);
    *counter = whole ? AREA_FRAMES : area_punch_holes(area);
    tree_of(area)->free += *counter;
    tree_of(area)->untouched_areas--;
    pmm.untouched -= *counter;
    pmm.unpromised += *counter;
}

static void tree_clear(u64 tree)
{
    memset(tree_at(tree), 0, sizeof(struct tree));
    memset(area_counter(tree << TREE_ORDER), 0, TREE_AREAS * sizeof(u16));
}

/* Areas of a tree that are no RAM have nothing, free or untouched, for ever. Only the
 * trees at the ends of a span have such. */
static void trees_clear(const struct area_span *span)
{
    tree_clear(span->first >> TREE_ORDER);
    tree_clear((span->end - 1) >> TREE_ORDER);
}

/* A tree of RAM alone, four counters at a time. */
static void tree_init_whole(u64 tree)
{
    u64 *counters = (u64 *)area_counter(tree << TREE_ORDER);
    u64 four = (u64)(AREA_UNTOUCHED | AREA_FRAMES) * 0x0001000100010001;
    for (u32 i = 0; i < TREE_AREAS * sizeof(u16) / sizeof(u64); i++)
        counters[i] = four;
    *tree_at(tree) = (struct tree){.untouched_areas = TREE_AREAS};
}

/* Counters of a span: 512 untouched frames each. */
static void span_init(const struct area_span *span)
{
    for (u64 area = span->first; area < span->end;) {
        if (IS_ALIGNED(area, (u64)TREE_AREAS) && span->end - area >= TREE_AREAS) {
            tree_init_whole(area >> TREE_ORDER);
            area += TREE_AREAS;
            continue;
        }
        *area_counter(area) = AREA_UNTOUCHED | AREA_FRAMES;
        tree_of(area++)->untouched_areas++;
    }
}

static void rims_open(void)
{
    struct phys_range range;
    for (u32 i = 0; ram_range(i, &range); i++) {
        u64 end = range.base.raw + range.bytes;
        if (!IS_ALIGNED(range.base.raw, PAGE_2M_BYTES))
            area_open_partial(range.base.raw >> PAGE_2M_SHIFT);
        if (!IS_ALIGNED(end, PAGE_2M_BYTES))
            area_open_partial(end >> PAGE_2M_SHIFT);
    }
}

/* An area that has one owner from the start: nothing in it was ever free. */
static void area_reserve_whole(u64 area, struct frame word)
{
    struct frame *frame = frame_at(pfn_make(area << AREA_ORDER));
    u64 node = (u64)area_node(area) << FRAME_NODE_SHIFT;
    for (u32 i = 0; i < AREA_FRAMES; i++)
        frame[i].word = node | word.word;
    for (u32 i = 0; i < AREA_WORDS; i++)
        area_bits(area)[i] = ~0UL;
    *area_counter(area) = 0;
    tree_of(area)->untouched_areas--;
    pmm.untouched -= AREA_FRAMES;
    pmm.owned[frame_owner_of(word)] += AREA_FRAMES;
}

/* Names the owner of `count` free frames of one area, for good. The caller has made
 * sure that they are RAM. */
static void area_reserve(u64 first, u64 count, enum frame_owner owner,
                         enum frame_state state)
{
    u64 area = first >> AREA_ORDER;
    struct frame word = frame_make(owner, state, 0, 1);
    if (count == AREA_FRAMES && (*area_counter(area) & AREA_UNTOUCHED)) {
        area_reserve_whole(area, word);
        return;
    }
    area_open_partial(area);
    for (u64 n = first; n < first + count; n++) {
        struct frame *frame = frame_at(pfn_make(n));
        if (frame_state_of(*frame) != FRAME_NEW)
            panic_code(CODE_FR_02, "frame P:%#lx is claimed by %s and by %s",
                       n << PAGE_SHIFT, frame_owner_name(frame_owner_of(*frame)),
                       frame_owner_name(owner));
        frame_set(frame, word);
        area_bits(area)[n % AREA_FRAMES / 64] |= 1UL << (n % 64);
    }
    *area_counter(area) -= (u16)count;
    tree_of(area)->free -= (u32)count;
    pmm.unpromised -= count;
    pmm.owned[owner] += count;
}

static void use_reserve(const struct pmm_use *use)
{
    /* Tables and stacks may be freed one day; image and loader never by pmm_free. */
    bool plain = use->owner == OWNER_PAGE_TABLE || use->owner == OWNER_STACK;
    if (use->frames == 0)
        return;
    if (!ram_contains(use->base, use->frames * PAGE_BYTES))
        panic_code(CODE_FR_02,
                   "P:%#lx, %lu frames, are claimed by %s but are not all RAM",
                   use->base.raw, use->frames, frame_owner_name(use->owner));
    u64 first = use->base.raw >> PAGE_SHIFT, end = first + use->frames;
    while (first < end) {
        u64 count = MIN(end - first, AREA_FRAMES - first % AREA_FRAMES);
        area_reserve(first, count, use->owner, plain ? FRAME_USED : FRAME_RESERVED);
        first += count;
    }
}

/* Below 1 MiB nothing is given out unasked: frame 0 is the firmware's, the loader's
 * part stays its own until pmm_loader_reclaim. */
static void low_reserve(void)
{
    for (u64 n = 0; n < HIGH_MEMORY_PHYS >> PAGE_SHIFT; n++) {
        pfn_t pfn = pfn_make(n);
        if (!ram_contains(pfn_to_phys(pfn), PAGE_BYTES))
            continue;
        enum frame_owner owner = OWNER_LOW;
        if (n == 0)
            owner = OWNER_FIRMWARE;
        else if (pfn_to_phys(pfn).raw < LOADER_END_PHYS)
            owner = OWNER_LOADER;
        area_reserve(n, 1, owner, FRAME_RESERVED);
    }
}

/* --- CPUs --- */

static void cpu_join(struct percpu *cpu, struct pmm_cpu *part)
{
    memset(part, 0, sizeof(*part));
    part->limit = pmm.colours != 0 || pmm.check ? 0 : PMM_STACK_FRAMES;
    part->known_area = PMM_NO_AREA;
    part->tree = PMM_NO_TREE;
    cpu->frames = part;
    pmm.cpu[cpu->index] = part;
}

enum status pmm_cpu_start(struct percpu *cpu)
{
    STATIC_ASSERT(sizeof(struct pmm_cpu) <= PAGE_BYTES, "a CPU's part is one frame");
    pfn_t pfn;
    ASSERT(cpu->index < CPU_MAX && !pmm.cpu[cpu->index]);
    enum status status = pmm_alloc(0, OWNER_FRAME_TABLE, &pfn);
    if (status == STATUS_OK)
        cpu_join(cpu, pfn_to_ptr(pfn));
    return status;
}

/* --- the first minute --- */

/* All but what pmm_configure said. */
static void pmm_reset(void)
{
    u32 colours = pmm.colours;
    bool check = pmm.check;
    memset(&pmm, 0, sizeof(pmm));
    pmm.colours = colours;
    pmm.check = check;
}

enum status pmm_configure(u64 colours, bool check)
{
    if (colours > PMM_COLOURS_MAX || (colours & (colours - 1)) != 0 || pmm.total != 0)
        return STATUS_INVALID;
    pmm.colours = colours > 1 ? (u32)colours : 0;
    pmm.check = check;
    return STATUS_OK;
}

void pmm_init(phys_t root, const struct pmm_use *uses, u32 use_count)
{
    struct frame_table_place place;
    frame_table_build(root, uses, use_count, &place);

    pmm_reset();
    pmm.total = ram_bytes() >> PAGE_SHIFT;
    pmm.untouched = pmm.total;
    for (u32 i = 0; i < area_span_count(); i++)
        trees_clear(area_span_at(i));
    for (u32 i = 0; i < area_span_count(); i++)
        span_init(area_span_at(i));
    rims_open();
    low_reserve();
    for (u32 i = 0; i < use_count; i++)
        use_reserve(&uses[i]);
    use_reserve(&(struct pmm_use){place.base, place.frames, OWNER_FRAME_TABLE});

    pmm.table_frames = place.table_frames;
    pmm.fresh_tree = (area_span_at(area_span_count() - 1)->end - 1) >> TREE_ORDER;
    spin_init(&pmm.low_lock, "frames below 1 MiB");
    cpu_join(percpu(), &boot_cpu);
}
