/* SPDX-License-Identifier: MIT
 *
 * Traps: those that must be explained and survived by a test that expects them, and
 * those that end the kernel and are compared by the emulator tests.
 */
#include "kernel/arch/instr.h"
#include "kernel/arch/percpu.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/base/string.h"
#include "kernel/early/handover.h"
#include "kernel/early/image.h"
#include "kernel/init_order.h"
#include "kernel/trap.h"
#include "mm/heap.h"
#include "mm/heap_internal.h"
#include "mm/kernel_space.h"
#include "mm/kernel_stack.h"
#include "mm/page_table.h"
#include "mm/pmm.h"
#include "mm/ram.h"
#include "tests/kernel/cases.h"

enum touch { TOUCH_READ, TOUCH_WRITE, TOUCH_EXECUTE };

static void touch(u64 virt, enum touch how)
{
    if (how == TOUCH_READ)
        (void)*(volatile u8 *)virt;
    else if (how == TOUCH_WRITE)
        *(volatile u8 *)virt = 1;
    else
        ((void (*)(void))virt)();
}

/* Touches an address that must not be touchable, and checks that the fault came, was
 * not resolved, and got the right code. */
static void expect_page_fault(struct selftest *t, u64 virt, enum touch how,
                              enum code code)
{
    static struct trap_expectation e;
    char found[CODE_NAME_BYTES], wanted[CODE_NAME_BYTES];
    memset(&e, 0, sizeof(e));
    e.vector = VECTOR_PAGE_FAULT;
    e.address = virt;
    if (trap_expect_begin(&e))
        touch(virt, how);
    trap_expect_end(&e);
    CHECK_MSG(t, e.seen, "touching V:%#lx did not fault", virt);
    if (!e.seen)
        return;
    code_name(e.explanation.code, found);
    code_name(code, wanted);
    CHECK_MSG(t, e.explanation.code == code, "V:%#lx: %s %s, expected %s", virt, found,
              e.explanation.sentence, wanted);
    CHECK_EQUAL(t, e.frame.cr2, virt);
    CHECK(t, e.explanation.sentence[0] != 0);
}

void test_fault_null(struct selftest *t)
{
    expect_page_fault(t, 0, TOUCH_READ, CODE_PF_06);
    expect_page_fault(t, 0x18, TOUCH_WRITE, CODE_PF_06);
    expect_page_fault(t, NULL_GUARD_BYTES - 1, TOUCH_READ, CODE_PF_06);
}

void test_fault_heap_never(struct selftest *t)
{
    struct heap_stats before, after;
    heap_stats_get(&before);
    expect_page_fault(t, HEAP_BASE, TOUCH_READ, CODE_HP_05);
    expect_page_fault(t, HEAP_BASE + HEAP_BYTES - 1, TOUCH_WRITE, CODE_HP_05);
    heap_stats_get(&after);
    CHECK_EQUAL(t, after.faults, before.faults);
}

void test_fault_heap_freed(struct selftest *t)
{
    u8 *run = heap_alloc(3 * PAGE_BYTES);
    CHECK(t, run != NULL);
    if (!run)
        return;
    memset(run, 0x77, 3 * PAGE_BYTES);
    heap_free(run);
    expect_page_fault(t, virt_of(run).raw, TOUCH_READ, CODE_HP_05);
    expect_page_fault(t, virt_of(run).raw + 2 * PAGE_BYTES + 5, TOUCH_WRITE,
                      CODE_HP_05);
}

void test_fault_heap_guard(struct selftest *t)
{
    u8 *run = heap_alloc(2 * PAGE_BYTES);
    CHECK(t, run != NULL);
    if (!run)
        return;
    run[2 * PAGE_BYTES - 1] = 1;
    expect_page_fault(t, virt_of(run).raw + 2 * PAGE_BYTES, TOUCH_WRITE, CODE_HP_06);
    expect_page_fault(t, virt_of(run).raw - 1, TOUCH_READ, CODE_HP_06);
    heap_free(run);
}

void test_fault_text_write(struct selftest *t)
{
    expect_page_fault(t, virt_of(text_begin).raw, TOUCH_WRITE, CODE_PF_03);
    /* Its alias in the direct map is as read-only. */
    expect_page_fault(t, DIRECT_MAP_BASE + handover.info.kernel_phys, TOUCH_WRITE,
                      CODE_PF_03);
}

void test_fault_rodata_write(struct selftest *t)
{
    expect_page_fault(t, virt_of(rodata_begin).raw + 64, TOUCH_WRITE, CODE_PF_03);
    expect_page_fault(
        t, DIRECT_MAP_BASE + handover.info.kernel_phys + image_offset(rodata_begin),
        TOUCH_WRITE, CODE_PF_03);
}

void test_fault_data_execute(struct selftest *t)
{
    static u8 code[] = {0xC3}; /* ret */
    expect_page_fault(t, virt_of(code).raw, TOUCH_EXECUTE, CODE_PF_04);
    /* The code's alias in the direct map must not run either. */
    expect_page_fault(t, DIRECT_MAP_BASE + handover.info.kernel_phys, TOUCH_EXECUTE,
                      CODE_PF_04);
}

/* Where the kernel was loaded, where the loader was: every old address is dead. */
void test_fault_identity(struct selftest *t)
{
    expect_page_fault(t, handover.info.kernel_phys, TOUCH_READ, CODE_PF_01);
    expect_page_fault(t, 0xB8000, TOUCH_WRITE, CODE_PF_02);
    expect_page_fault(t, BOOT_INFO_PHYS, TOUCH_READ, CODE_PF_01);
}

void test_fault_direct_map_hole(struct selftest *t)
{
    expect_page_fault(t, DIRECT_MAP_BASE + VGA_HOLE_PHYS, TOUCH_READ, CODE_PF_01);
    expect_page_fault(t, DIRECT_MAP_BASE + RECORDER_PHYS, TOUCH_WRITE, CODE_PF_02);
    expect_page_fault(t, DIRECT_MAP_BASE + DIRECT_MAP_BYTES - 8, TOUCH_READ,
                      CODE_PF_01);
}

void test_fault_aperture_end(struct selftest *t)
{
    volatile void *vga;
    CHECK_EQUAL(t, mmio_map(phys_make(0xB8000), PAGE_BYTES, PAGE_CACHE_UC, &vga),
                STATUS_OK);
    expect_page_fault(t, virt_of(vga).raw + PAGE_BYTES, TOUCH_READ, CODE_PF_01);
    /* The TLB knows it from now on. Right before: emulators forget entries early. */
    (void)*(volatile u16 *)vga;
    CHECK_EQUAL(t, aperture_unmap(vga), STATUS_OK);
    expect_page_fault(t, virt_of(vga).raw, TOUCH_READ, CODE_PF_01); /* and flushed */
}

/* A non-canonical address is #GP, never a page fault, and is called what it is. */
void test_fault_not_canonical(struct selftest *t)
{
    static struct trap_expectation e;
    memset(&e, 0, sizeof(e));
    e.vector = VECTOR_PROTECTION;
    if (trap_expect_begin(&e))
        touch(0x1234567800000000, TOUCH_READ);
    trap_expect_end(&e);
    CHECK(t, e.seen);
    CHECK_MSG(t, e.explanation.code == CODE_GP_01, "%s", e.explanation.sentence);
}

/* --- stacks of their own --- */

static void expect_stack(struct selftest *t, u64 vector, u32 slot)
{
    static struct trap_expectation e;
    memset(&e, 0, sizeof(e));
    e.vector = vector;
    e.any_address = true;
    if (trap_expect_begin(&e)) {
        if (vector == VECTOR_DEBUG)
            __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; nop; nop"
                             :
                             :
                             : "memory", "cc");
        else if (vector == VECTOR_NMI)
            __asm__ volatile("int $2" : : : "memory");
        else if (vector == VECTOR_MACHINE_CHECK)
            __asm__ volatile("int $18" : : : "memory");
    }
    trap_expect_end(&e);
    CHECK_MSG(t, e.seen, "vector %lu did not arrive", vector);
    u64 at = e.frame_at;
    CHECK_MSG(t, at < stack_slot_top(slot) && at >= stack_slot_top(slot) - STACK_BYTES,
              "vector %lu was served at V:%#lx, not on its stack below V:%#lx", vector,
              at, stack_slot_top(slot));
}

void test_ist_stacks(struct selftest *t)
{
    expect_stack(t, VECTOR_DEBUG, STACK_SLOT_DEBUG);
    expect_stack(t, VECTOR_NMI, STACK_SLOT_NMI);
    expect_stack(t, VECTOR_MACHINE_CHECK, STACK_SLOT_MACHINE_CHECK);
    /* #DF itself is proved by die_stack_overflow, which could not speak otherwise. */
    CHECK_EQUAL(t, percpu()->tss.ist[IST_DOUBLE_FAULT - 1],
                stack_slot_top(STACK_SLOT_DOUBLE_FAULT));
}

/* --- the end of a run --- */

void test_nothing_leaked(struct selftest *t)
{
    struct heap_stats stats;
    struct pmm_stats frames;
    heap_trim();
    heap_stats_get(&stats);
    pmm_stats_get(&frames);
    CHECK_EQUAL(t, stats.objects, 0);
    CHECK_EQUAL(t, stats.pages, 0);
    CHECK_EQUAL(t, stats.pages_present, 0);
    CHECK_EQUAL(t, frames.promised, 0);
    CHECK_EQUAL(t, frames.owned[OWNER_HEAP], 0);
    CHECK_EQUAL(t, frames.owned[OWNER_TEST], 0);
    /* What stays is named: eight frames and one table for each region the heap opened.
     */
    CHECK_EQUAL(t, frames.owned[OWNER_HEAP_INFO], stats.regions << HEAP_INFO_ORDER);
    heap_verify();
    pmm_verify();
}

/* --- deadly --- */

static void must_not_return(struct selftest *t)
{
    selftest_fail(t, __FILE__, __LINE__, "the kernel is still alive");
}

static void die_by_touch(struct selftest *t, u64 virt, enum touch how)
{
    touch(virt, how);
    must_not_return(t);
}

void test_die_null(struct selftest *t)
{
    die_by_touch(t, 8, TOUCH_READ);
}

void test_die_heap_never(struct selftest *t)
{
    die_by_touch(t, HEAP_BASE + HEAP_BYTES / 2, TOUCH_WRITE);
}

void test_die_heap_freed(struct selftest *t)
{
    u8 *run = heap_alloc(PAGE_BYTES * 2);
    run[0] = 1;
    heap_free(run);
    die_by_touch(t, virt_of(run).raw, TOUCH_READ);
}

void test_die_heap_guard(struct selftest *t)
{
    u8 *run = heap_alloc(PAGE_BYTES * 2);
    die_by_touch(t, virt_of(run).raw + 2 * PAGE_BYTES, TOUCH_WRITE);
}

/* Deeper and deeper; the volatile buffer keeps the compiler from making it a loop. */
static NOINLINE u64 recurse(u64 depth)
{
    volatile u8 room[512];
    room[depth % sizeof(room)] = (u8)depth;
    if (depth == 0) /* never: so that the compiler does not see an endless recursion */
        return 0;
    return recurse(depth + 1) + room[depth % sizeof(room)];
}

void test_die_stack_overflow(struct selftest *t)
{
    CHECK(t, recurse(1) == 0);
    must_not_return(t);
}

void test_die_text_write(struct selftest *t)
{
    die_by_touch(t, (u64)(uintptr_t)memset, TOUCH_WRITE);
}

void test_die_execute_data(struct selftest *t)
{
    static u8 code[] = {0xC3};
    die_by_touch(t, virt_of(code).raw, TOUCH_EXECUTE);
}

void test_die_not_canonical(struct selftest *t)
{
    die_by_touch(t, 0xDEAD000000001000, TOUCH_WRITE);
}

void test_die_undefined(struct selftest *t)
{
    __asm__ volatile("ud2");
    must_not_return(t);
}

void test_die_divide(struct selftest *t)
{
    __asm__ volatile("xorl %%edx, %%edx; movl $1, %%eax; xorl %%ecx, %%ecx; divl %%ecx"
                     :
                     :
                     : "eax", "ecx", "edx");
    must_not_return(t);
}

void test_die_assert(struct selftest *t)
{
    log_debug("nobody saw this");
    ASSERT(handover.info.magic == 0);
    must_not_return(t);
}

void test_die_double_free(struct selftest *t)
{
    void *object = heap_alloc(40);
    void *keep = heap_alloc(40);
    heap_free(object);
    heap_free(object);
    heap_free(keep);
    must_not_return(t);
}

void test_die_bad_free(struct selftest *t)
{
    u8 *object = heap_alloc(100);
    heap_free(object + 16);
    must_not_return(t);
}

void test_die_init_order(struct selftest *t)
{
    init_done(INIT_HEAP);
    must_not_return(t);
}

/* The classic: a physical address used as a pointer. */
void test_die_physical_pointer(struct selftest *t)
{
    die_by_touch(t, handover.info.kernel_phys + 0x1000, TOUCH_READ);
}

void test_die_nmi(struct selftest *t)
{
    __asm__ volatile("int $2" : : : "memory");
    must_not_return(t);
}

void test_die_triple_fault(struct selftest *t)
{
    struct table_register none = {0};
    lidt(&none);
    __asm__ volatile("int3");
    must_not_return(t);
}
