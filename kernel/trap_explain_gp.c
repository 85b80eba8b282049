/* SPDX-License-Identifier: MIT
 *
 * Why a #GP or #SS came. An unmapped canonical address never causes one, so nothing
 * here speaks of mappings; an address is named only when the instruction at RIP was
 * read and its operand, computed from the registers, is not canonical.
 */
#include "kernel/arch/backtrace.h"
#include "kernel/base/format.h"
#include "kernel/trap_evidence.h"
#include "mm/addr.h"
#include "mm/heap.h"

/* Opcodes of the one-byte and the 0F map */
#define OPCODE_IRET      0xCF
#define OPCODE_WRMSR     0x30
#define OPCODE_RDMSR     0x32
#define OPCODE_MOV_TO_CR 0x22
#define OPCODE_MOV_TO_DR 0x23
#define OPCODE_GROUP_6   0x00 /* LLDT, LTR */
#define OPCODE_GROUP_7   0x01 /* LGDT, LIDT, XSETBV */
#define OPCODE_MOVAPS    0x28 /* and MOVAPD; 29: to memory */
#define OPCODE_MOVNTPS   0x2B
#define OPCODE_GROUP_15  0xAE /* reg 0: FXSAVE, 1: FXRSTOR */
#define VECTOR_ALIGN     16

/* Up to 15 bytes at RIP, fewer where they would cross into what cannot be read. */
static bool instruction_take(const struct trap_frame *frame, struct instruction *out)
{
    u64 bytes = INSTRUCTION_BYTES_MAX;

    if (trap_from_user(frame) || !virt_is_canonical(virt_make(frame->rip)))
        return false;
    while (bytes != 0 && !backtrace_is_readable(frame->rip, bytes))
        bytes--;
    return bytes != 0 &&
           instruction_read((const u8 *)(uintptr_t)frame->rip, bytes, out);
}

/* Poison mode fills what is freed; a pointer read from there consists of it. */
static bool is_freed_fill(const struct instruction *instruction,
                          const u64 registers[16])
{
    const u64 fill = HEAP_FREED_FILL * 0x0101010101010101UL;

    return (instruction->base != REGISTER_NONE &&
            registers[instruction->base] == fill) ||
           (instruction->index != REGISTER_NONE &&
            registers[instruction->index] == fill);
}

static bool explain_operand(const struct evidence *evidence,
                            struct trap_explanation *out)
{
    const struct instruction *instruction = &evidence->instruction;
    char operand[OPERAND_TEXT_BYTES];
    u8 pointer = instruction->base;
    u64 address;

    if (!evidence->read || !instruction->has_memory || instruction->rip_relative ||
        instruction->segment != 0)
        return false;
    address = instruction_address(instruction, evidence->registers);
    instruction_operand_text(instruction, operand);
    if (virt_is_canonical(virt_make(address)) && instruction->second != REGISTER_NONE) {
        pointer = instruction->second;
        address = evidence->registers[pointer];
        format(operand, sizeof(operand), "[%s]", register_name(pointer));
    }
    if (virt_is_canonical(virt_make(address)))
        return false;
    out->code = evidence->frame->vector == VECTOR_STACK ? CODE_EX_12 : CODE_GP_01;
    format(out->sentence, sizeof(out->sentence),
           "memory operand %s = V:%016lx is not canonical, in %s", operand, address,
           evidence->who);
    if (is_freed_fill(instruction, evidence->registers))
        format(out->cause, sizeof(out->cause),
               "the pointer was read from freed heap memory: every byte is %#x",
               HEAP_FREED_FILL);
    else
        format(out->cause, sizeof(out->cause),
               "a corrupted or uninitialised pointer: bits 63..47 of an address must "
               "be equal");
    /* Not that of the address: a displacement garbles it. */
    if (pointer != REGISTER_NONE)
        trap_text_append(evidence->registers[pointer], out);
    return true;
}

static bool wants_alignment(const struct instruction *instruction)
{
    u8 opcode = instruction->opcode;

    return instruction->map == MAP_0F &&
           ((opcode & ~1) == OPCODE_MOVAPS || opcode == OPCODE_MOVNTPS ||
            (opcode == OPCODE_GROUP_15 && (instruction->reg & 7) <= 1));
}

/* The ABI keeps each frame on a border of 16 bytes; compilers rely on it. */
static bool explain_alignment(const struct evidence *evidence,
                              struct trap_explanation *out)
{
    const struct instruction *instruction = &evidence->instruction;
    char operand[OPERAND_TEXT_BYTES];
    u64 address, rbp = evidence->frame->rbp;

    if (!evidence->read || !instruction->has_memory || instruction->rip_relative ||
        instruction->segment != 0 || !wants_alignment(instruction))
        return false;
    address = instruction_address(instruction, evidence->registers);
    if (address % VECTOR_ALIGN == 0)
        return false;
    instruction_operand_text(instruction, operand);
    out->code = CODE_GP_06;
    format(out->sentence, sizeof(out->sentence),
           "memory operand %s = V:%016lx is not aligned to 16 bytes, as its "
           "instruction wants it, in %s",
           operand, address, evidence->who);
    if ((instruction->base == REGISTER_RSP || instruction->base == REGISTER_RBP) &&
        rbp % VECTOR_ALIGN != 0)
        format(out->cause, sizeof(out->cause),
               "a misaligned stack: RBP V:%016lx is %lu off a border of 16 bytes", rbp,
               rbp % VECTOR_ALIGN);
    return true;
}

static bool explain_register(const struct evidence *evidence,
                             struct trap_explanation *out)
{
    const struct instruction *instruction = &evidence->instruction;
    const struct trap_frame *frame = evidence->frame;
    u64 value = frame->rdx << 32 | (frame->rax & 0xFFFFFFFF);

    if (evidence_is_opcode(evidence, MAP_0F, OPCODE_WRMSR)) {
        out->code = CODE_GP_03;
        format(out->sentence, sizeof(out->sentence),
               "WRMSR of %#lx to MSR %#x refused, in %s", value, (u32)frame->rcx,
               evidence->who);
    } else if (evidence_is_opcode(evidence, MAP_0F, OPCODE_RDMSR)) {
        out->code = CODE_GP_03;
        format(out->sentence, sizeof(out->sentence), "RDMSR of MSR %#x refused, in %s",
               (u32)frame->rcx, evidence->who);
    } else if (evidence_is_opcode(evidence, MAP_0F, OPCODE_MOV_TO_CR) ||
               evidence_is_opcode(evidence, MAP_0F, OPCODE_MOV_TO_DR)) {
        out->code = CODE_GP_04;
        format(out->sentence, sizeof(out->sentence),
               "MOV of %#lx to %s%u refused, in %s",
               evidence->registers[instruction->rm],
               instruction->opcode == OPCODE_MOV_TO_CR ? "CR" : "DR", instruction->reg,
               evidence->who);
    } else if (evidence_is_opcode(evidence, MAP_0F, OPCODE_GROUP_6) ||
               evidence_is_opcode(evidence, MAP_0F, OPCODE_GROUP_7)) {
        out->code = CODE_GP_04;
        format(out->sentence, sizeof(out->sentence),
               "load of a descriptor-table or state register refused, in %s",
               evidence->who);
    } else {
        return false;
    }
    return true;
}

static void explain_selector(const struct evidence *evidence,
                             struct trap_explanation *out)
{
    char words[80];

    out->code = evidence->frame->vector == VECTOR_STACK ? CODE_EX_12 : CODE_GP_02;
    format(out->sentence, sizeof(out->sentence), "%s refused, in %s",
           trap_error_words(evidence->frame, words, sizeof(words)), evidence->who);
}

/* Without a prefix before it IRET takes 4-byte words, in 64-bit mode too. */
static void iret_cause(const struct evidence *evidence, struct trap_explanation *out)
{
    if (evidence_is_opcode(evidence, MAP_ONE_BYTE, OPCODE_IRET) &&
        *(const u8 *)(uintptr_t)evidence->frame->rip == OPCODE_IRET)
        format(out->cause, sizeof(out->cause),
               "this IRET lacks REX.W: IRETD takes 4-byte halves, so that the upper "
               "half of RIP becomes CS; 64-bit code returns by IRETQ");
}

void trap_explain_protection(const struct trap_frame *frame,
                             struct trap_explanation *out)
{
    struct evidence evidence = {.frame = frame};

    trap_registers_take(frame, evidence.registers);
    symbol_place(frame->rip, evidence.who);
    evidence.read = instruction_take(frame, &evidence.instruction);
    if (frame->error_code != 0) {
        explain_selector(&evidence, out);
    } else if (!trap_explain_target(&evidence, out) &&
               !explain_operand(&evidence, out) && !explain_alignment(&evidence, out) &&
               !explain_register(&evidence, out)) {
        out->code = frame->vector == VECTOR_STACK ? CODE_EX_12 : CODE_GP_06;
        format(out->sentence, sizeof(out->sentence),
               "%s in %s; no operand in the registers explains it",
               frame->vector == VECTOR_STACK ? "stack-segment fault"
                                             : "general protection fault",
               evidence.who);
    }
    iret_cause(&evidence, out);
    if (frame->entry_flags & TRAP_IN_IRETQ)
        format(out->cause, sizeof(out->cause),
               "raised by the return to ring 3 itself: its frame is bad");
}
