/* SPDX-License-Identifier: MIT
 *
 * What a trap means before the kernel stands.
 */
#include "kernel/early/explain.h"

#include "kernel/arch/idt.h"
#include "kernel/arch/instr.h"
#include "kernel/base/format.h"
#include "kernel/early/handover.h"
#include "kernel/early/image.h"
#include "kernel/early/walk.h"
#include "kernel/instruction.h"
#include "mm/addr.h"

#define PIC_FIRST_BIOS   8 /* vectors that the BIOS gave the controllers */
#define PIC_SECOND_BIOS  0x70
#define PIC_FIRST        0x20 /* ports */
#define PIC_SECOND       0xA0
#define PIC_READ_SERVICE 0x0B /* OCW3: the next read tells what is being served */
#define PIC_LINES_EACH   8

static bool is_in_image(u64 address, u64 base, u64 *offset)
{
    *offset = address - base;
    return base != 0 && *offset < image_offset(image_end);
}

const char *early_place(u64 address, char out[EARLY_PLACE_BYTES])
{
    u64 offset;

    if (is_in_image(address, (u64)(uintptr_t)image_begin, &offset))
        format(out, EARLY_PLACE_BYTES, "image+0x%lx", offset);
    else if (is_in_image(address, handover.image_virt, &offset))
        format(out, EARLY_PLACE_BYTES, "image+0x%lx, moved", offset);
    else
        format(out, EARLY_PLACE_BYTES, "V:%016lx", address);
    return out;
}

/* What lies at an address, for people. */
static const char *kind_of(u64 address)
{
    u64 offset;

    if (address < NULL_GUARD_BYTES)
        return "the null page";
    if (address - EARLY_GUARD_PHYS < PAGE_BYTES)
        return "the guard below the early stack";
    if (is_in_image(address, (u64)(uintptr_t)image_begin, &offset))
        return "the image where it was loaded";
    if (is_in_image(address, handover.image_virt, &offset))
        return "the image where it moves to";
    if (address < BOOT_MAP_END)
        return "the identity map";
    if (address < USER_END)
        return "beyond the identity map, which ends at 4 GiB";
    if (address - DIRECT_MAP_BASE < DIRECT_MAP_BYTES)
        return "the direct map";
    if (address - STACKS_BASE < STACKS_BYTES)
        return "the kernel stacks";
    return "no place that is mapped yet";
}

u32 early_wanted_by(u64 error)
{
    return error & PF_FETCH ? WANT_EXECUTE : error & PF_WRITE ? WANT_WRITE : WANT_READ;
}

static const char *verb_of(u64 error)
{
    return error & PF_FETCH   ? "execution of"
           : error & PF_WRITE ? "write to"
                              : "read of";
}

static void page_fault_cause(struct early_story *story)
{
    const struct early_frame *frame = story->frame;
    u64 address = story->cr2, offset;

    if (address < NULL_GUARD_BYTES)
        format(story->cause, EARLY_LINE_BYTES,
               "a null pointer, or a member of an object there");
    else if (address - EARLY_GUARD_PHYS < PAGE_BYTES)
        format(story->cause, EARLY_LINE_BYTES,
               "the early stack of %u bytes is used up: RSP is V:%lx",
               EARLY_STACK_TOP - EARLY_STACK_PHYS, frame->rsp);
    else if (is_in_image(address, handover.image_virt, &offset) &&
             read_cr3() == BOOT_PML4_PHYS)
        format(story->cause, EARLY_LINE_BYTES,
               "a pointer that is right only after the move was used before it "
               "(image+0x%lx)",
               offset);
    else if (address >= BOOT_MAP_END && address < USER_END)
        format(story->cause, EARLY_LINE_BYTES,
               "a physical address beyond the 4 GiB that are mapped now, or rubbish");
}

static void page_fault_explain(struct early_story *story)
{
    u64 error = story->frame->error_code;
    char why[WALK_TEXT_BYTES];
    struct early_walk walk;
    u32 entry;

    early_walk(read_cr3(), story->cr2, &walk);
    if (!early_walk_refuses(&walk, early_wanted_by(error), &entry, why))
        format(why, sizeof(why),
               "the tables allow it now: a stale TLB entry, or they "
               "changed meanwhile");
    story->code = EA_PAGE_FAULT;
    format(story->sentence, EARLY_LINE_BYTES, "%s V:%016lx (%s) by %s: %s",
           verb_of(error), story->cr2, kind_of(story->cr2), story->place, why);
    page_fault_cause(story);
}

/* Which line of the interrupt controllers a vector is, as the BIOS left them; -1: none.
 */
static int bios_line(u64 vector)
{
    if (vector - PIC_FIRST_BIOS < PIC_LINES_EACH)
        return (int)(vector - PIC_FIRST_BIOS);
    if (vector - PIC_SECOND_BIOS < PIC_LINES_EACH)
        return (int)(vector - PIC_SECOND_BIOS) + PIC_LINES_EACH;
    return -1;
}

static u8 in_service(u16 port)
{
    outb(port, PIC_READ_SERVICE);
    return inb(port);
}

static void interrupt_explain(struct early_story *story)
{
    int line = bios_line(story->vector);

    story->code = EA_INTERRUPT;
    if (line < 0) {
        format(story->sentence, EARLY_LINE_BYTES, "interrupt on vector %lu at %s",
               story->vector, story->place);
    } else {
        format(story->sentence, EARLY_LINE_BYTES,
               "interrupt on vector %lu at %s: IRQ %d%s of a PIC that still has the "
               "vectors of the BIOS",
               story->vector, story->place, line, line == 0 ? ", the timer," : "");
    }
    format(story->cause, EARLY_LINE_BYTES,
           "interrupts were let in before the kernel is ready: IF was %s, PICs serve "
           "%#x and %#x, %s",
           story->frame->rflags & RFLAGS_IF ? "set" : "clear", in_service(PIC_FIRST),
           in_service(PIC_SECOND),
           story->frame->error_code == EARLY_NO_CODE ? "no error code was pushed"
                                                     : "an error code was pushed");
}

/* The memory operand of the instruction at RIP, when it can be read and is the reason.
 */
static bool operand_is_bad(const struct early_frame *frame, u64 *address,
                           char operand[OPERAND_TEXT_BYTES])
{
    const u64 registers[16] = {frame->rax, frame->rcx, frame->rdx, frame->rbx,
                               frame->rsp, frame->rbp, frame->rsi, frame->rdi,
                               frame->r8,  frame->r9,  frame->r10, frame->r11,
                               frame->r12, frame->r13, frame->r14, frame->r15};
    struct instruction instruction;

    if (!early_is_mapped(frame->rip, INSTRUCTION_BYTES_MAX) ||
        !instruction_read((const u8 *)(uintptr_t)frame->rip, INSTRUCTION_BYTES_MAX,
                          &instruction) ||
        !instruction.has_memory || instruction.rip_relative)
        return false;
    *address = instruction_address(&instruction, registers);
    instruction_operand_text(&instruction, operand);
    return !virt_is_canonical(virt_make(*address));
}

static void protection_cause(struct early_story *story)
{
    char operand[OPERAND_TEXT_BYTES];
    u64 address;

    if (story->frame->error_code != 0)
        format(story->cause, EARLY_LINE_BYTES,
               "selector %#lx, or the descriptor or gate behind it, is bad",
               story->frame->error_code & ~7UL);
    else if (operand_is_bad(story->frame, &address, operand))
        format(story->cause, EARLY_LINE_BYTES,
               "memory operand %s = V:%016lx is not canonical", operand, address);
}

/* A double fault hides the first one; a stack that cannot be written is the usual one.
 */
static void double_fault_cause(struct early_story *story)
{
    char why[WALK_TEXT_BYTES];
    struct early_walk walk;
    u32 entry;

    early_walk(read_cr3(), story->frame->rsp - 8, &walk);
    if (early_walk_refuses(&walk, WANT_WRITE, &entry, why))
        format(story->cause, EARLY_LINE_BYTES,
               "the stack pointer V:%016lx has no memory: %s", story->frame->rsp, why);
    else
        format(story->cause, EARLY_LINE_BYTES,
               "CR2 is V:%016lx, perhaps of the fault that could not be delivered",
               story->cr2);
}

static void opcode_cause(struct early_story *story)
{
    const u8 *at = (const u8 *)(uintptr_t)story->frame->rip;

    if (!early_is_mapped(story->frame->rip, 4))
        return;
    format(story->cause, EARLY_LINE_BYTES, "the bytes there are %02x %02x %02x %02x%s",
           at[0], at[1], at[2], at[3],
           (at[0] | at[1]) == 0 ? ": no code was loaded there, or a jump went wild"
                                : "");
}

static void exception_explain(struct early_story *story)
{
    bool has_code = story->frame->error_code != EARLY_NO_CODE;

    story->code = EA_EXCEPTION;
    if (has_code)
        format(story->sentence, EARLY_LINE_BYTES,
               "%s (vector %lu, error code %#lx) at %s", vector_name(story->vector),
               story->vector, story->frame->error_code, story->place);
    else
        format(story->sentence, EARLY_LINE_BYTES, "%s (vector %lu) at %s",
               vector_name(story->vector), story->vector, story->place);
    if (story->vector == VECTOR_PROTECTION || story->vector == VECTOR_STACK)
        protection_cause(story);
    else if (story->vector == VECTOR_DOUBLE_FAULT)
        double_fault_cause(story);
    else if (story->vector == VECTOR_OPCODE)
        opcode_cause(story);
}

static bool is_interrupt(const struct early_story *story)
{
    bool has_code = story->frame->error_code != EARLY_NO_CODE;

    return story->vector >= EXCEPTION_COUNT ||
           (bios_line(story->vector) >= 0 && !has_code);
}

void early_explain(struct early_story *story)
{
    early_place(story->frame->rip, story->place);
    if (is_interrupt(story))
        interrupt_explain(story);
    else if (story->vector == VECTOR_PAGE_FAULT)
        page_fault_explain(story);
    else
        exception_explain(story);
}
