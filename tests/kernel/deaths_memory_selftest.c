/* SPDX-License-Identifier: MIT
 *
 * Deaths by memory and locks that have no test of their own beside a surviving one.
 */
#include "kernel/arch/instr.h"
#include "kernel/arch/percpu.h"
#include "kernel/arch/spinlock.h"
#include "kernel/early/handover.h"
#include "mm/heap.h"
#include "mm/heap_internal.h"
#include "mm/kernel_stack.h"
#include "mm/page_table.h"
#include "mm/pmm.h"
#include "mm/pmm_internal.h"
#include "mm/ram.h"
#include "tests/kernel/cases.h"

#define NOWHERE      0x0000600000000000 /* canonical, mapped by nobody */
#define PROGRAM_PAGE 0x0000000000400000
#define RESERVED_BIT (1UL << 51)
#define BEYOND_RAM   0x00000000FED00000

static void must_not_return(struct selftest *t)
{
    selftest_fail(t, __FILE__, __LINE__, "the kernel is still alive");
}

static void die_by_write(struct selftest *t, u64 virt)
{
    *(volatile u8 *)virt = 1;
    must_not_return(t);
}

static void die_by_call(struct selftest *t, u64 virt)
{
    ((void (*)(void))virt)();
    must_not_return(t);
}

void test_die_write_nowhere(struct selftest *t)
{
    die_by_write(t, NOWHERE);
}

void test_die_call_nowhere(struct selftest *t)
{
    die_by_call(t, NOWHERE);
}

/* The entry of a mapped address at a level, as memory. */
static u64 *entry_of(u64 virt, u32 level)
{
    struct pt_walk walk;

    page_table_walk_raw(read_cr3(), virt, &walk);
    for (u32 i = 0; i < walk.level_count; i++)
        if (walk.level[i].level == level)
            return (u64 *)phys_to_ptr(phys_make(walk.level[i].table_phys)) +
                   walk.level[i].slot;
    return NULL;
}

void test_die_reserved_bit(struct selftest *t)
{
    u8 *run = heap_alloc(PAGE_BYTES * 2);

    run[0] = 1;
    *entry_of(virt_of(run).raw, 1) |= RESERVED_BIT;
    invlpg(virt_of(run).raw);
    die_by_write(t, virt_of(run).raw);
}

/* A table that lies where there is no RAM: neither the walk nor the report follows it.
 */
void test_die_corrupt_table(struct selftest *t)
{
    u8 *run = heap_alloc(PAGE_BYTES * 2);

    run[0] = 1;
    *entry_of(virt_of(run).raw, 2) = BEYOND_RAM | PTE_P | PTE_W;
    invlpg(virt_of(run).raw);
    die_by_write(t, virt_of(run).raw);
}

/* One page as a program would have it, in the lower half of the kernel's own tables. */
static void program_page_make(void)
{
    u64 *table = phys_to_ptr(phys_make(handover.root_phys));
    pfn_t pfn;

    for (u32 level = 4; level >= 1; level--) {
        enum status status = pmm_alloc(0, OWNER_TEST, &pfn);
        u64 *entry = &table[virt_slot(virt_make(PROGRAM_PAGE), level)];

        ASSERT(status == STATUS_OK);
        *entry = pfn_to_phys(pfn).raw | PTE_P | PTE_W | PTE_U;
        table = phys_to_ptr(pfn_to_phys(pfn));
    }
    *(u8 *)table = 0xC3; /* ret */
}

void test_die_smap(struct selftest *t)
{
    program_page_make();
    die_by_write(t, PROGRAM_PAGE);
}

void test_die_smep(struct selftest *t)
{
    program_page_make();
    die_by_call(t, PROGRAM_PAGE);
}

void test_die_stray_guard(struct selftest *t)
{
    die_by_write(t, stack_slot_top(STACK_SLOT_NMI) - STACK_BYTES - 24);
}

void test_die_foreign_free(struct selftest *t)
{
    static u8 no_object[64];

    heap_free(no_object);
    must_not_return(t);
}

void test_die_heap_books(struct selftest *t)
{
    heap.stats.objects++;
    heap_verify();
    must_not_return(t);
}

/* Promised memory, touched where a page fault must not be resolved. */
void test_die_fault_forbidden(struct selftest *t)
{
    u8 *run = heap_alloc(PAGE_BYTES * 2);

    percpu()->no_fault_depth++;
    die_by_write(t, virt_of(run).raw);
}

void test_die_frame_books(struct selftest *t)
{
    pmm.owned[OWNER_TEST]++;
    pmm_verify();
    must_not_return(t);
}

/* Written after its release, and given out again sooner or later. */
void test_die_frame_written(struct selftest *t)
{
    struct config_value check;
    pfn_t pfn;

    if (!config_find(handover.config, "check", &check) ||
        !config_is(&check, "frames")) {
        selftest_fail(
            t, __FILE__, __LINE__,
            "needs check=frames in the configuration: without it nobody looks "
            "at a free frame");
        return;
    }
    CHECK_EQUAL(t, pmm_alloc(0, OWNER_TEST, &pfn), STATUS_OK);
    CHECK_EQUAL(t, pmm_free(pfn, 0, OWNER_TEST), STATUS_OK);
    ((u64 *)pfn_to_ptr(pfn))[3] = 0x77;
    while (pmm_alloc(0, OWNER_TEST, &pfn) == STATUS_OK)
        ;
    must_not_return(t);
}

/* Neither empty, nor present, nor promised. */
void test_die_table_books(struct selftest *t)
{
    u8 *run = heap_alloc(PAGE_BYTES * 2);

    *entry_of(virt_of(run).raw, 1) = 0x7770;
    (void)page_table_verify(&kernel_page_space);
    must_not_return(t);
}

void test_die_lock_twice(struct selftest *t)
{
    static struct spinlock lock = SPINLOCK_INIT("of the test");

    spin_lock(&lock);
    spin_lock(&lock);
    must_not_return(t);
}

void test_die_lock_foreign(struct selftest *t)
{
    static struct spinlock lock = SPINLOCK_INIT("of the test");

    spin_unlock(&lock);
    must_not_return(t);
}

/* A ticket is out that never comes back: the holder is gone. */
void test_die_lock_held(struct selftest *t)
{
    static struct spinlock lock = SPINLOCK_INIT("of the test");

    lock.next = 1;
    lock.holder = 2;
    spin_lock(&lock);
    must_not_return(t);
}

/* A pointer, as an entry of a page table would keep it. */
void test_die_virtual_frame(struct selftest *t)
{
    u64 virt = (u64)(uintptr_t)phys_to_ptr(phys_make(HIGH_MEMORY_PHYS));

    (void)phys_to_ptr(pte_phys((pte_t){virt | PTE_P}, 1));
    must_not_return(t);
}
