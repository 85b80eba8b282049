; SPDX-License-Identifier: MIT
;
; The way into early code's explainer: 256 stubs and one path. Nobody returns from it.
;
; Mode on entry: 64-bit, interrupts off; IST1 of stage2's TSS, or DF's stack of the kernel's TSS
;           between its LTR and its LIDT.
; Stack:    aligned to 16 by the CPU, then SS RSP RFLAGS CS RIP and, for some vectors, an error
;           code. Whether there is one is seen by the alignment, not taken from a list: a device's
;           interrupt has none, whatever the exception of that number has.
; Calls:    early_trap(struct early_frame *) in kernel/early/traps.c, with DF clear.
%include "kernel/arch/registers.inc"

bits 64
default rel

extern early_trap

global early_trap_stubs:function hidden

section .text

; Each stub is one 5-byte call: the return address tells the vector.
early_trap_stubs:
%rep 256
    call strict near early_trap_entry
%endrep

early_trap_entry:
    test spl, 8
    jnz .has_code
    push qword [rsp]
    mov qword [rsp + 8], -1     ; EARLY_NO_CODE
.has_code:
    push_registers
    cld
    mov rdi, rsp
    call early_trap

section .note.GNU-stack noalloc noexec nowrite progbits
