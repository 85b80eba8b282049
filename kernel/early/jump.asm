; SPDX-License-Identifier: MIT
;
; The jump into the higher half.
; Mode on entry: long mode, identity map, interrupts off.
; In: RDI = physical address of the new PML4, RSI = new stack top, RDX = where to go.
; Out: does not return. RBP = 0 and a zero return address end every backtrace here.
bits 64
section .text

global early_jump:function hidden
early_jump:
    mov cr3, rdi                ; the new PML4 still borrows the identity map
    mov rsp, rsi
    xor ebp, ebp
    push rbp                    ; a return address that nobody uses; aligns as a call would
    jmp rdx

section .note.GNU-stack noalloc noexec nowrite progbits
