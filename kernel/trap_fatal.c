/* SPDX-License-Identifier: MIT
 *
 * Printing a fatal trap.
 */
#include "kernel/trap_fatal.h"
#include "drivers/pic.h"
#include "kernel/arch/control.h"
#include "kernel/arch/idt.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/percpu.h"
#include "kernel/base/atomic.h"
#include "kernel/base/format.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/death.h"
#include "kernel/recorder_hooks.h"
#include "kernel/trap_explain.h"
#include "mm/page_table.h"

#define PORT_SYSTEM_B     0x61
#define SYSTEM_B_PARITY   0x80
#define SYSTEM_B_IO_CHECK 0x40
#define MCG_BANKS_MASK    0xFF
#define MC_BANK_MSRS      4
#define MC_VALID          ((u64)1 << 63)

/* One death at a time, and its report must not grow a stack. */
static struct {
    u32 owner; /* index + 1 of the CPU that reports */
    struct trap_frame *frame;
    u64 gs_base, kernel_gs_base; /* as they were, for TRAP_GS_LOST */
    struct trap_explanation explanation;
    char text[96];
} fatal;

static void append(char *out, u64 out_bytes, u64 *used, const char *word)
{
    u64 at = MIN(*used, out_bytes);

    *used += (u64)format(out + at, out_bytes - at, " %s", word);
}

/* " P W A D G NX 2M" for what an entry says. */
static void entry_words(const struct pt_level *level, char *out, u64 out_bytes)
{
    static const struct {
        u64 bit;
        char word[4];
    } words[] = {{PTE_P, "P"},     {PTE_W, "W"}, {PTE_U, "U"}, {PTE_PWT, "PWT"},
                 {PTE_PCD, "PCD"}, {PTE_A, "A"}, {PTE_D, "D"}};
    pte_t entry = {level->entry};
    bool leaf = pte_is_leaf(entry, level->level);
    u64 used = 0;

    out[0] = '\0';
    if (!pte_is_present(entry)) {
        append(out, out_bytes, &used, level->entry == PTE_ARMED ? "armed" : "empty");
        return;
    }
    for (u32 i = 0; i < ARRAY_COUNT(words); i++)
        if (level->entry & words[i].bit)
            append(out, out_bytes, &used, words[i].word);
    if (leaf && (level->entry & PTE_G))
        append(out, out_bytes, &used, "G");
    if (level->entry & PTE_NX)
        append(out, out_bytes, &used, "NX");
    if (leaf)
        append(out, out_bytes, &used,
               level->level == 3   ? "1G"
               : level->level == 2 ? "2M"
                                   : "4K");
}

/* Why this level refuses an access with this error code, or "". */
static const char *level_mark(const struct pt_walk *walk, u32 index, u64 error_code)
{
    const struct pt_level *level = &walk->level[index];
    bool last = index + 1 == walk->level_count;

    if ((level->entry & PTE_P) == 0)
        return "  <== not present";
    if (last && walk->end == PT_RESERVED_BIT)
        return "  <== reserved bit";
    if (last && walk->end == PT_BAD_TABLE)
        return "  <== table not in RAM";
    if ((error_code & PF_PRESENT) == 0)
        return "";
    if ((error_code & PF_WRITE) && (level->entry & PTE_W) == 0)
        return "  <== not writable";
    if ((error_code & PF_FETCH) && (level->entry & PTE_NX))
        return "  <== no-execute";
    if ((error_code & PF_USER) && (level->entry & PTE_U) == 0)
        return "  <== not for ring 3";
    return "";
}

void trap_walk_print(u64 cr3, u64 virt, u64 error_code)
{
    static const char names[5][5] = {"?", "PT", "PD", "PDPT", "PML4"};
    struct pt_walk walk;
    char words[48];

    page_table_walk_raw(cr3, virt, &walk);
    log_print("  walk of V:%016lx, CR3 P:%#lx%s\n", virt, cr3,
              walk.end == PT_NOT_CANONICAL ? ": not canonical" : "");
    for (u32 i = 0; i < walk.level_count; i++) {
        const struct pt_level *level = &walk.level[i];

        entry_words(level, words, sizeof(words));
        log_print("  %4s[%3u] %016lx%s%s\n",
                  names[level->level <= 4 ? level->level : 0], level->slot,
                  level->entry, words, level_mark(&walk, i, error_code));
    }
}

static void registers_print(const struct trap_frame *f)
{
    log_print("  rax %016lx rbx %016lx rcx %016lx\n", f->rax, f->rbx, f->rcx);
    log_print("  rdx %016lx rsi %016lx rdi %016lx\n", f->rdx, f->rsi, f->rdi);
    log_print("  rbp %016lx rsp %016lx r8  %016lx\n", f->rbp, f->rsp, f->r8);
    log_print("  r9  %016lx r10 %016lx r11 %016lx\n", f->r9, f->r10, f->r11);
    log_print("  r12 %016lx r13 %016lx r14 %016lx\n", f->r12, f->r13, f->r14);
    log_print("  r15 %016lx rip %016lx cs %02lx ss %02lx\n", f->r15, f->rip, f->cs,
              f->ss);
    log_print("  cr0 %016lx cr2 %016lx cr3 %016lx\n", read_cr0(),
              f->vector == VECTOR_PAGE_FAULT ? f->cr2 : read_cr2(), read_cr3());
    control_rflags_words(f->rflags, fatal.text, sizeof(fatal.text));
    log_print("  cr4 %08lx efer %03lx flags %06lx: %s ring %lu\n", read_cr4(),
              rdmsr(MSR_EFER), f->rflags, fatal.text, f->cs & 3);
}

/* Vector and error code; the vectors that push none have nothing to say. */
static void error_print(const struct trap_frame *frame)
{
    switch (frame->vector) {
    case VECTOR_TSS:
    case VECTOR_SEGMENT:
    case VECTOR_STACK:
    case VECTOR_PROTECTION:
    case VECTOR_PAGE_FAULT:
        log_print("  %s, error code %#lx: %s\n", vector_mnemonic(frame->vector),
                  frame->error_code,
                  trap_error_words(frame, fatal.text, sizeof(fatal.text)));
        break;
    default:
        log_print("  vector %lu %s (%s), error code %#lx\n", frame->vector,
                  vector_mnemonic(frame->vector), vector_name(frame->vector),
                  frame->error_code);
    }
}

/* SDM vol. 3B, 16.3.2. Only banks with something to say. */
static void machine_check_print(void)
{
    u32 banks = (u32)(rdmsr(MSR_MCG_CAP) & MCG_BANKS_MASK);

    log_print("  MCG_STATUS %#lx, %u banks\n", rdmsr(MSR_MCG_STATUS), banks);
    for (u32 i = 0; i < banks; i++) {
        u64 status = rdmsr(MSR_MC0_STATUS + i * MC_BANK_MSRS);

        if (status & MC_VALID)
            log_print("  bank %u: status %016lx\n", i, status);
    }
}

/* What trap_explain cannot know because it reads ports. */
static void explain_nmi(struct trap_explanation *out)
{
    u8 reason = inb(PORT_SYSTEM_B);

    out->code = reason & SYSTEM_B_PARITY     ? CODE_NM_01
                : reason & SYSTEM_B_IO_CHECK ? CODE_NM_02
                                             : CODE_NM_03;
    format(out->sentence, sizeof(out->sentence), "%s (port 61h reads %#x)",
           code_text(out->code), reason);
}

/* Vectors 9 and 15 have no error code to be missed, and no CPU of today raises them:
 * the controller knows whether the interrupt is its own. */
static bool is_bios_line(const struct trap_frame *frame)
{
    u64 line = frame->vector - PIC_VECTOR_BIOS;

    return (frame->vector == 9 || frame->vector == 15) &&
           (pic_in_service() >> line & 1) != 0;
}

/* The sentence of the newest trap, with what is worse than it in front. */
static void explain_nesting(struct trap_explanation *out)
{
    char sentence[TRAP_SENTENCE_BYTES];

    format(sentence, sizeof(sentence), "%s", out->sentence);
    out->code = CODE_TR_03;
    format(out->sentence, sizeof(out->sentence),
           "%u traps are nested, each raised inside the handler of the one before: %s",
           percpu_or_boot()->trap_depth, sentence);
}

/* A program's base has gone to KERNEL_GS_BASE on the way in, and so has whatever was
 * taken for one. */
static void explain_blockless(struct trap_explanation *out)
{
    bool user = trap_from_user(fatal.frame);
    bool swapped = !user && (fatal.frame->entry_flags & TRAP_GS_SWAPPED);
    u64 found = swapped ? fatal.kernel_gs_base : fatal.gs_base;
    u64 other = swapped ? fatal.gs_base : fatal.kernel_gs_base;
    char sentence[TRAP_SENTENCE_BYTES];

    format(sentence, sizeof(sentence), "%s", out->sentence);
    out->code = CODE_CP_06;
    format(out->sentence, sizeof(out->sentence),
           "%s is V:%016lx, expected CPU 0's block, V:%016lx%s: %s",
           user ? "KERNEL_GS_BASE" : "GS base", found, (u64)(uintptr_t)&percpu_boot,
           percpu_find(other) != NULL ? ", which the other base has (SWAPGS)" : "",
           sentence);
}

static void explain(void)
{
    struct trap_explanation *out = &fatal.explanation;

    trap_explain(fatal.frame, out);
    if (is_bios_line(fatal.frame))
        trap_explain_bios_line(fatal.frame, out);
    if (percpu_or_boot()->trap_depth > TRAP_DEPTH_MAX)
        explain_nesting(out);
    if (fatal.frame->vector == VECTOR_NMI)
        explain_nmi(out);
    if (fatal.frame->vector == VECTOR_MACHINE_CHECK) {
        out->code = CODE_MC_01;
        format(out->sentence, sizeof(out->sentence),
               "machine check: the hardware is broken");
    }
    if (fatal.frame->entry_flags & TRAP_GS_LOST)
        explain_blockless(out);
}

static void report(void *unused)
{
    const struct trap_frame *frame = fatal.frame;
    const struct trap_explanation *explanation = &fatal.explanation;
    struct death_place place = {frame->rip, frame->rbp, frame->rsp};

    (void)unused;
    explain();
    panic_enter(explanation->code, explanation->sentence);
    error_print(frame);
    if (explanation->has_address)
        trap_walk_print(read_cr3(), explanation->address,
                        frame->vector == VECTOR_PAGE_FAULT ? frame->error_code : 0);
    if (frame->vector == VECTOR_MACHINE_CHECK)
        machine_check_print();
    registers_print(frame);
    if (explanation->cause[0] != '\0')
        log_print("  likely: %s\n", explanation->cause);
    death_backtrace_print(&place);
    death_end_print(explanation->code);
    panic_leave();
}

/* A death inside the report: no second look at anything, the bare facts. When even the
 * sentence was still being made, the first trap is told here, with the registers it
 * had. */
static NORETURN void die_again(const struct trap_frame *frame)
{
    const struct trap_frame *first = fatal.frame;
    char sentence[192];

    if (panic_depth() == 0) {
        format(sentence, sizeof(sentence),
               "%s at V:%016lx, CR2 V:%016lx, error code %#lx; explaining it met "
               "another %s at "
               "V:%016lx",
               vector_name(first->vector), first->rip, first->cr2, first->error_code,
               vector_name(frame->vector), frame->rip);
        panic_enter(CODE_PN_02, sentence);
        registers_print(first);
        log_print("  explained in docs/errors/PN-02.md\n");
    } else {
        format(sentence, sizeof(sentence),
               "%s at V:%016lx, CR2 V:%016lx, error code %#lx",
               vector_name(frame->vector), frame->rip, frame->cr2, frame->error_code);
        panic_enter(CODE_PN_02, sentence);
    }
    panic_leave();
}

void trap_die(struct trap_frame *frame)
{
    struct percpu *cpu = percpu_or_boot();
    u32 nobody = 0;

    if (!atomic_compare_exchange_u32(&fatal.owner, &nobody, cpu->index + 1)) {
        if (nobody != cpu->index + 1)
            halt_forever();
        recorder_exception(frame);
        die_again(frame);
    }
    cpu->no_fault_depth++;
    cpu->expectation = NULL;
    fatal.frame = frame;
    recorder_exception(frame);
    /* A panic's report may have been hit: its headline stands already. */
    if (panic_depth() != 0)
        die_again(frame);
    if (cpu->death_stack_top != 0)
        stack_call(report, NULL, cpu->death_stack_top);
    report(NULL);
    panic_leave();
}

void trap_die_blockless(struct trap_frame *frame)
{
    if (fatal.owner == 0) {
        fatal.gs_base = rdmsr(MSR_GS_BASE);
        fatal.kernel_gs_base = rdmsr(MSR_KERNEL_GS_BASE);
    }
    frame->entry_flags |= TRAP_GS_LOST | (frame->vector & VECTOR_MISFRAMED
                                              ? TRAP_MISFRAMED
                                              : 0);
    frame->vector &= ~(u64)VECTOR_MISFRAMED;
    wrmsr(MSR_GS_BASE, (u64)(uintptr_t)&percpu_boot);
    trap_die(frame);
}
