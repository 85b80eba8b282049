/* SPDX-License-Identifier: MIT
 *
 * The last look before the identity map goes.
 */
#include "kernel/high_check.h"
#include "kernel/arch/gdt.h"
#include "kernel/base/panic.h"
#include "kernel/base/string.h"
#include "kernel/boot/layout.h"
#include "mm/page_table.h"

#define STACK_ALIGN 16

void high_check_stack(const void *frame)
{
    u64 at = (u64)(uintptr_t)frame;
    u64 top = STACKS_BASE + (STACK_SLOT_BOOT + 1) * STACK_SLOT_BYTES;

    if (at - (top - STACK_BYTES) >= STACK_BYTES)
        panic_code(CODE_CP_03,
                   "the stack pointer V:%#lx is not in the boot stack V:%#lx..%#lx: it "
                   "was not loaded with the new tables",
                   at, top - STACK_BYTES, top);
    /* A function that C may call finds RSP + 8 aligned, so its frame is. */
    if (at % STACK_ALIGN != 0)
        panic_code(CODE_CP_04,
                   "kernel_main was entered with a misaligned stack: its frame is at "
                   "V:%#lx, expected a multiple of %u (System V ABI: RSP + 8 at entry)",
                   at, STACK_ALIGN);
}

/* What the CPU reads by itself must lie in the upper half and be mapped there. */
static void table_check(const char *name, u64 base, u64 bytes)
{
    struct pt_walk walk;

    if (base >> 47 != 0x1FFFF)
        panic_code(
            CODE_CP_03,
            "%s holds V:%#lx, in the lower half: it is lost with the identity map",
            name, base);
    page_table_walk_raw(read_cr3(), base + bytes - 1, &walk);
    if (walk.end != PT_LEAF)
        panic_code(CODE_CP_03, "%s holds V:%#lx, where nothing is mapped", name, base);
}

static void trap_stack_check(u32 index, u64 top)
{
    if (top - STACKS_BASE >= STACKS_BYTES || top % STACK_ALIGN != 0)
        panic_code(CODE_CP_03,
                   "IST%u of the TSS is V:%#lx, expected the aligned top of a kernel "
                   "stack",
                   index, top);
    table_check("a stack of the TSS", top - 8, 8);
}

void high_check_tables(void)
{
    struct table_register gdt = sgdt(), idt = sidt();
    u64 base;

    table_check("GDTR", gdt.base, gdt.limit + 1UL);
    table_check("IDTR", idt.base, idt.limit + 1UL);
    if (str() != SEL_TSS || gdt.limit < SEL_TSS + 15)
        panic_code(CODE_CP_03, "TR is %#x in a table of %u bytes, expected %#x", str(),
                   gdt.limit + 1, SEL_TSS);
    base = tss_descriptor_read(tss_descriptor(gdt.base)).base;
    table_check("TR", base, sizeof(struct tss));
    for (u32 index = 1; index <= IST_COUNT; index++) {
        u64 top;

        memcpy(&top,
               (const u8 *)base + __builtin_offsetof(struct tss, ist) + 8 * (index - 1),
               sizeof(top));
        trap_stack_check(index, top);
    }
}
