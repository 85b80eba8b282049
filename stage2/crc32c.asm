; SPDX-License-Identifier: MIT
;
; CRC-32C, the one checksum of the disk format: by the CRC32 instruction when SSE4.2 is there,
; else four bytes a step by tables made at run time in the upper half of the bounce buffer.
;
; Mode: protected. In: ESI = bytes, ECX = how many. Out: EAX. Keeps the rest.

%include "stage2/stage2.inc"

extern cpu_features2

%define CRC_POLY        0x82F63B78
%define FEATURE_SSE42   (1 << 20)

section .head
bits 32
global crc32c, crc32c_init
crc32c:
        pushad
        or      eax, -1
        test    dword [cpu_features2], FEATURE_SSE42
        mov     edx, ecx
        jz      tables

; 32 bytes a turn, then single bytes.
        shr     ecx, 5
        jz      .bytes
.block:
%assign at 0
%rep 8
        crc32   eax, dword [esi + at]
%assign at at + 4
%endrep
        add     esi, 32
        dec     ecx
        jnz     .block
.bytes: and     edx, 31
        jz      done
.byte:  crc32   eax, byte [esi]
        inc     esi
        dec     edx
        jnz     .byte

done:   not     eax
        mov     [esp + 28], eax
        popad
        ret

tables: shr     ecx, 2
        jz      .bytes
        push    edx
; A dword a turn. Table k holds the effect of a byte that k more bytes follow.
.block: xor     eax, [esi]
        movzx   ebx, al
        movzx   edx, ah
        mov     ebp, [CRC_TABLE_PHYS + 3 * 1024 + ebx * 4]
        shr     eax, 16
        xor     ebp, [CRC_TABLE_PHYS + 2 * 1024 + edx * 4]
        movzx   ebx, al
        movzx   edx, ah
        mov     eax, [CRC_TABLE_PHYS + 1 * 1024 + ebx * 4]
        xor     ebp, [CRC_TABLE_PHYS + edx * 4]
        xor     eax, ebp
        add     esi, 4
        dec     ecx
        jnz     .block
        pop     edx
.bytes: and     edx, 3
        jz      done
.byte:  movzx   ebx, al
        xor     bl, [esi]
        inc     esi
        shr     eax, 8
        xor     eax, [CRC_TABLE_PHYS + ebx * 4]
        dec     edx
        jnz     .byte
        jmp     done

; Makes the four tables. Only needed, and only called, without SSE4.2.
crc32c_init:
        test    dword [cpu_features2], FEATURE_SSE42
        jnz     .end
        pushad
        xor     ebx, ebx
.entry: mov     eax, ebx
        mov     ecx, 8
.bit:   shr     eax, 1
        jnc     .zero
        xor     eax, CRC_POLY
.zero:  loop    .bit
        mov     [CRC_TABLE_PHYS + ebx * 4], eax
        inc     bl
        jnz     .entry
; Table k from table k - 1: one more byte of zeros behind.
        mov     esi, CRC_TABLE_PHYS
        mov     ecx, 3 * 256
.next:  mov     eax, [esi]
        movzx   ebx, al
        shr     eax, 8
        xor     eax, [CRC_TABLE_PHYS + ebx * 4]
        mov     [esi + 1024], eax
        add     esi, 4
        loop    .next
        popad
.end:   ret
