/* SPDX-License-Identifier: MIT
 *
 * What kernel/arch/entry.asm saves of the interrupted code, and the vectors by name.
 */
#ifndef PLINTH_KERNEL_ARCH_TRAP_FRAME_H
#define PLINTH_KERNEL_ARCH_TRAP_FRAME_H

#include "kernel/base/types.h"

/* Exceptions, SDM vol. 3A, table 6-1 */
#define VECTOR_DIVIDE        0
#define VECTOR_DEBUG         1
#define VECTOR_NMI           2
#define VECTOR_BREAKPOINT    3
#define VECTOR_OVERFLOW      4
#define VECTOR_OPCODE        6
#define VECTOR_DOUBLE_FAULT  8
#define VECTOR_TSS           10
#define VECTOR_SEGMENT       11
#define VECTOR_STACK         12
#define VECTOR_PROTECTION    13
#define VECTOR_PAGE_FAULT    14
#define VECTOR_MACHINE_CHECK 18
#define VECTOR_CONTROL       21
#define EXCEPTION_COUNT      32
#define VECTOR_COUNT         256

/* trap_frame.entry_flags */
#define TRAP_GS_SWAPPED      1 /* an IST vector found a program's GS base */
#define TRAP_IN_IRETQ \
    2 /* the IRETQ back to ring 3 itself failed; GS was already the program's */
#define TRAP_NO_MEMORY                                            \
    4 /* set later: mm would have resolved it, had it had a frame \
       */
#define TRAP_MISFRAMED \
    8 /* error code and stub did not fit; entry.asm mended the frame */

#define TRAP_GS_LOST 16 /* GS base was no block; trap_fatal.c has put one there */

/* trap_frame.vector, until trap_dispatch takes it away: the last one above. */
#define VECTOR_MISFRAMED 0x100

/* Page-fault error code, SDM vol. 3A, figure 4-12 */
#define PF_PRESENT \
    0x01 /* 0: not present; 1: a right is missing or a reserved bit is set */
#define PF_WRITE    0x02
#define PF_USER     0x04
#define PF_RESERVED 0x08
#define PF_FETCH    0x10
#define PF_KEY      0x20
#define PF_SHADOW   0x40

/* Lowest address first. The first two words are a frame-pointer link, so that a
 * backtrace walks from the handler into the interrupted code. */
struct trap_frame {
    u64 link_rbp;
    u64 link_rip;
    u64 cr2; /* of the page fault, or as an IST vector found it; else 0 */
    u64 entry_flags;
    u64 r15, r14, r13, r12, r11, r10, r9, r8;
    u64 rbp, rdi, rsi, rdx, rcx, rbx, rax;
    u64 vector;
    u64 error_code; /* 0 where the CPU pushes none */
    u64 rip, cs, rflags, rsp, ss;
};

STATIC_ASSERT(sizeof(struct trap_frame) == 26 * 8, "entry.asm pushes 26 words");
STATIC_ASSERT(sizeof(struct trap_frame) % 16 == 0, "the C call needs an aligned stack");

static inline bool trap_from_user(const struct trap_frame *frame)
{
    return (frame->cs & 3) != 0;
}

/* The general registers in the order of their encoding. */
static inline void trap_registers_take(const struct trap_frame *frame, u64 out[16])
{
    const u64 in_order[16] = {frame->rax, frame->rcx, frame->rdx, frame->rbx,
                              frame->rsp, frame->rbp, frame->rsi, frame->rdi,
                              frame->r8,  frame->r9,  frame->r10, frame->r11,
                              frame->r12, frame->r13, frame->r14, frame->r15};

    for (u32 i = 0; i < ARRAY_COUNT(in_order); i++)
        out[i] = in_order[i];
}

/* Vectors for which the CPU pushes an error code, SDM vol. 3A, table 6-1 and AMD's APM
 * vol. 2, 8.2: 8, 10..14, 17, 21, 29, 30. */
static inline bool vector_has_code(u64 vector)
{
    return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 ||
           vector == 21 || vector == 29 || vector == 30;
}

/* Where a piece of code wants to go on after a trap that it provokes on purpose. */
struct resume_point {
    u64 rbx, rbp, r12, r13, r14, r15;
    u64 rsp, rip, rflags;
};

/* Like setjmp: 0 when called, 1 when a trap resumed here. The calling function must not
 * have returned meanwhile; its locals that changed meanwhile must be volatile. */
u64 resume_save(struct resume_point *point) __attribute__((returns_twice));

/* Makes the trap return to the point instead of to the interrupted code. */
void resume_into(struct trap_frame *frame, const struct resume_point *point);

/* Calls function(argument) on another stack. stack_top is 16-byte aligned. */
void stack_call(void (*function)(void *argument), void *argument, u64 stack_top);

#endif
