; SPDX-License-Identifier: MIT
;
; What a BIOS call leaves behind that it should not: registers of which it has no answer to give,
; flags, descriptor tables, caches, address line 20. The gate (bios_gate.asm) survives all of it;
; here it becomes a line for whoever reads the boot report. Each kind is noted once a boot.
;
; Mode: protected, called by the gate. Clobbers everything.

%include "stage2/stage2.inc"

extern gate_before, gate_after, gate_eax, gate_flags, gate_gdtr, gate_idtr, gate_cr0
extern gdt_register, idt_real, a20_keep, vectors_keep, vectors_check

%define GATE_DWORDS     7                       ; EAX up to EBP; behind them DS, ES
%define FLAG_IF         (1 << 9)
%define FLAG_DF         (1 << 10)
%define CR0_CD_NW       0x60000000
; Where the hooks find the vector: behind their return address, PUSHAD, the gate's own.
%define VECTOR_AT       40

; Bits of QUIRK_CALL_REGISTERS, in the order of the gate's fields.
%define R_EAX           (1 << 0)
%define R_EBX           (1 << 1)
%define R_ECX           (1 << 2)
%define R_EDX           (1 << 3)
%define R_EDI           (1 << 5)
%define R_ES            (1 << 8)

section .body
bits 32
; From now on every call is watched.
global gate_watch_start
gate_watch_start:
        mov     dword [gate_before], before
        mov     dword [gate_after], after
        ret

before: mov     esi, gate_eax
        mov     edi, given
        mov     ecx, GATE_DWORDS + 1
        rep movsd
        jmp     vectors_keep

after:  mov     edx, [esp + VECTOR_AT]
        shl     edx, 8
        mov     dl, [given + 1]
        call    vectors_check
        call    registers_check
        call    flags_check
        call    tables_check
        jmp     a20_keep

; In: EDX = vector and function, for the note.
registers_check:
        mov     esi, given
        mov     edi, gate_eax
        xor     ecx, ecx
        xor     ebx, ebx                        ; what changed
.dword: cmpsd
        je      .same
        bts     ebx, ecx
.same:  inc     ecx
        cmp     ecx, GATE_DWORDS
        jb      .dword
.word:  cmpsw
        je      .equal
        bts     ebx, ecx
.equal: inc     ecx
        cmp     ecx, GATE_DWORDS + 2
        jb      .word

; Less what this function answers in.
        mov     esi, answers
.rule:  lodsw
        movzx   ecx, ax
        lodsw
        jecxz   .known
        cmp     ecx, edx
        jne     .rule
.known: movzx   eax, ax
        not     eax
        and     ebx, eax
        mov     ecx, ebx
        mov     ebx, noted
        call    .new
        jz      .end
        quirk   QUIRK_CALL_REGISTERS
.end:   ret
; ECX = its bits that are not in the word at EBX yet. Out: ZF = 1: none.
.new:   mov     eax, [ebx]
        or      [ebx], ecx
        not     eax
        and     ecx, eax
        ret

flags_check:
        xor     ecx, ecx
        test    word [gate_flags], FLAG_IF
        jnz     .on
        inc     ecx
.on:    test    word [gate_flags], FLAG_DF
        jz      .forward
        or      ecx, 2
.forward:
        mov     ebx, noted + 4
        call    registers_check.new
        jz      .end
        quirk   QUIRK_CALL_FLAGS
.end:   ret

tables_check:
        xor     ecx, ecx
        mov     esi, gate_gdtr
        mov     edi, gdt_register
        call    .register
        mov     esi, gate_idtr
        mov     edi, idt_real
        call    .register
        shr     ecx, 1                          ; 1 GDTR, 2 IDTR
        test    dword [gate_cr0], CR0_CD_NW
        jz      .cached
        or      ecx, 4
.cached:
        mov     ebx, noted + 8
        call    registers_check.new
        jz      .end
        quirk   QUIRK_CALL_TABLES
.end:   ret
; Six bytes at ESI and EDI: bit 2 of ECX when they differ, the bit of the one before moves down.
.register:
        shr     ecx, 1
        cmpsd
        jne     .differ
        cmpsw
        je      .alike
.differ:
        or      ecx, 4
.alike: ret

        align   4, db 0
; Vector and function, what it answers in; all others answer in EAX alone.
answers:
        dw      0x1341, R_EAX | R_EBX | R_ECX | R_EDX
        dw      0x1308, R_EAX | R_EBX | R_ECX | R_EDX | R_EDI | R_ES
        dw      0x15E8, R_EAX | R_EBX | R_ECX | R_EDX
        dw      0, R_EAX

given:  times   GATE_DWORDS + 1 dd 0
noted:  times   3 dd 0
