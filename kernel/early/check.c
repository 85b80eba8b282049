/* SPDX-License-Identifier: MIT
 *
 * What must hold before a step from which nothing can be told any more.
 */
#include "kernel/arch/gdt.h"
#include "kernel/early/early.h"
#include "kernel/early/handover.h"
#include "kernel/early/image.h"
#include "kernel/early/reloc.h"
#include "kernel/early/traps.h"
#include "kernel/early/walk.h"

/* A loader that forgets .bss, or clears a part of it, leaves rubbish everywhere in the
 * rest: one word in each BSS_STEP bytes tells, and the last one. */
#define BSS_STEP 256

extern const u64 text_mark, rodata_mark, data_mark;

/* Words that stand in .text themselves: constants may be what is missing. */
#define IN_TEXT __attribute__((section(".text.words"), aligned(1)))

static const char cut_text[] IN_TEXT =
    "\nplinth: EA-12 the image is cut: the end of its code is missing in memory, the "
    "loader read too little of it\n  explained in docs/errors/EA-12.md\n";
static const char cut_rodata[] IN_TEXT =
    "\nplinth: EA-12 the image is cut: the end of its constants is missing in memory, "
    "the loader read too little of it\n  explained in docs/errors/EA-12.md\n";
static const char cut_data[] IN_TEXT =
    "\nplinth: EA-12 the image is cut: the end of its data is missing in memory, the "
    "loader read too little of it\n  explained in docs/errors/EA-12.md\n";

static void marks_check(void)
{
    if (text_mark != IMAGE_MARK)
        early_die_plain(cut_text);
    if (rodata_mark != IMAGE_MARK)
        early_die_plain(cut_rodata);
    if (data_mark != IMAGE_MARK)
        early_die_plain(cut_data);
}

static void bss_check(void)
{
    u64 bytes = (u64)(bss_end - bss_begin) & ~7UL, found = 0, at;

    for (at = 0; at < bytes && found == 0; at += BSS_STEP)
        found = *(const volatile u64 *)(bss_begin + at);
    if (found == 0)
        found = *(const volatile u64 *)(bss_begin + (at = bytes - 8));
    else
        at -= BSS_STEP;
    if (found == 0)
        return;
    /* Whoever tells it needs variables of its own. */
    memset(bss_begin, 0, (u64)(bss_end - bss_begin));
    early_die(EA_BSS,
              "image+%#lx in .bss is %#lx, expected 0: the loader did not zero the "
              "memory that the file does not carry",
              image_offset(bss_begin) + at, found);
}

void image_check(void)
{
    marks_check();
    bss_check();
}

static void must_be(bool good, const char *what, u64 found, const char *expected)
{
    if (!good)
        early_die(EA_BOOT_INFO, "the loader left %s %#lx, expected %s", what, found,
                  expected);
}

void contract_check(const void *frame)
{
    u64 efer = rdmsr(MSR_EFER), cr0 = read_cr0(), at = (u64)(uintptr_t)frame;

    must_be(efer & EFER_NXE, "EFER", efer,
            "NXE (bit 11) set: without it no-execute is a reserved bit");
    must_be(cr0 & CR0_WP, "CR0", cr0, "WP (bit 16) set");
    must_be(!(cr0 & (CR0_CD | CR0_NW)), "CR0", cr0, "CD and NW clear");
    must_be((rflags_read() & (RFLAGS_IF | RFLAGS_DF)) == 0, "RFLAGS", rflags_read(),
            "IF and DF clear");
    must_be(read_cr3() == BOOT_PML4_PHYS, "CR3", read_cr3(), "the boot tables");
    must_be(at > EARLY_STACK_PHYS && at < EARLY_STACK_TOP, "the stack at", at,
            "the early stack of layout.h");
    must_be(at % 16 == 0, "a misaligned stack at", at,
            "a frame at a multiple of 16, as after a call");
}

void relocations_check(void)
{
    const struct elf_rela *rela = (const struct elf_rela *)(const void *)rela_begin;
    u64 count = (u64)(rela_end - rela_begin) / sizeof(*rela);

    for (u64 i = 0; i < count; i++) {
        u64 found, expected = handover.image_virt + rela[i].addend;

        memcpy(&found, image_begin + rela[i].offset, sizeof(found));
        if (found != expected)
            early_die(EA_RELOCATION,
                      "relocation %lu of %lu: the pointer at image+%#lx is %#lx after "
                      "relocating, expected %#lx; %s",
                      i, count, rela[i].offset, found, expected,
                      found == rela[i].addend || found == 0
                          ? "it was not applied"
                          : "it was applied with another base");
    }
}

/* --- the move --- */

static void must_map(u64 address, u32 want, const char *what)
{
    char why[WALK_TEXT_BYTES];
    struct early_walk walk;
    u32 entry;

    early_walk(handover.root_phys, address, &walk);
    if (early_walk_refuses(&walk, want, &entry, why))
        early_die(EA_MOVE, "the new tables do not map %s at V:%#lx%s: %s", what,
                  address,
                  want == WANT_EXECUTE ? " for execution"
                  : want == WANT_WRITE ? " for writing"
                                       : "",
                  why);
}

static void must_map_to(u64 address, u64 phys, const char *what)
{
    struct early_walk walk;

    early_walk(handover.root_phys, address, &walk);
    if (walk.end == WALK_LEAF && walk.phys != phys)
        early_die(EA_MOVE, "the new tables map %s at V:%#lx to P:%#lx, expected P:%#lx",
                  what, address, walk.phys, phys);
}

void move_check(u64 stack_top, u64 target)
{
    u64 gdt = sgdt().base, tss = tss_descriptor_read(tss_descriptor(gdt)).base,
        fault_stack;

    memcpy(&fault_stack, (const u8 *)tss + __builtin_offsetof(struct tss, ist), 8);
    must_map((u64)(uintptr_t)early_jump, WANT_EXECUTE, "the code that loads CR3");
    must_map(stack_top - 8, WANT_WRITE, "the kernel's stack");
    must_map(stack_top - STACK_BYTES, WANT_WRITE, "the kernel's stack");
    must_map(target, WANT_EXECUTE, "the kernel's code");
    must_map_to(target, target - handover.image_virt + handover.info.kernel_phys,
                "the kernel's code");
    must_map(handover.image_virt + image_offset(rodata_begin), WANT_READ,
             "the kernel's constants");
    must_map(handover.image_virt + image_offset(bss_end) - 8, WANT_WRITE,
             "the kernel's data");
    must_map(sidt().base, WANT_READ, "the interrupt table (IDTR)");
    must_map(early_stub_base(), WANT_EXECUTE, "the code that tells of traps");
    must_map(gdt, WANT_READ, "the descriptor table (GDTR)");
    must_map(tss, WANT_READ, "the TSS (TR)");
    must_map(fault_stack - 8, WANT_WRITE, "the stack of the trap handlers");
    if (handover.info.recorder_on)
        must_map(RECORDER_VIRT, WANT_WRITE, "the flight recorder");
}
