; SPDX-License-Identifier: MIT
;
; CRC-32C of any length and fast: by the CRC32 instruction when SSE4.2 is there, else four bytes a
; step by four tables (crc32c.asm made the first).
;
; Mode: protected. In: ESI = bytes, ECX = how many. Out: EAX. Keeps the rest.

%include "stage2/stage2.inc"

extern crc32c_way, cpu_features2

%define STEPS           32                      ; dwords a turn: what a loop costs is paid once
%define TURN_SHIFT      7

section .body
bits 32
; Takes over from the small one. Table k holds the effect of a byte that k more bytes follow: one
; more byte of zeros behind than table k - 1. Clobbers everything.
global crc32c_widen
crc32c_widen:
        mov     dword [crc32c_way], instruction
        test    dword [cpu_features2], FEATURE_SSE42
        jnz     .end
        mov     dword [crc32c_way], tables
        mov     esi, CRC_TABLE_PHYS
        mov     ecx, 3 * 256
.next:  mov     eax, [esi]
        movzx   ebx, al
        shr     eax, 8
        xor     eax, [CRC_TABLE_PHYS + ebx * 4]
        mov     [esi + 1024], eax
        add     esi, 4
        loop    .next
.end:   ret

instruction:
        pushad
        or      eax, -1
        mov     edx, ecx
        shr     ecx, TURN_SHIFT
        jz      .bytes
.block:
%assign at 0
%rep STEPS
        crc32   eax, dword [esi + at]
%assign at at + 4
%endrep
        add     esi, STEPS * 4
        dec     ecx
        jnz     .block
.bytes: and     edx, STEPS * 4 - 1
        jz      done
.byte:  crc32   eax, byte [esi]
        inc     esi
        dec     edx
        jnz     .byte
done:   not     eax
        mov     [esp + 28], eax
        popad
        ret

; One dword. %1, %2, %3 = the sum so far, its low and its high byte; %4 = the sum with it. Two
; registers take turns, so that none is copied.
%macro step 4
        xor     %1, [esi + at]
        movzx   ebx, %2
        movzx   edx, %3
        mov     %4, [CRC_TABLE_PHYS + 3 * 1024 + ebx * 4]
        shr     %1, 16
        xor     %4, [CRC_TABLE_PHYS + 2 * 1024 + edx * 4]
        movzx   ebx, %2
        movzx   edx, %3
        xor     %4, [CRC_TABLE_PHYS + 1 * 1024 + ebx * 4]
        xor     %4, [CRC_TABLE_PHYS + edx * 4]
%assign at at + 4
%endmacro

tables: pushad
        or      eax, -1
        push    ecx
        shr     ecx, TURN_SHIFT
        jz      .rest
        mov     ebp, ecx
.block:
%assign at 0
%rep STEPS / 2
        step    eax, al, ah, ecx
        step    ecx, cl, ch, eax
%endrep
        add     esi, STEPS * 4
        dec     ebp
        jnz     .block
.rest:  pop     edx
        and     edx, STEPS * 4 - 1
        jz      done
.byte:  movzx   ebx, al
        xor     bl, [esi]
        inc     esi
        shr     eax, 8
        xor     eax, [CRC_TABLE_PHYS + ebx * 4]
        dec     edx
        jnz     .byte
        jmp     done

%if STEPS * 4 != 1 << TURN_SHIFT
%error "crc32c_wide.asm divides by the bytes of a turn with another shift"
%endif
