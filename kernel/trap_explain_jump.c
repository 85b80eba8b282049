/* SPDX-License-Identifier: MIT
 *
 * Jumps, calls and returns to addresses that are none, and how to tell them apart when
 * the CPU names the target only.
 */
#include "kernel/arch/backtrace.h"
#include "kernel/base/format.h"
#include "kernel/base/string.h"
#include "kernel/death.h"
#include "kernel/trap_evidence.h"
#include "mm/addr.h"

#define OPCODE_RET     0xC3
#define OPCODE_RET_N   0xC2
#define OPCODE_GROUP_5 0xFF /* reg 2: CALL, 4: JMP */

static bool is_canonical(u64 virt)
{
    return virt_is_canonical(virt_make(virt));
}

static bool word_read(u64 at, u64 *out)
{
    if (!is_canonical(at) || !backtrace_is_readable(at, sizeof(*out)))
        return false;
    memcpy(out, (const void *)(uintptr_t)at, sizeof(*out));
    return true;
}

void trap_text_append(u64 value, struct trap_explanation *out)
{
    char text[sizeof(value) + 1] = "";
    u64 used = strlen(out->cause);

    memcpy(text, &value, sizeof(value));
    for (u32 i = 0; i < sizeof(value); i++)
        if (text[i] < ' ' || text[i] > '~')
            return;
    format(out->cause + used, sizeof(out->cause) - used,
           "%sits bytes are the text \"%s\"", used != 0 ? "; " : "", text);
}

static void return_cause(u64 at, struct trap_explanation *out)
{
    format(out->cause, sizeof(out->cause),
           "the return address at V:%016lx was overwritten", at);
}

static void target_put(const struct evidence *evidence, u64 target, const char *how,
                       struct trap_explanation *out)
{
    out->code = CODE_GP_05;
    format(out->sentence, sizeof(out->sentence),
           "%s to V:%016lx, which is not canonical, in %s", how, target, evidence->who);
}

/* What was popped lies below RSP still, unless the CPU put the trap's own frame there:
 * on the stack in use it does so whenever RSP was a multiple of 16, as it is behind
 * most returns. */
static bool was_popped(const struct evidence *evidence)
{
    u64 at = evidence->frame->rsp - 8, popped;
    bool covered = at - (u64)(uintptr_t)evidence->frame < sizeof(*evidence->frame);

    return !covered && word_read(at, &popped) && popped == evidence->frame->rip;
}

static bool register_of(const struct evidence *evidence, u64 value, u8 *number)
{
    for (*number = 0; *number < ARRAY_COUNT(evidence->registers); ++*number)
        if (evidence->registers[*number] == value)
            return true;
    return false;
}

/* Some CPUs and emulators make the jump first and refuse the target as RIP afterwards.
 * A register that holds the target was jumped through; a call has left its return
 * address; what is left is a return. */
static void explain_bad_rip(const struct evidence *evidence,
                            struct trap_explanation *out)
{
    u64 rip = evidence->frame->rip, rsp = evidence->frame->rsp, top;
    char who[SYMBOL_PLACE_BYTES];
    u8 number;

    out->code = CODE_GP_05;
    format(out->sentence, sizeof(out->sentence),
           "jump, call or return to V:%016lx, which is not canonical", rip);
    if (was_popped(evidence))
        return_cause(rsp - 8, out);
    else if (register_of(evidence, rip, &number))
        format(out->cause, sizeof(out->cause), "a jump or call through %s",
               register_name(number));
    else if (!word_read(rsp, &top))
        return;
    else if (death_is_behind_call(top))
        format(out->cause, sizeof(out->cause),
               "a call through a pointer in memory, by %s", symbol_place(top - 1, who));
    else
        format(out->cause, sizeof(out->cause),
               "no register holds the target, so it was popped: the return address at "
               "V:%016lx was overwritten",
               rsp - 8);
    trap_text_append(rip, out);
}

static bool explain_return(const struct evidence *evidence,
                           struct trap_explanation *out)
{
    u64 rsp = evidence->frame->rsp, target;

    if (!word_read(rsp, &target) || is_canonical(target))
        return false;
    target_put(evidence, target, "return", out);
    return_cause(rsp, out);
    trap_text_append(target, out);
    return true;
}

/* The target of CALL or JMP through a register or memory. */
static bool indirect_target(const struct evidence *evidence, u64 *target)
{
    const struct instruction *instruction = &evidence->instruction;

    if (instruction->mod == 3) {
        *target = evidence->registers[instruction->rm];
        return true;
    }
    return !instruction->rip_relative && instruction->segment == 0 &&
           word_read(instruction_address(instruction, evidence->registers), target);
}

bool trap_explain_target(const struct evidence *evidence, struct trap_explanation *out)
{
    u8 group = evidence->instruction.reg & 7;
    u64 target;

    if (!is_canonical(evidence->frame->rip)) {
        explain_bad_rip(evidence, out);
        return true;
    }
    if (evidence_is_opcode(evidence, MAP_ONE_BYTE, OPCODE_RET) ||
        evidence_is_opcode(evidence, MAP_ONE_BYTE, OPCODE_RET_N))
        return explain_return(evidence, out);
    if (!evidence_is_opcode(evidence, MAP_ONE_BYTE, OPCODE_GROUP_5) ||
        (group != 2 && group != 4) || !indirect_target(evidence, &target) ||
        is_canonical(target))
        return false;
    target_put(evidence, target, group == 2 ? "call" : "jump", out);
    trap_text_append(target, out);
    return true;
}
