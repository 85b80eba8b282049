/* SPDX-License-Identifier: MIT
 *
 * Every reason for which the kernel stops. A code never changes its meaning and is never
 * used again; docs/errors/PREFIX-NN.md explains it. The loader's codes are in kernel/boot.
 *
 * AS assertion     AU audit of memory                 CP processor
 * DF double fault  EX other exceptions, by vector
 * FR frames        HP heap         ID identity map
 * GP general protection            IN order of initialisation          LK locks
 * MC machine check NM non-maskable interrupt          PF page fault    PN panic
 * PT page tables   SO kernel stack                    TR traps
 */
#ifndef PLINTH_KERNEL_BASE_CODES_H
#define PLINTH_KERNEL_BASE_CODES_H

#include "kernel/base/types.h"

#define CODE_LIST(CODE)                                                               \
    CODE(AS, 1, "an assertion does not hold")                                         \
    CODE(AU, 1, "a frame's count is not the number of its holders")                   \
    CODE(AU, 2, "a free frame is reachable")                                          \
    CODE(AU, 3, "a page table's count is not the number of its entries")              \
    CODE(AU, 4, "kernel memory is open to programs")                                  \
    CODE(AU, 5, "a page is writable and executable, or executable and no text")       \
    CODE(AU, 6, "the direct map is not RAM")                                          \
    CODE(AU, 7, "the kernel's text or rodata can be written")                         \
    CODE(AU, 8, "a boot module can be written")                                       \
    CODE(AU, 9, "the lower half of the kernel's tables is not empty")                 \
    CODE(AU, 10, "a reserved bit is set in a page-table entry")                       \
    CODE(AU, 11, "a free frame was written")                                          \
    CODE(AU, 12, "free and owned frames are not all of RAM")                          \
    CODE(AU, 13, "a frozen PML4 entry changed")                                       \
    CODE(AU, 14, "an entry reaches what its window may not map")                      \
    CODE(AU, 15, "GLOBAL is set where it must not be, or missing")                    \
    CODE(CP, 1, "the processor lacks a feature the kernel needs")                     \
    CODE(CP, 2, "five-level paging is on")                                            \
    CODE(CP, 3, "a register still points to what goes with the identity map")         \
    CODE(CP, 4, "the stack is not aligned as C code needs it")                        \
    CODE(CP, 5, "the TSS is not where its descriptor says")                           \
    CODE(CP, 6, "GS base is no CPU's block")                                          \
    CODE(CP, 7, "an IST of the TSS is not the top of its stack")                      \
    CODE(DF, 1, "double fault")                                                       \
    CODE(EA, 1, "the loader's boot_info is not what the kernel expects")              \
    CODE(EA, 2, "no memory map to work with")                                         \
    CODE(EA, 3, "the image does not lie where boot_info says")                        \
    CODE(EA, 4, "no room for page tables below 4 GiB")                                \
    CODE(EA, 5, "a relocation cannot be applied")                                     \
    CODE(EA, 6, "the CPU lacks what the direct map needs")                            \
    CODE(EA, 7, "page fault before the kernel's own handlers")                        \
    CODE(EA, 8, "CPU exception before the kernel's own handlers")                     \
    CODE(EA, 9, "interrupt before the kernel is ready for any")                       \
    CODE(EA, 10, "the new tables lack what the move needs")                           \
    CODE(EA, 11, "a frame for a page table is not zero")                              \
    CODE(EA, 12, "the image is not whole in memory")                                  \
    CODE(EA, 13, ".bss is not zero")                                                  \
    CODE(EA, 14, "memcpy, memset or memmove do not do their work")                    \
    CODE(EA, 15, "the cleaned memory map breaks a rule of its own")                   \
    CODE(EX, 0, "divide error")                                                       \
    CODE(EX, 1, "debug exception")                                                    \
    CODE(EX, 3, "breakpoint")                                                         \
    CODE(EX, 4, "overflow")                                                           \
    CODE(EX, 5, "bound range exceeded")                                               \
    CODE(EX, 6, "invalid opcode")                                                     \
    CODE(EX, 7, "device not available")                                               \
    CODE(EX, 9, "coprocessor segment overrun")                                        \
    CODE(EX, 10, "invalid TSS")                                                       \
    CODE(EX, 11, "segment not present")                                               \
    CODE(EX, 12, "stack-segment fault")                                               \
    CODE(EX, 16, "x87 floating-point error")                                          \
    CODE(EX, 17, "alignment check")                                                   \
    CODE(EX, 19, "SIMD floating-point error")                                         \
    CODE(EX, 20, "virtualization exception")                                          \
    CODE(EX, 21, "control protection exception")                                      \
    CODE(EX, 28, "hypervisor injection exception")                                    \
    CODE(EX, 29, "VMM communication exception")                                       \
    CODE(EX, 30, "security exception")                                                \
    CODE(EX, 31, "an exception vector that processors reserve")                       \
    CODE(FR, 1, "no room for the frame table")                                        \
    CODE(FR, 2, "a frame is claimed by two owners")                                   \
    CODE(FR, 3, "the frame allocator's counters are wrong")                           \
    CODE(FR, 4, "a frame is freed twice")                                             \
    CODE(FR, 5, "a frame is freed by another than its owner")                         \
    CODE(FR, 6, "a frame is freed with another order than it was given")              \
    CODE(FR, 7, "what is freed is not the first frame of a block")                    \
    CODE(FR, 8, "a free frame was written after its release")                         \
    CODE(FR, 9, "what should be the address of a frame is none")                      \
    CODE(GP, 1, "memory operand at a non-canonical address")                          \
    CODE(GP, 2, "a segment selector or gate was refused")                             \
    CODE(GP, 3, "a model-specific register was refused")                              \
    CODE(GP, 4, "a control or descriptor-table register was refused")                 \
    CODE(GP, 5, "jump to a non-canonical address")                                    \
    CODE(GP, 6, "general protection fault")                                           \
    CODE(HP, 1, "heap object freed twice or never given")                             \
    CODE(HP, 2, "pointer is not the start of a heap object")                          \
    CODE(HP, 3, "pointer is not of the heap")                                         \
    CODE(HP, 4, "the heap's bookkeeping is wrong")                                    \
    CODE(HP, 5, "touch of heap memory that was never given or was given back")        \
    CODE(HP, 6, "touch of a guard page beside a heap object")                         \
    CODE(HP, 7, "demand paging asked for where it is forbidden")                      \
    CODE(HP, 8, "heap memory was written to after it was freed")                      \
    CODE(HP, 9, "write past the end of a heap object")                                \
    CODE(HP, 10, "write before the start of a heap object")                           \
    CODE(HP, 11, "the slot for a heap object is smaller than the request")            \
    CODE(ID, 1, "the identity map is not gone")                                       \
    CODE(IN, 1, "initialisation in the wrong order")                                  \
    CODE(LK, 1, "lock taken twice by one CPU")                                        \
    CODE(LK, 2, "lock released by a CPU that does not hold it")                       \
    CODE(LK, 3, "lock held for far too long")                                         \
    CODE(MC, 1, "machine check")                                                      \
    CODE(NM, 1, "non-maskable interrupt: memory parity or system error")              \
    CODE(NM, 2, "non-maskable interrupt: I/O channel check")                          \
    CODE(NM, 3, "non-maskable interrupt without a reason in port 61h")                \
    CODE(PF, 1, "read of an address where nothing is mapped")                         \
    CODE(PF, 2, "write to an address where nothing is mapped")                        \
    CODE(PF, 3, "write to read-only memory")                                          \
    CODE(PF, 4, "execution of memory that is not code")                               \
    CODE(PF, 5, "reserved bit set in a page-table entry")                             \
    CODE(PF, 6, "null pointer")                                                       \
    CODE(PF, 7, "execution at an address where nothing is mapped")                    \
    CODE(PF, 8, "the kernel touched a program's page (SMAP)")                         \
    CODE(PF, 9, "the kernel executed a program's page (SMEP)")                        \
    CODE(PF, 10, "page fault that the tables in memory do not explain")               \
    CODE(PF, 11, "no memory left to resolve a page fault")                            \
    CODE(PF, 12, "page-table entry that leads to where there is no RAM")              \
    CODE(PN, 2, "died again while reporting a death")                                 \
    CODE(PT, 1, "a page table's bookkeeping is wrong")                                \
    CODE(SO, 1, "kernel stack overflow")                                              \
    CODE(SO, 2, "stray access to the guard page of a kernel stack")                   \
    CODE(SO, 3, "a kernel stack was freed that is none, or is in use")                \
    CODE(SO, 4, "a kernel stack or its guard is not mapped as it should be")          \
    CODE(TR, 1, "a device's interrupt arrived at the vector of an exception")         \
    CODE(TR, 2, "interrupt table and stubs do not fit the CPU")                       \
    CODE(TR, 3, "a trap handler raises the trap that it handles")                     \
    CODE(TR, 4, "a register does not come through a trap")

/* The enumerators carry two digits, as the names of the pages do: CODE_PF_03. */
#define CODE_DIGITS_0 00
#define CODE_DIGITS_1 01
#define CODE_DIGITS_2 02
#define CODE_DIGITS_3 03
#define CODE_DIGITS_4 04
#define CODE_DIGITS_5 05
#define CODE_DIGITS_6 06
#define CODE_DIGITS_7 07
#define CODE_DIGITS_8 08
#define CODE_DIGITS_9 09
#define CODE_DIGITS_10 10
#define CODE_DIGITS_11 11
#define CODE_DIGITS_12 12
#define CODE_DIGITS_13 13
#define CODE_DIGITS_14 14
#define CODE_DIGITS_15 15
#define CODE_DIGITS_16 16
#define CODE_DIGITS_17 17
#define CODE_DIGITS_18 18
#define CODE_DIGITS_19 19
#define CODE_DIGITS_20 20
#define CODE_DIGITS_21 21
#define CODE_DIGITS_22 22
#define CODE_DIGITS_23 23
#define CODE_DIGITS_24 24
#define CODE_DIGITS_25 25
#define CODE_DIGITS_26 26
#define CODE_DIGITS_27 27
#define CODE_DIGITS_28 28
#define CODE_DIGITS_29 29
#define CODE_DIGITS_30 30
#define CODE_DIGITS_31 31

#define CODE_JOIN_(prefix, digits) CODE_##prefix##_##digits
#define CODE_JOIN(prefix, digits)  CODE_JOIN_(prefix, digits)
#define CODE_ENUMERATOR(prefix, number, text) CODE_JOIN(prefix, CODE_DIGITS_##number),
enum code { CODE_LIST(CODE_ENUMERATOR) CODE_COUNT };
#undef CODE_ENUMERATOR

#define CODE_NAME_BYTES 8

/* "PF-03" into out. Any context. */
void code_name(enum code code, char out[CODE_NAME_BYTES]);

/* What the code means, in a few words. Never NULL. */
const char *code_text(enum code code);

#endif
