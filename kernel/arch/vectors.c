/* SPDX-License-Identifier: MIT
 *
 * The names of the vectors. No pointers: early code tells traps too.
 */
#include "kernel/arch/idt.h"

/* Mnemonic and name; those that are empty are reserved. */
static const struct {
    char mnemonic[4];
    char name[28];
} names[EXCEPTION_COUNT] = {
    [0] = {"#DE", "divide error"},
    [1] = {"#DB", "debug exception"},
    [2] = {"NMI", "non-maskable interrupt"},
    [3] = {"#BP", "breakpoint"},
    [4] = {"#OF", "overflow"},
    [5] = {"#BR", "bound range exceeded"},
    [6] = {"#UD", "invalid opcode"},
    [7] = {"#NM", "device not available"},
    [8] = {"#DF", "double fault"},
    [9] = {"", "coprocessor segment overrun"},
    [10] = {"#TS", "invalid TSS"},
    [11] = {"#NP", "segment not present"},
    [12] = {"#SS", "stack-segment fault"},
    [13] = {"#GP", "general protection"},
    [14] = {"#PF", "page fault"},
    [16] = {"#MF", "x87 floating-point error"},
    [17] = {"#AC", "alignment check"},
    [18] = {"#MC", "machine check"},
    [19] = {"#XM", "SIMD floating-point error"},
    [20] = {"#VE", "virtualization exception"},
    [21] = {"#CP", "control protection"},
    [28] = {"#HV", "hypervisor injection"},
    [29] = {"#VC", "VMM communication"},
    [30] = {"#SX", "security exception"},
};

const char *vector_mnemonic(u64 vector)
{
    return vector < EXCEPTION_COUNT ? names[vector].mnemonic : "";
}

const char *vector_name(u64 vector)
{
    if (vector >= EXCEPTION_COUNT)
        return "interrupt";
    return names[vector].name[0] == '\0' ? "reserved vector" : names[vector].name;
}
