/* SPDX-License-Identifier: MIT
 *
 * Reads one x86-64 instruction as far as its memory operand: enough to say which
 * address a #GP was about. Legacy and REX prefixes, the one-byte, 0F, 0F 38 and 0F 3A
 * maps; VEX and EVEX are called unknown. Pure; built for the host as well.
 */
#ifndef PLINTH_KERNEL_INSTRUCTION_H
#define PLINTH_KERNEL_INSTRUCTION_H

#include "kernel/base/types.h"

#define INSTRUCTION_BYTES_MAX 15
#define OPERAND_TEXT_BYTES    40

enum instruction_map { MAP_ONE_BYTE, MAP_0F, MAP_0F38, MAP_0F3A };

/* Register numbers as encoded: 0 RAX .. 15 R15. */
#define REGISTER_NONE 0xFF
#define REGISTER_RSP  4
#define REGISTER_RBP  5
#define REGISTER_RSI  6
#define REGISTER_RDI  7

struct instruction {
    enum instruction_map map;
    u8 opcode;
    bool has_modrm;
    u8 mod, reg, rm; /* reg and rm with their REX bits */
    bool has_memory; /* an explicit or implicit memory operand, described by the rest */
    bool rip_relative;
    u8 base; /* or REGISTER_NONE */
    u8 index;
    u8 scale;   /* 1, 2, 4, 8 */
    u8 second;  /* base of a second operand: string instructions; or REGISTER_NONE */
    u8 segment; /* prefix byte 64h or 65h, or 0 */
    int64_t displacement;
};

/* False: cut short, or not an encoding that is known here. */
bool instruction_read(const u8 *bytes, u64 count, struct instruction *out);

/* base + index * scale + displacement; registers[16] in encoding order. Not for
 * rip_relative, and without a segment's base. */
u64 instruction_address(const struct instruction *instruction, const u64 registers[16]);

/* "[rbx+rcx*8+0x10]"; returns out. */
const char *instruction_operand_text(const struct instruction *instruction,
                                     char out[OPERAND_TEXT_BYTES]);

const char *register_name(u8 number);

#endif
