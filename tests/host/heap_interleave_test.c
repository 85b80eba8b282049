/* SPDX-License-Identifier: MIT
 *
 * The heap's page fault against other CPUs, in every order of their atomics that needs
 * few preemptions: two faults on one page, faults against a free, against a resize. The
 * frames below are few and simple; each CPU's TLB remembers what it saw until it is
 * flushed, and a frame that is freed while a TLB knows it ends the schedule.
 *
 * broken_* are what the heap must not do; each is found, or the explorer is blind.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "kernel/base/atomic.h"
#include "mm/heap_internal.h"
#include "mm/page_table.h"
#include "mm/pmm.h"
#include "mm/tlb.h"
#include "tests/host/interleave.h"
#include "tests/host/world.h"

#define FRAMES    6
#define FIRST_PFN 1 /* frame 0 is "none" */

u64 ram_section_bits[RAM_SECTIONS / 64];

static struct {
    u64 free;                  /* one bit a frame */
    u64 promised;              /* atomic */
    u64 seen[INTERLEAVE_CPUS]; /* frame that this CPU's TLB shows at the page, or 0 */
    u64 object;
    bool resolved[INTERLEAVE_CPUS];
    struct heap_page info[HEAP_REGION_PAGES];
    pte_t table[TABLE_ENTRIES] ALIGNED(PAGE_BYTES);
} world;

/* --- what lies below --- */

void world_die(enum code code, const char *text)
{
    interleave_fail("death %u: %s", (u32)code, text);
}

void cpu_pause(void)
{
    interleave_wait();
}

enum status page_table_phys_of(virt_t virt, phys_t *out)
{
    pte_t entry = pte_read(heap_page_entry(heap_page_of(virt.raw)));
    *out = pte_phys(entry, 1);
    return pte_is_present(entry) ? STATUS_OK : STATUS_NOT_FOUND;
}

u64 read_cr3(void)
{
    return 0;
}

void spin_init(struct spinlock *lock, const char *name)
{
    *lock = (struct spinlock){.name = name};
}

u64 spin_lock_irqsave(struct spinlock *lock)
{
    u32 nobody = 0;
    while (!atomic_compare_exchange_u32(&lock->holder, &nobody, interleave_cpu() + 1)) {
        nobody = 0;
        interleave_wait();
    }
    return 0;
}

void spin_unlock_irqrestore(struct spinlock *lock, u64 flags)
{
    (void)flags;
    atomic_store_u32(&lock->holder, 0);
}

enum status pmm_alloc(u32 order, enum frame_owner owner, pfn_t *out)
{
    (void)order, (void)owner, (void)out;
    return STATUS_NO_MEMORY; /* the region is there: nothing asks */
}

static void frame_give(u64 frame)
{
    if (frame < FIRST_PFN || frame >= FIRST_PFN + FRAMES)
        interleave_fail("frame %lu is none", frame);
    for (u32 cpu = 0; cpu < INTERLEAVE_CPUS; cpu++)
        if (world.seen[cpu] == frame)
            interleave_fail("frame %lu is freed while CPU %u's TLB shows it", frame,
                            cpu);
    if (atomic_fetch_or_u64(&world.free, 1UL << frame) >> frame & 1)
        interleave_fail("frame %lu is freed twice", frame);
}

enum status pmm_free(pfn_t pfn, u32 order, enum frame_owner owner)
{
    (void)order, (void)owner;
    frame_give(pfn.raw);
    return STATUS_OK;
}

enum status pmm_promise(u64 frames)
{
    atomic_fetch_add_u64(&world.promised, frames);
    return STATUS_OK;
}

void pmm_promise_return(u64 frames)
{
    /* As the real one: a fault that loses its race holds a promise for a moment. */
    u64 have = atomic_load_u64(&world.promised);
    while (have < frames ||
           !atomic_compare_exchange_u64(&world.promised, &have, have - frames))
        if (have < frames) {
            interleave_wait();
            have = atomic_load_u64(&world.promised);
        }
}

bool pmm_take_promised(enum frame_owner owner, pfn_t *out)
{
    (void)owner;
    u64 have = atomic_load_u64(&world.promised);
    do {
        if (have == 0)
            return false;
    } while (!atomic_compare_exchange_u64(&world.promised, &have, have - 1));
    u64 free = atomic_load_u64(&world.free);
    do {
        if (free == 0)
            interleave_fail("a promise is not covered by a frame");
        *out = pfn_make((u64)__builtin_ctzl(free));
    } while (!atomic_compare_exchange_u64(&world.free, &free, free & (free - 1)));
    return true;
}

enum status pmm_free_to_promise(pfn_t pfn, enum frame_owner owner)
{
    (void)owner;
    frame_give(pfn.raw);
    atomic_fetch_add_u64(&world.promised, 1);
    return STATUS_OK;
}

static void flush_pages(const virt_t *pages, u32 count)
{
    (void)pages, (void)count;
    memset(world.seen, 0, sizeof(world.seen));
}

static void flush_all(void)
{
    flush_pages(NULL, 0);
}

static const struct tlb_ops ops = {flush_pages, flush_all};
const struct tlb_ops *tlb_ops = &ops;

/* --- the world --- */

static void setup_pages(u64 pages)
{
    static const struct table_source no_counts;
    memset(&world, 0, sizeof(world));
    kernel_page_space.source = &no_counts;
    world.free = ((1UL << FRAMES) - 1) << FIRST_PFN;
    heap_init(HEAP_PLAIN);
    heap.info[0] = world.info;
    heap.table[0] = world.table;
    heap.stats.regions = 1;
    world.object = virt_of(heap_alloc(pages * PAGE_BYTES)).raw;
}

static void setup_one(void)
{
    setup_pages(1);
}

static void setup_three(void)
{
    setup_pages(3);
}

/* An access to the object's last page, as this CPU does it: its TLB, the tables, a
 * fault. What was resolved is tried again, which may fault again. */
static bool touch(bool (*fault)(virt_t address), u64 address)
{
    u32 cpu = interleave_cpu();
    for (u32 tries = 0; tries < 3; tries++) {
        pte_t entry = pte_read(heap_page_entry(heap_page_of(address)));
        if (pte_is_present(entry)) {
            world.seen[cpu] = phys_to_pfn(pte_phys(entry, 1)).raw;
            return true;
        }
        if (!fault(virt_make(address)))
            return false;
    }
    return false;
}

static u64 frames_free(void)
{
    return (u64)__builtin_popcountl(world.free);
}

/* At the end: frames, promises, entries and counters agree. */
static void check_all(void)
{
    u64 armed = 0, present = 0;
    for (u32 i = 0; i < TABLE_ENTRIES; i++) {
        armed += world.table[i].raw == PTE_ARMED;
        present += world.table[i].raw & PTE_P;
    }
    if (frames_free() + present != FRAMES)
        interleave_fail("%lu frames free, %lu in entries, of %u", frames_free(),
                        present, FRAMES);
    if (world.promised != armed)
        interleave_fail("%lu promises for %lu armed pages", world.promised, armed);
    if (heap.stats.pages_present != present)
        interleave_fail("pages_present is %lu, entries say %lu",
                        heap.stats.pages_present, present);
    heap_verify();
}

/* --- what CPUs do --- */

static void run_faults(u32 cpu)
{
    world.resolved[cpu] = touch(heap_fault, world.object);
}

static void check_faults(void)
{
    check_all();
    for (u32 cpu = 0; cpu < 2; cpu++)
        if (!world.resolved[cpu])
            interleave_fail("CPU %u: a fault on a live page was not resolved", cpu);
    if (heap.stats.faults != 1)
        interleave_fail("%lu faults counted for one page", heap.stats.faults);
}

/* The last CPU frees, the others touch: a mistake of theirs, and no damage. */
static void run_free_last(u32 cpu, u32 last, bool (*fault)(virt_t))
{
    if (cpu == last)
        heap_free((void *)world.object);
    else
        world.resolved[cpu] = touch(fault, world.object);
}

static void run_fault_and_free(u32 cpu)
{
    run_free_last(cpu, 1, heap_fault);
}

static void run_two_faults_and_free(u32 cpu)
{
    run_free_last(cpu, 2, heap_fault);
}

static void check_freed(void)
{
    check_all();
    if (frames_free() != FRAMES || world.promised != 0)
        interleave_fail("%lu frames free, %lu promised after the last free",
                        frames_free(), world.promised);
}

/* One CPU shrinks the object, another one touches what stays and what goes. */
static void run_shrink(u32 cpu)
{
    if (cpu == 0) {
        (void)!heap_resize((void *)world.object, PAGE_BYTES + 1);
        return;
    }
    world.resolved[cpu] = touch(heap_fault, world.object);
    (void)touch(heap_fault, world.object + 2 * PAGE_BYTES);
}

static void check_shrink(void)
{
    check_all();
    if (!world.resolved[1])
        interleave_fail("a page that stays was refused");
}

/* --- broken on purpose --- */

/* Looks first and stores then: the page may be gone, or there, in between. */
static bool broken_store(virt_t address)
{
    pfn_t frame;
    pte_t *entry = heap_page_entry(heap_page_of(address.raw));
    if (pte_read(entry).raw != PTE_ARMED)
        return pte_is_present(pte_read(entry));
    if (!pmm_take_promised(OWNER_HEAP, &frame))
        return false;
    atomic_store_u64(&entry->raw, pfn_to_phys(frame).raw | PTE_P);
    atomic_fetch_add_u64(&heap.stats.faults, 1);
    atomic_fetch_add_u64(&heap.stats.pages_present, 1);
    return true;
}

/* Forgets the frame when it has lost. */
static bool broken_loser(virt_t address)
{
    pfn_t frame;
    pte_t *entry = heap_page_entry(heap_page_of(address.raw));
    if (pte_read(entry).raw != PTE_ARMED || !pmm_take_promised(OWNER_HEAP, &frame))
        return pte_is_present(pte_read(entry));
    if (pte_install_armed(entry, pfn_to_phys(frame))) {
        atomic_fetch_add_u64(&heap.stats.faults, 1);
        atomic_fetch_add_u64(&heap.stats.pages_present, 1);
        return true;
    }
    return pte_is_present(pte_read(entry));
}

static void run_broken_store(u32 cpu)
{
    run_free_last(cpu, 1, broken_store);
}

static void run_broken_loser(u32 cpu)
{
    run_free_last(cpu, 1, broken_loser);
}

/* A free that gives frames away before the flush. */
static void run_broken_free(u32 cpu)
{
    u64 page = heap_page_of(world.object);
    if (cpu == 0) {
        world.resolved[0] = touch(heap_fault, world.object);
        return;
    }
    pte_t was = pte_clear(heap_page_entry(page));
    if (pte_is_present(was))
        frame_give(phys_to_pfn(pte_phys(was, 1)).raw);
    else
        pmm_promise_return(1);
    flush_all();
}

static void check_nothing(void)
{
}

/* --- */

static struct interleave_result result;

static void explore(const char *what, struct interleave explored)
{
    explored.schedules_max = 200000;
    interleave_explore(&explored, &result);
    print_message("%s: %lu schedules of up to %lu steps%s\n", what, result.schedules,
                  result.steps, result.complete ? "" : ", not complete");
}

static void must_hold(const char *what, struct interleave explored)
{
    explore(what, explored);
    if (result.failed)
        fail_msg("%s: %s\n%s", what, result.why, result.trace);
    assert_true(result.complete);
    assert_true(result.schedules > 50);
}

static void must_break(const char *what, struct interleave explored)
{
    explore(what, explored);
    if (!result.failed)
        fail_msg("%s: broken on purpose, and not found", what);
}

static void test_faults(void **state)
{
    (void)state;
    must_hold("two faults", (struct interleave){.cpus = 2,
                                                .preemptions = 4,
                                                .setup = setup_one,
                                                .run = run_faults,
                                                .check = check_faults});
}

static void test_fault_and_free(void **state)
{
    (void)state;
    must_hold("fault, free", (struct interleave){.cpus = 2,
                                                 .preemptions = 4,
                                                 .setup = setup_one,
                                                 .run = run_fault_and_free,
                                                 .check = check_freed});
    must_hold("two faults, free", (struct interleave){.cpus = 3,
                                                      .preemptions = 2,
                                                      .setup = setup_one,
                                                      .run = run_two_faults_and_free,
                                                      .check = check_freed});
}

static void test_shrink(void **state)
{
    (void)state;
    must_hold("fault, shrink", (struct interleave){.cpus = 2,
                                                   .preemptions = 3,
                                                   .setup = setup_three,
                                                   .run = run_shrink,
                                                   .check = check_shrink});
}

static void test_broken(void **state)
{
    (void)state;
    must_break("store without comparing", (struct interleave){.cpus = 2,
                                                              .preemptions = 2,
                                                              .setup = setup_one,
                                                              .run = run_broken_store,
                                                              .check = check_freed});
    must_break("a loser's frame is lost", (struct interleave){.cpus = 2,
                                                              .preemptions = 2,
                                                              .setup = setup_one,
                                                              .run = run_broken_loser,
                                                              .check = check_freed});
    must_break("freed before the flush", (struct interleave){.cpus = 2,
                                                             .preemptions = 2,
                                                             .setup = setup_one,
                                                             .run = run_broken_free,
                                                             .check = check_nothing});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_fault_and_free),
        cmocka_unit_test(test_shrink),
        cmocka_unit_test(test_broken),
    };

    ram_section_bits[0] = 1;
    return cmocka_run_group_tests_name("heap_interleave", tests, NULL, NULL);
}
