; SPDX-License-Identifier: MIT
;
; INT 15h E801h and 88h: for BIOSes without E820h. The answers become raw entries of the same
; form, marked with their source.
;
; Mode: protected. Out: as memory_map.asm. Clobbers everything.

%include "stage2/stage2.inc"

extern gate_clear, gate_eax, gate_ebx, gate_ecx, gate_edx, gate_flags
extern e820_count, e820_source, low_top

%define SIXTEEN_MIB     0x1000000

section .body
bits 32
global map_old_read
map_old_read:
        mov     ebx, MAP_SOURCE_E801
        call    gate_clear
        mov     word [gate_eax], 0xE801
        bios    0x15
        test    byte [gate_flags], 1
        jnz     .no_e801
; KiB from 1 MiB in AX, 64 KiB from 16 MiB in BX; or the same in CX and DX.
        movzx   eax, word [gate_eax]
        movzx   ecx, word [gate_ebx]
        mov     edx, eax
        or      edx, ecx
        jnz     .e801
        movzx   eax, word [gate_ecx]
        movzx   ecx, word [gate_edx]
        mov     edx, eax
        or      edx, ecx
        jz      .no_e801
.e801:  push    ecx
        call    .low
        pop     edx
        shl     edx, 16
        mov     eax, SIXTEEN_MIB
        call    .entry
        jmp     .done

.no_e801:
        mov     ecx, 0
        xor     edx, edx
        quirk   QUIRK_E801_FAILED
        mov     ebx, MAP_SOURCE_88
        call    gate_clear
        mov     byte [gate_eax + 1], 0x88
        bios    0x15
        test    byte [gate_flags], 1
        jnz     .none
        movzx   eax, word [gate_eax]
        test    eax, eax
        jz      .none
        call    .low
.done:  mov     [e820_source], ebx
        ret
.none:  die     LOADER_NO_MEMORY_MAP, "the BIOS tells no memory map: E820h, E801h and 88h failed"

; Conventional memory, and EAX KiB from 1 MiB.
.low:   push    eax
        xor     eax, eax
        mov     edx, [low_top]
        call    .entry
        pop     edx
        shl     edx, 10
        mov     eax, HIGH_MEMORY_PHYS
; A usable range: EAX = base, EDX = bytes, EBX = source.
.entry: test    edx, edx
        jz      .end
        push    edi
        mov     edi, [e820_count]
        inc     dword [e820_count]
        shl     edi, 5
        add     edi, E820_RAW_PHYS
        push    edx
        push    eax
        pop     dword [edi + e820_raw_base]
        pop     dword [edi + e820_raw_bytes]
        xor     eax, eax
        mov     [edi + e820_raw_base + 4], eax
        mov     [edi + e820_raw_bytes + 4], eax
        mov     [edi + e820_raw_attributes], eax
        mov     [edi + e820_raw_returned_bytes], eax
        mov     [edi + e820_raw_source], ebx
        inc     eax
        mov     [edi + e820_raw_type], eax
        pop     edi
.end:   ret
%if sizeof_e820_raw != 32 || E820_USABLE != 1
%error "memory_old.asm knows struct e820_raw as 32 bytes and type 1 as usable"
%endif
