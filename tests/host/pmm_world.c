/* SPDX-License-Identifier: MIT */
#include "tests/host/pmm_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/base/refusal.h"
#include "mm/page_table.h"
#include "mm/pmm_stack.h"
#include "mm/ram.h"

#define IMAGE_PHYS 0x100000 /* one frame that is used from the start */

u32 (*world_which_cpu)(void);
void (*world_pause)(void);

static struct {
    int memory;
    struct memmap map;
    struct percpu cpu[CPU_MAX];
    struct pmm_cpu *saved_cpu[CPU_MAX];
    u8 *saved;
    u64 saved_bytes;
} sim = {.memory = -1};
static _Thread_local u32 this_cpu;
static _Thread_local u32 irq_depth;

static void must(bool good, const char *what)
{
    if (!good) {
        perror(what);
        abort();
    }
}

/* --- the CPU --- */

struct percpu *percpu(void)
{
    return &sim.cpu[world_which_cpu ? world_which_cpu() : this_cpu];
}

void world_cpu(u32 index)
{
    this_cpu = index;
}

/* Pairs may nest; the outermost ends where it began. */
u64 irq_save(void)
{
    return world_which_cpu ? 0 : irq_depth++;
}

void irq_restore(u64 flags)
{
    if (world_which_cpu)
        return;
    must(--irq_depth == flags, "irq_restore without its irq_save");
}

void cpu_pause(void)
{
    if (world_pause)
        world_pause();
}

void refusal_note(enum code code, const char *fmt, ...)
{
    (void)code, (void)fmt;
}

/* --- memory --- */

enum status page_table_map(struct page_space *space, virt_t virt, phys_t phys,
                           u64 bytes, u64 flags)
{
    (void)space, (void)flags;
    void *at = mmap(virt_to_ptr(virt), bytes, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_FIXED, sim.memory, (off_t)phys.raw);
    must(at == virt_to_ptr(virt), "mapping a part of the frame table");
    return STATUS_OK;
}

enum status world_configure(u64 colours, bool check)
{
    pmm.total = 0; /* what tells that the allocator is open */
    return pmm_configure(colours, check);
}

void world_open(const struct world_range *ram, u32 count, u32 cpus)
{
    static const struct pmm_use image = {{IMAGE_PHYS}, 1, OWNER_PAGE_TABLE};
    u64 top = ram[count - 1].base + ram[count - 1].bytes;
    sim.memory = world_ram_open(sim.memory, phys_make(0), top);
    memset(&sim.map, 0, sizeof(sim.map));
    sim.map.phys_limit = DIRECT_MAP_BYTES;
    for (u32 i = 0; i < count; i++)
        sim.map.ranges[sim.map.count++] = (struct memmap_range){.base = ram[i].base,
                                                                .bytes = ram[i].bytes,
                                                                .type = E820_USABLE};
    memset(ram_section_bits, 0, sizeof(ram_section_bits));
    ram_init(&sim.map);
    for (u32 i = 0; i < CPU_MAX; i++)
        sim.cpu[i] = (struct percpu){.index = i};
    world_cpu(0);
    pmm_init(phys_make(0), &image, 1);
    for (u32 i = 1; i < cpus; i++) {
        enum status status = pmm_cpu_start(&sim.cpu[i]);
        must(status == STATUS_OK, "a further CPU");
    }
}

/* --- states --- */

/* Calls each with every piece of memory that is the allocator's state. */
static void pieces(void (*each)(void *at, u64 bytes, u64 *done), u64 *done)
{
    each(&pmm, sizeof(pmm), done);
    for (u32 i = 0; i < CPU_MAX; i++)
        if (pmm.cpu[i])
            each(pmm.cpu[i], sizeof(*pmm.cpu[i]), done);
    for (u32 i = 0; i < area_span_count(); i++)
        for (u64 area = area_span_at(i)->first; area < area_span_at(i)->end; area++) {
            each(area_counter(area), sizeof(u16), done);
            each(tree_of(area), sizeof(struct tree), done);
            each(area_bits(area), AREA_WORDS * sizeof(u64), done);
            each(frame_at(pfn_make(area << AREA_ORDER)),
                 AREA_FRAMES * sizeof(struct frame), done);
        }
}

static void piece_count(void *at, u64 bytes, u64 *done)
{
    (void)at;
    *done += bytes;
}

static void piece_save(void *at, u64 bytes, u64 *done)
{
    memcpy(sim.saved + *done, at, bytes);
    *done += bytes;
}

static void piece_restore(void *at, u64 bytes, u64 *done)
{
    memcpy(at, sim.saved + *done, bytes);
    *done += bytes;
}

void world_save(void)
{
    u64 bytes = 0, done = 0;
    pieces(piece_count, &bytes);
    free(sim.saved);
    sim.saved = malloc(bytes);
    must(sim.saved != NULL, "room for the state");
    pieces(piece_save, &done);
}

void world_restore(void)
{
    u64 done = 0;
    pieces(piece_restore, &done);
}
