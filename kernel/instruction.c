/* SPDX-License-Identifier: MIT
 *
 * Instruction formats, SDM vol. 2A, chapter 2 and appendix A.
 */
#include "kernel/instruction.h"
#include "kernel/base/format.h"

#define REX_B 1
#define REX_X 2
#define REX_R 4

struct reader {
    const u8 *at;
    const u8 *end;
    bool cut;
};

static u8 next(struct reader *reader)
{
    if (reader->at == reader->end) {
        reader->cut = true;
        return 0;
    }
    return *reader->at++;
}

/* count bytes, little-endian, sign-extended. */
static int64_t next_signed(struct reader *reader, u32 count)
{
    u64 value = 0;

    for (u32 i = 0; i < count; i++)
        value |= (u64)next(reader) << (8 * i);
    if (count != 0 && count < 8 && (value >> (8 * count - 1) & 1))
        value |= ~(u64)0 << (8 * count);
    return (int64_t)value;
}

static bool is_prefix(u8 byte)
{
    switch (byte) {
    case 0x26:
    case 0x2E:
    case 0x36:
    case 0x3E: /* ES, CS, SS, DS */
    case 0x64:
    case 0x65: /* FS, GS */
    case 0x66:
    case 0x67: /* operand and address size */
    case 0xF0:
    case 0xF2:
    case 0xF3: /* LOCK, REPNE, REP */
        return true;
    default:
        return false;
    }
}

static bool one_byte_has_modrm(u8 opcode)
{
    if (opcode < 0x40)
        return (opcode & 7) < 4;
    if (opcode >= 0x80 && opcode <= 0x8F)
        return true;
    if (opcode >= 0xD0 && opcode <= 0xDF)
        return opcode <= 0xD3 || opcode >= 0xD8;
    switch (opcode) {
    case 0x63:
    case 0x69:
    case 0x6B:
    case 0xC0:
    case 0xC1:
    case 0xC6:
    case 0xC7:
    case 0xF6:
    case 0xF7:
    case 0xFE:
    case 0xFF:
        return true;
    default:
        return false;
    }
}

static bool two_byte_has_modrm(u8 opcode)
{
    if (opcode >= 0x30 && opcode <= 0x37) /* WRMSR .. GETSEC */
        return false;
    if (opcode >= 0x80 && opcode <= 0x8F) /* Jcc */
        return false;
    if (opcode >= 0xC8 && opcode <= 0xCF) /* BSWAP */
        return false;
    switch (opcode) {
    case 0x04:
    case 0x05:
    case 0x06:
    case 0x07:
    case 0x08:
    case 0x09:
    case 0x0A:
    case 0x0B:
    case 0x0C:
    case 0x0E:
    case 0x0F:
    case 0x77:
    case 0xA0:
    case 0xA1:
    case 0xA2:
    case 0xA8:
    case 0xA9:
    case 0xAA:
        return false;
    default:
        return true;
    }
}

/* String instructions and the few others whose operand is not encoded. */
static void implicit_operand(struct instruction *out)
{
    if (out->map != MAP_ONE_BYTE)
        return;
    switch (out->opcode) {
    case 0xA4:
    case 0xA5:
    case 0xA6:
    case 0xA7: /* MOVS, CMPS */
        out->base = REGISTER_RSI;
        out->second = REGISTER_RDI;
        break;
    case 0xAC:
    case 0xAD:
    case 0x6E:
    case 0x6F: /* LODS, OUTS */
        out->base = REGISTER_RSI;
        break;
    case 0xAA:
    case 0xAB:
    case 0xAE:
    case 0xAF:
    case 0x6C:
    case 0x6D: /* STOS, SCAS, INS */
        out->base = REGISTER_RDI;
        break;
    case 0xC3:
    case 0xC2:
    case 0xCF:
    case 0xE8:
    case 0xC9: /* RET, IRET, CALL, LEAVE */
        out->base = REGISTER_RSP;
        break;
    default:
        if (out->opcode < 0x50 || out->opcode > 0x5F) /* PUSH, POP */
            return;
        out->base = REGISTER_RSP;
    }
    out->has_memory = true;
}

static void memory_operand(struct reader *reader, u8 rex, u8 rm,
                           struct instruction *out)
{
    u32 displacement_bytes = out->mod == 1 ? 1 : out->mod == 2 ? 4 : 0;

    out->has_memory = true;
    if (rm == 4) {
        u8 sib = next(reader);
        u8 index = (u8)((sib >> 3 & 7) | (rex & REX_X ? 8 : 0));

        out->scale = (u8)(1 << (sib >> 6));
        out->index = index == REGISTER_RSP ? REGISTER_NONE : index;
        out->base = (u8)((sib & 7) | (rex & REX_B ? 8 : 0));
        if ((sib & 7) == 5 && out->mod == 0) {
            out->base = REGISTER_NONE;
            displacement_bytes = 4;
        }
    } else if (rm == 5 && out->mod == 0) {
        out->rip_relative = true;
        displacement_bytes = 4;
    } else {
        out->base = out->rm;
    }
    out->displacement = next_signed(reader, displacement_bytes);
}

static u8 prefixes_read(struct reader *reader, struct instruction *out, u8 *opcode)
{
    u8 byte = next(reader), rex = 0;

    while (is_prefix(byte) || (byte & 0xF0) == 0x40) {
        /* REX counts only right before the opcode. */
        rex = (byte & 0xF0) == 0x40 ? byte : 0;
        if (byte == 0x64 || byte == 0x65)
            out->segment = byte;
        byte = next(reader);
        if (reader->cut)
            break;
    }
    *opcode = byte;
    return rex;
}

static void opcode_read(struct reader *reader, struct instruction *out)
{
    if (out->opcode != 0x0F) {
        out->has_modrm = one_byte_has_modrm(out->opcode);
        return;
    }
    out->map = MAP_0F;
    out->opcode = next(reader);
    out->has_modrm = two_byte_has_modrm(out->opcode);
    if (out->opcode == 0x38 || out->opcode == 0x3A) {
        out->map = out->opcode == 0x38 ? MAP_0F38 : MAP_0F3A;
        out->opcode = next(reader);
        out->has_modrm = true;
    }
}

bool instruction_read(const u8 *bytes, u64 count, struct instruction *out)
{
    struct reader reader = {bytes, bytes + MIN(count, INSTRUCTION_BYTES_MAX), false};
    u8 rex, modrm;

    *out = (struct instruction){.base = REGISTER_NONE,
                                .index = REGISTER_NONE,
                                .scale = 1,
                                .second = REGISTER_NONE};
    rex = prefixes_read(&reader, out, &out->opcode);
    /* In 64-bit mode these are VEX and EVEX. */
    if (out->opcode == 0xC4 || out->opcode == 0xC5 || out->opcode == 0x62)
        return false;
    opcode_read(&reader, out);
    if (out->has_modrm) {
        modrm = next(&reader);
        out->mod = modrm >> 6;
        out->reg = (u8)((modrm >> 3 & 7) | (rex & REX_R ? 8 : 0));
        out->rm = (u8)((modrm & 7) | (rex & REX_B ? 8 : 0));
        /* MOV to and from control and debug registers ignores mod. */
        if (out->mod != 3 &&
            !(out->map == MAP_0F && out->opcode >= 0x20 && out->opcode <= 0x23))
            memory_operand(&reader, rex, modrm & 7, out);
    } else if (out->map == MAP_ONE_BYTE && out->opcode >= 0xA0 && out->opcode <= 0xA3) {
        out->has_memory = true;
        out->displacement = next_signed(&reader, 8);
    } else {
        implicit_operand(out);
    }
    return !reader.cut;
}

u64 instruction_address(const struct instruction *instruction, const u64 registers[16])
{
    u64 address = (u64)instruction->displacement;

    if (instruction->base != REGISTER_NONE)
        address += registers[instruction->base];
    if (instruction->index != REGISTER_NONE)
        address += registers[instruction->index] * instruction->scale;
    return address;
}

const char *register_name(u8 number)
{
    static const char names[16][4] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp",
                                      "rsi", "rdi", "r8",  "r9",  "r10", "r11",
                                      "r12", "r13", "r14", "r15"};

    return number < 16 ? names[number] : "?";
}

const char *instruction_operand_text(const struct instruction *instruction,
                                     char out[OPERAND_TEXT_BYTES])
{
    u64 used = (u64)format(out, OPERAND_TEXT_BYTES, "%s[",
                           instruction->segment == 0x65   ? "gs:"
                           : instruction->segment == 0x64 ? "fs:"
                                                          : "");
    const char *plus = "";
    int64_t displacement = instruction->displacement;

    if (instruction->base != REGISTER_NONE) {
        used += (u64)format(out + used, OPERAND_TEXT_BYTES - used, "%s",
                            register_name(instruction->base));
        plus = "+";
    }
    if (instruction->index != REGISTER_NONE) {
        used += (u64)format(out + used, OPERAND_TEXT_BYTES - used, "%s%s*%u", plus,
                            register_name(instruction->index), instruction->scale);
        plus = "+";
    }
    if (displacement < 0 && *plus != '\0')
        used += (u64)format(out + used, OPERAND_TEXT_BYTES - used, "-0x%lx",
                            0 - (u64)displacement);
    else if (displacement != 0 || *plus == '\0')
        used += (u64)format(out + used, OPERAND_TEXT_BYTES - used, "%s0x%lx", plus,
                            (u64)displacement);
    /* gs:[rax+rcx*8+0xffffffffffffffff] is the longest: 33 characters. */
    format(out + used, OPERAND_TEXT_BYTES - used, "]");
    return out;
}
