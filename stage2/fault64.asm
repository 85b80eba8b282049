; SPDX-License-Identifier: MIT
;
; The 64-bit IDT, TSS and exception report. They stand from long mode until the kernel has its own,
; so the report must work with the kernel's first page tables too: it touches only stage2's body,
; the fault stack, the flight recorder, ports and video memory.
;
; fault64_init: protected mode, clobbers EAX, ECX, EDI.
; Handler:      long mode, on IST1, never returns.

%include "stage2/stage2.inc"

extern gdt_tss, serial_present, recorder64_exception

%define TSS_BYTES       104
%define TSS_IST1        36
%define TSS_IO_MAP      102
%define STUB_BYTES      5
%define VECTORS_WITH_CODE 0x60227D00
%define SERIAL_WAIT     0x20000
%define DEPTH_NO_SCREEN 3                       ; faults in a row

section .body
bits 32
global fault64_init, idt64_register
fault64_init:
; Descriptor of the TSS: 64-bit, available, present.
        mov     eax, tss64
        mov     word [gdt_tss], TSS_BYTES - 1
        mov     [gdt_tss + 2], ax
        shr     eax, 16
        mov     [gdt_tss + 4], al
        mov     word [gdt_tss + 5], 0x0089
        mov     [gdt_tss + 7], ah
        mov     dword [tss64 + TSS_IST1], BOOT_FAULT_STACK_TOP
        mov     word [tss64 + TSS_IO_MAP], TSS_BYTES

; 256 interrupt gates, all on IST1. Code lies below 64 KiB.
        mov     edi, IDT64_PHYS
        mov     eax, fault64_stubs + (SEL_KERNEL_CODE << 16)
        mov     ecx, 256
.gate:  mov     [edi], eax
        mov     dword [edi + 4], 0x8E01
        mov     dword [edi + 8], 0
        mov     dword [edi + 12], 0
        add     edi, 16
        add     eax, STUB_BYTES
        loop    .gate
        mov     al, [serial_present]            ; page 0 is out of reach later
        mov     [serial64], al
        ret

        align   8, db 0
tss64:  times   TSS_BYTES db 0
serial64:
        db      0
        align   4, db 0
idt64_register:
        dw      256 * 16 - 1
        dq      IDT64_PHYS

bits 64
; Each stub is one 5-byte call: the return address tells the vector.
fault64_stubs:
%rep 256
        call    strict near fault64
%endrep

fault64:
        cld
; A fault in here: the recorder is out of reach, at the next one the screen (put64); the first
; facts are the ones to tell. After that there is nothing left to try.
        inc     byte [rel fault_depth]
        cmp     byte [rel fault_depth], DEPTH_NO_SCREEN
        ja      .halt
        cmp     byte [rel fault_depth], 1
        ja      .report
; RCX = vector; the stack then holds an error code or not, RIP, CS, RFLAGS, RSP, SS.
        xchg    rcx, [rsp]
        mov     [rel fault_rax], rax
        mov     [rel fault_rdx], rdx
        mov     eax, ecx
        sub     eax, fault64_stubs + STUB_BYTES
        xor     edx, edx
        mov     ecx, STUB_BYTES
        div     ecx
        mov     [rel fault_vector64], al
        pop     qword [rel fault_rcx]
        cmp     eax, 32
        jae     .frame
        mov     ecx, VECTORS_WITH_CODE
        bt      ecx, eax
        jnc     .frame
        pop     qword [rel fault_error64]
.frame: mov     rax, [rsp]
        mov     [rel fault_rip], rax
        mov     rax, [rsp + 24]
        mov     [rel fault_rsp], rax
        mov     [rel fault_rdi], rdi
        mov     rax, cr2
        mov     [rel fault_cr2_64], rax
        mov     rax, cr3
        mov     [rel fault_cr3], rax
        mov     rax, [rel fault_error64]
        shl     rax, 32
        mov     al, [rel fault_vector64]
        lea     rsi, [rel fault_rip]
        call    recorder64_exception

.report:
        mov     edi, 0xB8000 + 20 * 160
        lea     rsi, [rel report]
.next:  lodsb
        cmp     al, 8
        ja      .char
        movzx   ecx, al
        test    ecx, ecx
        jz      .halt
        lodsw
        movzx   eax, ax
        mov     rbx, [rax]
        lea     edx, [rcx * 2]                  ; digits
        shl     ecx, 3
        ror     rbx, cl
.digit: rol     rbx, 4
        mov     al, bl
        and     al, 15
        cmp     al, 10
        jb      .low
        add     al, 'A' - '0' - 10
.low:   add     al, '0'
        call    put64
        dec     edx
        jnz     .digit
        jmp     .next
.char:  call    put64
        jmp     .next
.halt:  cli
        hlt
        jmp     .halt

; AL to E9, COM1 and video memory at RDI (moved on). Clobbers RAX, RCX.
put64:  push    rdx
        out     PORT_E9, al
        cmp     byte [rel serial64], 0
        je      .screen
        mov     ah, al
        mov     ecx, SERIAL_WAIT
        mov     edx, PORT_COM1 + 5
.wait:  in      al, dx
        test    al, 0x20
        loopz   .wait
        mov     al, ah
        mov     edx, PORT_COM1
        out     dx, al
.screen:
        cmp     byte [rel fault_depth], DEPTH_NO_SCREEN
        je      .end
        cmp     al, ' '
        jb      .end
        mov     ah, 0x4F
        stosw
.end:   pop     rdx
        ret

report: db      13, 10, "plinth: L-0", '0' + LOADER_EXCEPTION_64
        db      " CPU exception before the kernel's own handlers:"
        text    " vector=", {1, fault_vector64}, " error=", {4, fault_error64}, \
                " RIP=", {8, fault_rip}, " CR2=", {8, fault_cr2_64}, " RSP=", {8, fault_rsp}, \
                " CR3=", {8, fault_cr3}, " RAX=", {8, fault_rax}, " RCX=", {8, fault_rcx}, \
                " RDX=", {8, fault_rdx}, " RDI=", {8, fault_rdi}, `\r\n`

        align   8, db 0
fault_vector64: dq 0
fault_error64:  dq 0
; In the order of a record.
fault_rip:      dq 0
fault_cr2_64:   dq 0
fault_cr3:      dq 0
fault_rsp:      dq 0
fault_rax:      dq 0
fault_rcx:      dq 0
fault_rdx:      dq 0
fault_rdi:      dq 0
fault_depth:    db 0

%if LOADER_EXCEPTION_64 > 9
%error "fault64.asm prints a one-digit number"
%endif
