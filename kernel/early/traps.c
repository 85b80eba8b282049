/* SPDX-License-Identifier: MIT
 *
 * The early IDT, and the report of a trap. What it means: kernel/early/explain.c.
 */
#include "kernel/early/traps.h"

#include "kernel/arch/idt.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/trap_frame.h"
#include "kernel/early/boot_recorder.h"
#include "kernel/early/early.h"
#include "kernel/early/explain.h"
#include "kernel/early/walk.h"

#define STUB_BYTES  5
#define CALLERS_MAX 8

extern const u8 early_trap_stubs[];

static struct idt_gate early_idt[VECTOR_COUNT] ALIGNED(16);
static u32 depth;

void early_traps_init(void)
{
    struct table_register table = {sizeof(early_idt) - 1, early_idt_base()};

    for (u32 vector = 0; vector < VECTOR_COUNT; vector++)
        idt_gate_set(&early_idt[vector], early_stub_base() + (u64)vector * STUB_BYTES,
                     1);
    lidt(&table);
}

u64 early_idt_base(void)
{
    return (u64)(uintptr_t)early_idt;
}

u64 early_stub_base(void)
{
    return (u64)(uintptr_t)early_trap_stubs;
}

static void walk_print(u64 virt, u32 want)
{
    char why[WALK_TEXT_BYTES];
    struct early_walk walk;
    bool refused;
    u32 at;

    early_walk(read_cr3(), virt, &walk);
    refused = early_walk_refuses(&walk, want, &at, why);
    early_print("  walk of V:%016lx, CR3 P:%#lx\n", virt, read_cr3());
    for (u32 i = 0; i < walk.count; i++)
        early_print("  %4s[%3u] %016lx%s%s%s%s%s%s\n", early_walk_table(i),
                    walk.slot[i], walk.entry[i], walk.entry[i] & 1 ? " P" : " empty",
                    walk.entry[i] & 2 ? " W" : "", walk.entry[i] & 4 ? " U" : "",
                    walk.entry[i] >> 63 ? " NX" : "",
                    refused && i == at ? "  <== " : "", refused && i == at ? why : "");
}

static void registers_print(const struct early_frame *f)
{
    early_print("  rax %016lx rbx %016lx rcx %016lx\n", f->rax, f->rbx, f->rcx);
    early_print("  rdx %016lx rsi %016lx rdi %016lx\n", f->rdx, f->rsi, f->rdi);
    early_print("  rbp %016lx rsp %016lx r8  %016lx\n", f->rbp, f->rsp, f->r8);
    early_print("  r9  %016lx r10 %016lx r11 %016lx\n", f->r9, f->r10, f->r11);
    early_print("  r12 %016lx r13 %016lx r14 %016lx\n", f->r12, f->r13, f->r14);
    early_print("  r15 %016lx rip %016lx cs %02lx ss %02lx\n", f->r15, f->rip, f->cs,
                f->ss);
    early_print("  cr0 %08lx cr2 %016lx cr3 %lx\n", read_cr0(), read_cr2(), read_cr3());
    early_print("  cr4 %lx efer %03lx flags %lx\n", read_cr4(), rdmsr(MSR_EFER),
                f->rflags);
}

/* Frame pointers, each checked before it is followed. */
static void backtrace_print(const struct early_frame *frame)
{
    char place[EARLY_PLACE_BYTES];
    u64 rbp = frame->rbp;

    early_print("  at %016lx %s\n", frame->rip, early_place(frame->rip, place));
    for (u32 i = 0; i < CALLERS_MAX && rbp % 8 == 0 && early_is_mapped(rbp, 16); i++) {
        const u64 *link = (const u64 *)rbp;

        if (link[1] == 0)
            return;
        early_print("  at %016lx %s\n", link[1], early_place(link[1], place));
        if (link[0] <= rbp)
            return;
        rbp = link[0];
    }
}

NORETURN void early_trap(const struct early_frame *frame)
{
    struct early_story story = {.frame = frame, .cr2 = read_cr2()};

    story.vector = (frame->stub - early_stub_base()) / STUB_BYTES - 1;
    if (depth++ != 0) {
        if (depth == 2)
            early_print("plinth: EA-%02u trap %lu at V:%lx, CR2 V:%lx, while the death "
                        "above was told\n",
                        EA_EXCEPTION, story.vector, frame->rip, story.cr2);
        early_leave();
    }
    early_explain(&story);

    struct death_spot spot = {frame->rip, story.cr2, read_cr3(), frame->rsp};
    early_death_begin(story.code, &spot, story.sentence);
    if (story.code == EA_PAGE_FAULT)
        walk_print(story.cr2, early_wanted_by(frame->error_code));
    registers_print(frame);
    if (story.cause[0] != '\0')
        early_print("  likely: %s\n", story.cause);
    backtrace_print(frame);
    early_death_end(story.code);
}
