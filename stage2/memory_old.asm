; SPDX-License-Identifier: MIT
;
; INT 15h E801h and 88h: for BIOSes without E820h. The answers become raw entries of the same
; form, marked with their source.
;
; Mode: protected. Clobbers everything.

%include "stage2/stage2.inc"

extern gate_clear, gate_eax, gate_ebx, gate_ecx, gate_edx, gate_flags
extern e820_count, e820_source, low_top

%define E801_FIRST_MAX  ((SIXTEEN_MIB - HIGH_MEMORY_PHYS) >> 10)

section .body
bits 32
; Instead of E820h. Out: as memory_map.asm.
global map_old_read
map_old_read:
        call    map_old_ask
        jc      .none
        mov     [e820_source], ebx
        push    edx
        push    eax
; Conventional memory, then what was told.
        xor     eax, eax
        mov     edx, [low_top]
        call    map_old_add
        mov     eax, HIGH_MEMORY_PHYS
        pop     edx
        call    map_old_add
        mov     eax, SIXTEEN_MIB
        pop     edx
        jmp     map_old_add
.none:  die     LOADER_NO_MEMORY_MAP, "the BIOS tells no memory map: E820h, E801h and 88h failed"

; Out: EAX = bytes from 1 MiB, EDX = bytes from 16 MiB, EBX = source; or CF = 1: both failed.
global map_old_ask
map_old_ask:
        mov     ebx, MAP_SOURCE_E801
        call    gate_clear
        mov     word [gate_eax], 0xE801
        bios    0x15
        xor     ecx, ecx
        xor     edx, edx
        test    byte [gate_flags], 1
        jnz     .no_e801
; KiB from 1 MiB in AX, 64 KiB from 16 MiB in BX; or the same in CX and DX.
        movzx   eax, word [gate_eax]
        movzx   edx, word [gate_ebx]
        call    .sane
        jnc     .told
        movzx   eax, word [gate_ecx]
        movzx   edx, word [gate_edx]
        call    .sane
        jnc     .told

        movzx   ecx, word [gate_eax]
        movzx   edx, word [gate_ebx]
.no_e801:
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
        xor     edx, edx
.told:  shl     eax, 10
        shl     edx, 16
        clc
        ret
.none:  stc
        ret
; The first figure ends at 16 MiB: more is rubbish, such as AH = 86h of a BIOS that refuses without
; a carry. Two zeros are no answer. Out: CF = 1: not to be believed.
.sane:  mov     ecx, eax
        or      ecx, edx
        cmp     ecx, 1
        jb      .end
        cmp     eax, E801_FIRST_MAX + 1
        cmc
.end:   ret

; A usable range as a raw entry: EAX = base, EDX = bytes, EBX = source. Keeps all but EAX.
global map_old_add
map_old_add:
        test    edx, edx
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
