; SPDX-License-Identifier: MIT
;
; CPU exceptions while stage2 runs in protected mode: reported as L-04, then the end. Interrupts
; are off there, so the exceptions up to 19 are all there is; any other vector ends in #GP.
;
; Mode on entry: protected; stack: the frame of the exception. Never returns.

%include "stage2/stage2.inc"

extern idt32, screen_put, screen_bios, screen_colour, screen_at, bios_gone, console_sink
extern fault_vector, fault_error, fault_eip, fault_cr2, fault_esp

%define VECTORS         20
%define STUB_BYTES      4
; Those that push an error code: 8, 10-14, 17.
%define VECTORS_WITH_CODE 0x00027D00

section .head
bits 32
fault32_stubs:
%assign vector 0
%rep VECTORS
        push    byte vector
        jmp     short fault32
%assign vector vector + 1
%endrep

fault32:
        pop     eax
        mov     [fault_vector], eax
        mov     ecx, VECTORS_WITH_CODE
        bt      ecx, eax
        jnc     .frame
        pop     dword [fault_error]
.frame: pop     dword [fault_eip]
        mov     [fault_esp], esp
        mov     eax, cr2
        mov     [fault_cr2], eax
        mov     esp, REAL_STACK_TOP
        mov     byte [screen_colour], 0x4F      ; white on red
        mov     dword [screen_at], 22 * 80
        mov     eax, [screen_fault]
        mov     [screen_put], eax
        inc     byte [bios_gone]
        die     LOADER_EXCEPTION_32, "CPU exception in the loader: vector=", {1, fault_vector}, \
                " error=", {4, fault_error}, " EIP=", {4, fault_eip}, " CR2=", {4, fault_cr2}

; What puts characters on the screen then. The body replaces the BIOS by something that needs none.
global screen_fault
screen_fault:
        dd      screen_bios

; Fills in the table; once, before anything else in protected mode.
global fault32_init, idt32_register
fault32_init:
        mov     edi, idt32
        mov     eax, fault32_stubs
        push    byte VECTORS
        pop     ecx
.gate:  mov     [edi], ax
        mov     word [edi + 2], SEL_CODE32
        mov     dword [edi + 4], 0x8E00         ; present, 32-bit interrupt gate; offset < 64 KiB
        add     edi, 8
        add     eax, STUB_BYTES
        loop    .gate
        ret

idt32_register:
        dw      VECTORS * 8 - 1
        dd      idt32
