; SPDX-License-Identifier: MIT
;
; A trap with a known value in each general register, for kernel/registers_check.c.
;
; void register_trap(struct register_trap *)      on the stack in use: vector 3
; void register_trap_ist(struct register_trap *)  on a stack of its own: vector 1
;
; Mode on entry: 64-bit, the kernel's IDT; the handler has to come back.
; In:       RDI. The words `before` are loaded, in encoding order and but for RSP; after the trap
;           the registers are stored in `after`.
; Stack:    64 bytes and the trap. Only RSP is relied on behind it: IRETQ makes it right.
; Clobbers: what C allows.
bits 64

%include "offsets.inc"

global register_trap:function hidden
global register_trap_ist:function hidden

BEFORE equ register_trap_before
AFTER  equ register_trap_after

section .text

%macro registers_through 1
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    push rdi
    mov rax, [rdi + BEFORE]
    mov rcx, [rdi + BEFORE + 1 * 8]
    mov rdx, [rdi + BEFORE + 2 * 8]
    mov rbx, [rdi + BEFORE + 3 * 8]
    mov rbp, [rdi + BEFORE + 5 * 8]
    mov rsi, [rdi + BEFORE + 6 * 8]
%assign number 8
%rep 8
    mov r%[number], [rdi + BEFORE + number * 8]
%assign number number + 1
%endrep
    mov rdi, [rdi + BEFORE + 7 * 8]
    int %1
    push rax
    mov rax, [rsp + 8]
    pop qword [rax + AFTER]
    mov [rax + AFTER + 1 * 8], rcx
    mov [rax + AFTER + 2 * 8], rdx
    mov [rax + AFTER + 3 * 8], rbx
    mov [rax + AFTER + 5 * 8], rbp
    mov [rax + AFTER + 6 * 8], rsi
    mov [rax + AFTER + 7 * 8], rdi
%assign number 8
%rep 8
    mov [rax + AFTER + number * 8], r%[number]
%assign number number + 1
%endrep
    pop rdi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret
%endmacro

register_trap:
    registers_through 3

register_trap_ist:
    registers_through 1

section .note.GNU-stack noalloc noexec nowrite progbits
