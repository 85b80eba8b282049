/* SPDX-License-Identifier: MIT */
#include "tests/host/heap_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel/base/fnv.h"
#include "mm/heap_internal.h"
#include "mm/page_table.h"
#include "mm/ram.h"
#include "mm/tlb.h"
#include "tests/host/world.h"

#define FIRST_PFN (GIB(5) >> PAGE_SHIFT)
#define FRAME_MAX (1u << 20)
#define LEAF      (PTE_P | PTE_W | PTE_A | PTE_D | PTE_G | PTE_NX)

struct sim_frame {
    u8 owner; /* OWNER_NONE: free */
    u8 order;
    bool head;
    bool used; /* was given once: only then it is worth looking whether it is zero */
    u32 page;  /* window page + 1 that the TLB shows it at */
};

struct world_counts world;
enum heap_mode world_mode = HEAP_PLAIN;
u64 ram_section_bits[RAM_SECTIONS / 64];

static struct {
    bool open;
    int memory;
    u64 lowest; /* no free frame below this index */
    u64 refuse; /* calls until one is refused */
    bool refused;
    u32 locks;
    struct spinlock *lock[4];
    void (*first)(u64 address);
    void (*meanwhile)(u64 address);
    u64 fault_address;
    sigjmp_buf *catch;
    struct world_end end;
    struct sigaction before;
} sim;
static struct sim_frame frames[FRAME_MAX];
static u32 shown[HEAP_PAGES]; /* frame index + 1 */

/* A test that says something wrong about memory ends at once, also out of a signal. */
static void PRINTF(1, 2) wrong(const char *fmt, ...)
{
    char text[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    sim.catch = NULL;
    fail_msg("%s", text);
}

/* --- death --- */

static NORETURN void leave(struct world_end end)
{
    sim.end = end;
    sigjmp_buf *to = sim.catch;
    sim.catch = NULL;
    siglongjmp(*to, 1);
}

void world_die(enum code code, const char *text)
{
    static char said[300];
    if (!sim.catch) {
        wrong("death without being asked for: %s", text);
        __builtin_unreachable();
    }
    snprintf(said, sizeof(said), "%s", text);
    leave((struct world_end){.how = WORLD_DIED, .code = code, .text = said});
}

struct world_end world_try(void (*call)(void *), void *argument)
{
    sigjmp_buf here;
    sim.end = (struct world_end){.how = WORLD_RETURNED};
    if (sigsetjmp(here, 1) == 0) {
        sim.catch = &here;
        call(argument);
    }
    sim.catch = NULL;
    /* Whoever died did it with its lock held; nobody unlocks after a death. */
    if (sim.end.how != WORLD_DIED && sim.locks != 0)
        wrong("%u locks held after a call", sim.locks);
    while (sim.locks > 0)
        sim.lock[--sim.locks]->holder = 0;
    return sim.end;
}

/* --- locks --- */

void spin_init(struct spinlock *lock, const char *name)
{
    *lock = (struct spinlock){.name = name};
}

u64 spin_lock_irqsave(struct spinlock *lock)
{
    if (lock->holder)
        wrong("a lock is taken twice");
    if (sim.locks == ARRAY_COUNT(sim.lock))
        wrong("more locks nested than anybody needs");
    lock->holder = 1;
    sim.lock[sim.locks++] = lock;
    return 0x200 + sim.locks;
}

void spin_unlock_irqrestore(struct spinlock *lock, u64 flags)
{
    if (!lock->holder || flags != 0x200 + sim.locks || sim.lock[sim.locks - 1] != lock)
        wrong("a lock is released that is not the last one taken, or with other flags");
    lock->holder = 0;
    sim.locks--;
}

/* --- frames --- */

static u64 index_of(pfn_t pfn)
{
    return pfn.raw - FIRST_PFN;
}

static pfn_t pfn_of(u64 index)
{
    return pfn_make(FIRST_PFN + index);
}

static bool call_is_refused(void)
{
    bool refuse = sim.refuse == 1;
    sim.refuse -= sim.refuse != 0;
    sim.refused |= refuse;
    return refuse;
}

static bool block_is_free(u64 index, u32 order)
{
    for (u64 i = index; i < index + (1u << order); i++)
        if (frames[i].owner != OWNER_NONE)
            return false;
    return true;
}

/* Single frames lowest first, so that what was freed last is soon used again; larger
 * blocks highest first, out of their way. */
static bool block_find(u32 order, u64 *out)
{
    u64 step = 1u << order;
    if (order == 0) {
        while (sim.lowest < world.total && frames[sim.lowest].owner != OWNER_NONE)
            sim.lowest++;
        *out = sim.lowest;
        return sim.lowest < world.total;
    }
    for (u64 at = ALIGN_DOWN(world.total, step); at >= step; at -= step)
        if (block_is_free(at - step, order)) {
            *out = at - step;
            return true;
        }
    return false;
}

bool world_has_block(u32 order)
{
    u64 index;
    return world.free - world.promised >= 1u << order && block_find(order, &index);
}

static void frame_must_be_zero(u64 index)
{
    const u64 *word = pfn_to_ptr(pfn_of(index));
    for (u32 i = 0; i < PAGE_BYTES / sizeof(*word); i++)
        if (word[i] != 0)
            wrong("free frame %lu was written at byte %lu: use after free", index,
                  i * sizeof(*word));
}

static pfn_t block_take(u64 index, u32 order, enum frame_owner owner)
{
    for (u64 i = index; i < index + (1u << order); i++) {
        if (frames[i].used)
            frame_must_be_zero(i);
        frames[i] = (struct sim_frame){.owner = owner, .order = order, .used = true};
    }
    frames[index].head = true;
    world.free -= 1u << order;
    world.owned[owner] += 1u << order;
    return pfn_of(index);
}

static void block_give(pfn_t pfn, u32 order, enum frame_owner owner)
{
    u64 index = index_of(pfn);
    if (index >= world.total || !frames[index].head || frames[index].order != order ||
        frames[index].owner != owner)
        wrong("frame %lu: freed twice, or as another owner's, or of another order",
              index);
    for (u64 i = index; i < index + (1u << order); i++) {
        if (frames[i].page)
            wrong("frame %lu is freed while the TLB shows it at page %u", i,
                  frames[i].page - 1);
        memset(pfn_to_ptr(pfn_of(i)), 0, PAGE_BYTES);
        frames[i] = (struct sim_frame){.used = true};
    }
    sim.lowest = MIN(sim.lowest, index);
    world.free += 1u << order;
    world.owned[owner] -= 1u << order;
}

enum status pmm_alloc(u32 order, enum frame_owner owner, pfn_t *out)
{
    u64 index;
    if (call_is_refused() || world.free - world.promised < 1u << order ||
        !block_find(order, &index))
        return STATUS_NO_MEMORY;
    *out = block_take(index, order, owner);
    return STATUS_OK;
}

enum status pmm_free(pfn_t pfn, u32 order, enum frame_owner owner)
{
    block_give(pfn, order, owner);
    return STATUS_OK;
}

enum status pmm_promise(u64 count)
{
    if (call_is_refused() || world.free - world.promised < count)
        return STATUS_NO_MEMORY;
    world.promised += count;
    return STATUS_OK;
}

void pmm_promise_return(u64 count)
{
    if (world.promised < count)
        wrong("%lu promises returned, %lu made", count, world.promised);
    world.promised -= count;
}

static void other_runs(void (**slot)(u64 address))
{
    void (*other)(u64 address) = *slot;
    *slot = NULL;
    if (other)
        other(sim.fault_address);
}

bool pmm_take_promised(enum frame_owner owner, pfn_t *out)
{
    u64 index;
    other_runs(&sim.first);
    if (world.promised == 0) {
        world.promises_missed++;
        return false;
    }
    world.promised--;
    if (!block_find(0, &index))
        wrong("a promise is not covered by a free frame");
    *out = block_take(index, 0, owner);
    other_runs(&sim.meanwhile);
    return true;
}

enum status pmm_free_to_promise(pfn_t pfn, enum frame_owner owner)
{
    block_give(pfn, 0, owner);
    world.promised++;
    return STATUS_OK;
}

void world_refuse_call(u64 n)
{
    sim.refuse = n;
    sim.refused = false;
}

bool world_refused(void)
{
    return sim.refused;
}

void world_before(void (*other)(u64 address))
{
    sim.first = other;
}

void world_meanwhile(void (*other)(u64 address))
{
    sim.meanwhile = other;
}

/* --- the MMU --- */

static enum status table_alloc(phys_t *out)
{
    pfn_t pfn;
    enum status status = pmm_alloc(0, OWNER_PAGE_TABLE, &pfn);
    if (status == STATUS_OK)
        *out = pfn_to_phys(pfn);
    return status;
}

static void table_free(phys_t table)
{
    enum status status = pmm_free(phys_to_pfn(table), 0, OWNER_PAGE_TABLE);
    assert_int_equal(status, STATUS_OK);
}

static u64 page_of(u64 address)
{
    return (address - HEAP_WINDOW) >> PAGE_SHIFT;
}

/* The table of 4 KiB entries that the CPU would find; NULL when one above is missing.
 */
static const u64 *table_of(u64 page)
{
    u64 entry = kernel_page_space.root.raw | PTE_P;
    for (u32 level = 4; level > 1 && (entry & PTE_P); level--) {
        const u64 *table = phys_to_ptr(phys_make(entry & PTE_FRAME_MASK));
        entry = table[virt_slot(virt_make(heap_page_address(page)), level)];
    }
    return entry & PTE_P ? phys_to_ptr(phys_make(entry & PTE_FRAME_MASK)) : NULL;
}

static u64 entry_of(u64 page)
{
    const u64 *table = table_of(page);
    return table ? table[page % TABLE_ENTRIES] : 0;
}

enum status page_table_phys_of(virt_t virt, phys_t *out)
{
    u64 entry = entry_of(page_of(virt.raw));
    *out = phys_make((entry & PTE_FRAME_MASK) + virt.raw % PAGE_BYTES);
    return entry & PTE_P ? STATUS_OK : STATUS_NOT_FOUND;
}

static void page_map(u64 page, int access, u64 index)
{
    int flags = access == PROT_NONE
                    ? MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
                    : MAP_FIXED | MAP_SHARED;
    void *at = mmap((void *)heap_page_address(page), PAGE_BYTES, access, flags,
                    access == PROT_NONE ? -1 : sim.memory, (off_t)(index * PAGE_BYTES));
    if (at == MAP_FAILED)
        wrong("the host refuses another mapping");
}

/* Loads a translation, as a CPU does after a fault. */
static void page_show(u64 page)
{
    u64 entry = entry_of(page);
    u64 index = index_of(phys_to_pfn(phys_make(entry & PTE_FRAME_MASK)));
    if ((entry & ~PTE_FRAME_MASK) != LEAF)
        wrong("a fault is called resolved, and the entry is %#lx", entry);
    if (index >= world.total || frames[index].owner != OWNER_HEAP)
        wrong("entry %#lx names a frame that is not the heap's", entry);
    if (frames[index].page)
        wrong("frame %lu is at page %u already", index, frames[index].page - 1);
    frame_must_be_zero(index);
    shown[page] = (u32)index + 1;
    frames[index].page = (u32)page + 1;
    page_map(page, PROT_READ | PROT_WRITE, index);
    world.shown++;
}

static void page_forget(u64 page)
{
    page_map(page, PROT_NONE, 0);
    frames[shown[page] - 1].page = 0;
    shown[page] = 0;
    world.shown--;
    world.flushes++;
}

static void flush_page(virt_t virt)
{
    u64 page = page_of(virt.raw);
    if (page >= HEAP_PAGES || virt.raw % PAGE_BYTES != 0)
        wrong("flush of V:%#lx", virt.raw);
    if (!shown[page]) {
        world.useless++;
        return;
    }
    if (entry_of(page) & PTE_P)
        wrong("page %lu is flushed before its entry is cleared", page);
    page_forget(page);
}

static void flush_pages(const virt_t *pages, u32 count)
{
    for (u32 i = 0; i < count; i++)
        flush_page(pages[i]);
}

/* Pages whose entry is still there would be shown again at the next touch: they stay.
 */
static void flush_all(void)
{
    for (u64 page = 0; page < HEAP_PAGES; page++)
        if (shown[page] && !(entry_of(page) & PTE_P))
            page_forget(page);
    world.full_flushes++;
}

static const struct tlb_ops sim_tlb_ops = {flush_pages, flush_all};
const struct tlb_ops *tlb_ops = &sim_tlb_ops;

static void on_fault(int number, siginfo_t *info, void *context)
{
    u64 address = (u64)(uintptr_t)info->si_addr;
    (void)context;
    if (address - HEAP_WINDOW >= HEAP_BYTES) {
        sigaction(number, &sim.before, NULL); /* a crash of its own: once more */
        return;
    }
    if (sim.locks != 0)
        wrong("V:%#lx faults while a lock is held", address);
    sim.fault_address = address;
    if (heap_fault(virt_make(address))) {
        world.faults++;
        page_show(page_of(address));
        return;
    }
    if (!sim.catch)
        wrong("V:%#lx is forbidden", address);
    leave((struct world_end){.how = WORLD_FAULTED, .address = address});
}

bool world_shows(u64 address)
{
    return shown[page_of(address)] != 0;
}

/* --- looking at all of it --- */

static void table_count(u64 phys, u32 level, u64 *count)
{
    const u64 *table = phys_to_ptr(phys_make(phys));
    (*count)++;
    for (u32 i = 0; level > 1 && i < TABLE_ENTRIES; i++)
        if (table[i] & PTE_P)
            table_count(table[i] & PTE_FRAME_MASK, level - 1, count);
}

u64 world_tables(void)
{
    u64 count = 0;
    table_count(kernel_page_space.root.raw, 4, &count);
    return count;
}

u64 world_fingerprint(void)
{
    u64 sum = fnv1a_64(FNV1A_64_BASIS, (u8 *)&heap + sizeof(heap.lock),
                       sizeof(heap) - sizeof(heap.lock));
    sum = fnv1a_64(sum, &world, sizeof(world));
    for (u64 i = 0; i < world.total; i++)
        if (frames[i].owner != OWNER_NONE)
            sum = fnv1a_64(sum, pfn_to_ptr(pfn_of(i)), PAGE_BYTES);
    return sum;
}

struct entries {
    u64 armed, present;
};

static void region_check(u64 region, struct entries *sums)
{
    u64 first = region * HEAP_REGION_PAGES;
    const u64 *table = table_of(first);
    assert_ptr_equal(table, heap.table[region]);
    for (u64 page = first; page < first + HEAP_REGION_PAGES; page++) {
        u64 entry = table[page - first];
        u64 index = index_of(phys_to_pfn(phys_make(entry & PTE_FRAME_MASK)));
        sums->armed += entry == PTE_ARMED;
        sums->present += entry & PTE_P;
        /* Resolved faults are the only way to a frame, and the TLB saw each. */
        if ((entry & PTE_P) && shown[page] != index + 1)
            wrong("page %lu: entry %#lx, the TLB shows frame %u", page, entry,
                  shown[page] - 1);
        if (!(entry & PTE_P) && shown[page])
            wrong("page %lu: the TLB shows what the entry %#lx does not", page, entry);
    }
}

void world_check(void)
{
    struct entries sums = {0};
    struct heap_stats stats;
    u64 owned = 0;
    heap_stats_get(&stats);
    for (u64 region = 0; region < HEAP_REGIONS; region++)
        if (heap.info[region])
            region_check(region, &sums);
    for (u32 i = 0; i < OWNER_COUNT; i++)
        owned += world.owned[i];
    assert_int_equal(owned + world.free, world.total);
    assert_int_equal(sums.present, world.shown);
    assert_int_equal(sums.present, world.owned[OWNER_HEAP]);
    assert_int_equal(sums.present, stats.pages_present);
    assert_int_equal(sums.armed, world.promised);
    assert_int_equal(sums.armed, stats.pages - stats.pages_present);
    assert_int_equal(stats.faults + stats.lost_races, world.faults + world.elsewhere);
    assert_int_equal(world.owned[OWNER_HEAP_INFO],
                     (stats.regions << HEAP_INFO_ORDER) + stats.record_frames);
    assert_int_equal(world.owned[OWNER_PAGE_TABLE], world_tables());
    assert_int_equal(world.useless, 0);
}

/* --- life --- */

static void unmap_all(void)
{
    sigaction(SIGSEGV, &sim.before, NULL);
    munmap((void *)HEAP_WINDOW, HEAP_BYTES);
    munmap((void *)(DIRECT_MAP_BASE + (FIRST_PFN << PAGE_SHIFT)),
           world.total * PAGE_BYTES);
    close(sim.memory);
    sim.open = false;
}

void world_open(u64 total)
{
    static const struct table_source source = {.alloc = table_alloc,
                                               .free = table_free};
    assert_true(total <= FRAME_MAX);
    if (sim.open) /* a test that failed left it */
        unmap_all();
    memset(&world, 0, sizeof(world));
    memset(&sim, 0, sizeof(sim));
    memset(frames, 0, total * sizeof(frames[0]));
    memset(shown, 0, sizeof(shown));
    world.total = world.free = total;
    sim.open = true;
    sim.memory = world_ram_open(-1, pfn_to_phys(pfn_of(0)), total * PAGE_BYTES);
    void *window = mmap((void *)HEAP_WINDOW, HEAP_BYTES, PROT_NONE,
                        MAP_FIXED_NOREPLACE | MAP_NORESERVE | MAP_PRIVATE |
                            MAP_ANONYMOUS,
                        -1, 0);
    assert_true(window == (void *)HEAP_WINDOW);
    for (u64 frame = FIRST_PFN; frame < FIRST_PFN + total; frame++) {
        u64 section = frame >> (RAM_SECTION_SHIFT - PAGE_SHIFT);
        ram_section_bits[section / 64] |= 1UL << (section % 64);
    }
    struct sigaction action = {.sa_sigaction = on_fault,
                               .sa_flags = SA_SIGINFO | SA_NODEFER};
    assert_int_equal(sigaction(SIGSEGV, &action, &sim.before), 0);
    memset(&kernel_page_space, 0, sizeof(kernel_page_space));
    kernel_page_space.source = &source;
    assert_int_equal(table_alloc(&kernel_page_space.root), STATUS_OK);
    heap_init(world_mode);
}

void world_close(void)
{
    world_check();
    for (u64 i = 0; i < world.total; i++)
        if (frames[i].owner == OWNER_NONE && frames[i].used)
            frame_must_be_zero(i);
    unmap_all();
}
