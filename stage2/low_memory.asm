; SPDX-License-Identifier: MIT
;
; Where conventional memory ends: INT 12h, 40:13h and the EBDA pointer 40:0Eh. All are recorded
; as found; those outside sane borders are ignored, the lowest of the rest counts.
;
; A BIOS call may take some more of it (a USB stick's buffers, say), so after the last one the two
; words in memory are looked at again.
;
; Mode: protected. Out: int12_kib, bda_kib, ebda_segment, low_top. Clobbers everything.

%include "stage2/stage2.inc"

extern gate_clear, gate_eax, int12_kib, bda_kib, ebda_segment, low_top, low_top_check

%define BDA_EBDA        0x40E
%define BDA_KIB         0x413
%define KIB_LOWEST      64
%define KIB_HIGHEST     640
%define EBDA_LOWEST     0x4000
%define EBDA_HIGHEST    0x9FFF

section .body
bits 32
global low_memory_read
low_memory_read:
        call    gate_clear
        bios    0x12
        movzx   eax, word [gate_eax]
        mov     [int12_kib], eax
        movzx   ebx, word [BDA_KIB]
        mov     [bda_kib], ebx
        movzx   esi, word [BDA_EBDA]
        mov     [ebda_segment], esi

; EDI = lowest sane end in bytes, EBP = highest.
        mov     edi, VGA_HOLE_PHYS
        xor     ebp, ebp
        mov     ecx, 1
        call    .kib
        mov     eax, ebx
        inc     ecx
        call    .kib
        inc     ecx
        mov     eax, esi
        shl     eax, 4
        mov     edx, eax
        cmp     esi, EBDA_LOWEST
        jb      .insane_ebda
        cmp     esi, EBDA_HIGHEST
        ja      .insane_ebda
        call    .lower
        jmp     .known
.insane_ebda:
        quirk   QUIRK_LOW_TOP_INSANE
.known: cmp     edi, ebp
        jae     .agree
        mov     edx, edi
        xor     ecx, ecx
        quirk   QUIRK_LOW_TOP_DISAGREES
.agree: mov     [low_top], edi
        ret

.kib:   mov     edx, eax
        shl     edx, 10
        cmp     eax, KIB_LOWEST
        jb      .insane
        cmp     eax, KIB_HIGHEST
        ja      .insane
        mov     eax, edx
.lower: cmp     eax, ebp
        jbe     .above
        mov     ebp, eax
.above: cmp     eax, edi
        jae     .end
        mov     edi, eax
.end:   ret
.insane:
        quirk   QUIRK_LOW_TOP_INSANE
        ret

; After the last BIOS call. Words that were insane the first time were told then.
global low_memory_again
low_memory_again:
        mov     edi, [low_top]
        movzx   eax, word [BDA_KIB]
        sub     eax, KIB_LOWEST
        cmp     eax, KIB_HIGHEST - KIB_LOWEST
        ja      .ebda
        add     eax, KIB_LOWEST
        shl     eax, 10
        call    .lower
.ebda:  movzx   eax, word [BDA_EBDA]
        cmp     eax, EBDA_LOWEST
        jb      .known
        cmp     eax, EBDA_HIGHEST
        ja      .known
        shl     eax, 4
        call    .lower
.known: cmp     edi, [low_top]
        je      .end
        mov     [low_top], edi
        xor     ecx, ecx
        mov     edx, edi
        quirk   QUIRK_LOW_TOP_MOVED
        jmp     low_top_check
.lower: cmp     eax, edi
        jae     .end
        mov     edi, eax
.end:   ret
