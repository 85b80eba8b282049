/* SPDX-License-Identifier: MIT
 *
 * For the explainers of #GP and #SS only: what they look at together.
 */
#ifndef PLINTH_KERNEL_TRAP_EVIDENCE_H
#define PLINTH_KERNEL_TRAP_EVIDENCE_H

#include "kernel/instruction.h"
#include "kernel/symbols.h"
#include "kernel/trap_explain.h"

struct evidence {
    const struct trap_frame *frame;
    struct instruction instruction;
    bool read; /* the instruction was there and known */
    u64 registers[16];
    char who[SYMBOL_PLACE_BYTES];
};

static inline bool evidence_is_opcode(const struct evidence *evidence,
                                      enum instruction_map map, u8 opcode)
{
    return evidence->read && evidence->instruction.map == map &&
           evidence->instruction.opcode == opcode;
}

/* A jump, call or return to where no address is; false: it was none. */
bool trap_explain_target(const struct evidence *evidence, struct trap_explanation *out);

/* Behind the cause, when all bytes of what was taken for a pointer are printable:
 * which text they are. */
void trap_text_append(u64 value, struct trap_explanation *out);

#endif
