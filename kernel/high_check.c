/* SPDX-License-Identifier: MIT
 *
 * The last look before the identity map goes.
 */
#include "kernel/high_check.h"
#include "kernel/arch/gdt.h"
#include "kernel/base/format.h"
#include "kernel/base/panic.h"
#include "kernel/boot/layout.h"
#include "mm/kernel_stack.h"
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

/* Which stack each IST of the TSS is for. */
static const struct {
    u32 slot;
    char name[16];
} ist_stacks[IST_COUNT + 1] = {
    [IST_DOUBLE_FAULT] = {STACK_SLOT_DOUBLE_FAULT, "double fault"},
    [IST_NMI] = {STACK_SLOT_NMI, "NMI"},
    [IST_MACHINE_CHECK] = {STACK_SLOT_MACHINE_CHECK, "machine check"},
    [IST_DEBUG] = {STACK_SLOT_DEBUG, "#DB"},
};

static NORETURN void ist_die(u32 index, u64 found)
{
    u64 top = stack_slot_top(ist_stacks[index].slot), below = top - found;
    char what[64] = "that is in no trap's stack";

    if (found == 0)
        format(what, sizeof(what), "it was never set");
    else if (below == STACK_BYTES)
        format(what, sizeof(what), "that is its lowest address, and pushes go down");
    else if (below < STACK_BYTES)
        format(what, sizeof(what), "that is inside, %lu bytes below it", below);
    for (u32 other = 1; other <= IST_COUNT; other++)
        if (found == stack_slot_top(ist_stacks[other].slot))
            format(what, sizeof(what), "that is the top of the %s stack",
                   ist_stacks[other].name);
    panic_code(CODE_CP_07,
               "IST%u of the TSS is V:%016lx, expected the top of the %s stack, "
               "V:%016lx: %s",
               index, found, ist_stacks[index].name, top, what);
}

void high_check_ist(const struct percpu *cpu)
{
    for (u32 index = 1; index <= IST_COUNT; index++)
        if (cpu->tss.ist[index - 1] != stack_slot_top(ist_stacks[index].slot))
            ist_die(index, cpu->tss.ist[index - 1]);
}

void high_check_tables(void)
{
    struct table_register gdt = sgdt(), idt = sidt();

    table_check("GDTR", gdt.base, gdt.limit + 1UL);
    table_check("IDTR", idt.base, idt.limit + 1UL);
    if (str() != SEL_TSS || gdt.limit < SEL_TSS + 15)
        panic_code(CODE_CP_03, "TR is %#x in a table of %u bytes, expected %#x", str(),
                   gdt.limit + 1, SEL_TSS);
    table_check("TR", tss_descriptor_read(tss_descriptor(gdt.base)).base,
                sizeof(struct tss));
    for (u32 index = 1; index <= IST_COUNT; index++)
        table_check("a stack of the TSS", stack_slot_top(ist_stacks[index].slot) - 8,
                    8);
}
