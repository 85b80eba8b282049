; SPDX-License-Identifier: MIT
;
; CRC-32C, the one checksum of the disk format. What is here is small and good enough for the body;
; crc32c_wide.asm, in the body, is for the megabytes.
;
; Mode: protected. In: ESI = bytes, ECX = how many, here a multiple of 4. Out: EAX. Keeps the rest.

%include "stage2/stage2.inc"

extern cpu_features2

%define CRC_POLY        0x82F63B78

section .head
bits 32
global crc32c, crc32c_way, crc32c_init
crc32c: jmp     [crc32c_way]
crc32c_way:
        dd      .small
.small: pushad
        or      eax, -1
        test    dword [cpu_features2], FEATURE_SSE42
        jz      .byte
        shr     ecx, 2
.dword: crc32   eax, dword [esi]
        add     esi, 4
        loop    .dword
        jmp     .done
.byte:  movzx   ebx, al
        xor     bl, [esi]
        inc     esi
        shr     eax, 8
        xor     eax, [CRC_TABLE_PHYS + ebx * 4]
        loop    .byte
.done:  not     eax
        mov     [esp + 28], eax
        popad
        ret

; Makes the table for single bytes, where it is needed. Keeps every register.
crc32c_init:
        test    dword [cpu_features2], FEATURE_SSE42
        jnz     .end
        pushad
        xor     ebx, ebx
.entry: mov     eax, ebx
        push    byte 8
        pop     ecx
.bit:   shr     eax, 1
        jnc     .zero
        xor     eax, CRC_POLY
.zero:  loop    .bit
        mov     [CRC_TABLE_PHYS + ebx * 4], eax
        inc     bl
        jnz     .entry
        popad
.end:   ret
