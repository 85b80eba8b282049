/* SPDX-License-Identifier: MIT
 *
 * What a trap means, in one sentence with a code, from the evidence in the frame, the
 * page tables and the memory map. Reads only; no lock, no heap; any context, the path
 * of death included.
 */
#ifndef PLINTH_KERNEL_TRAP_EXPLAIN_H
#define PLINTH_KERNEL_TRAP_EXPLAIN_H

#include "kernel/arch/trap_frame.h"
#include "kernel/base/codes.h"

#define TRAP_SENTENCE_BYTES 240
#define TRAP_CAUSE_BYTES    224

/* A trap may come inside a trap: a demand fault inside an interrupt, an NMI on top.
 * More than so many only when a handler raises what it handles. */
#define TRAP_DEPTH_MAX      12

struct trap_explanation {
    enum code code;
    bool has_address; /* address is what the walk should show */
    u64 address;
    char sentence[TRAP_SENTENCE_BYTES]; /* "write to read-only kernel text at V:... by
                                           ..." */
    char cause[TRAP_CAUSE_BYTES]; /* the likely cause with its evidence, or empty */
};

void trap_explain(const struct trap_frame *frame, struct trap_explanation *out);

/* The error code in words, for vectors that have one; returns out. */
const char *trap_error_words(const struct trap_frame *frame, char *out, u64 out_bytes);

/* What kind of place a kernel address is: "kernel text", "the direct map of P:...",
 * ...; returns out. */
const char *trap_place_text(u64 virt, char *out, u64 out_bytes);

/* A line of the interrupt controllers at the vector where the BIOS left it. */
void trap_explain_bios_line(const struct trap_frame *frame,
                            struct trap_explanation *out);

/* For trap_explain only: the parts. */
void trap_explain_page_fault(const struct trap_frame *frame,
                             struct trap_explanation *out);
void trap_explain_protection(const struct trap_frame *frame,
                             struct trap_explanation *out);
bool trap_explain_stack(const struct trap_frame *frame, u64 address,
                        struct trap_explanation *out);

#endif
