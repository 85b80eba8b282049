; SPDX-License-Identifier: MIT
;
; Did a disk call go over the BIOS itself? Its vectors and data are compared with what they were
; before the call. One of them may change, by a handler that hooks itself in or gives memory back;
; many at once do so only where sectors land on them, and then the next BIOS call would be the last
; thing that happens.
;
; Mode: protected, called by gate_watch.asm. Clobbers EAX, ECX, ESI, EDI.

%include "stage2/stage2.inc"

extern gate_target, disk_dest, disk_function, bios_gone, screen_put, screen_fault, screen_colour
extern screen_at

%define VECTOR_DISK     0x13
%define MANY            3

section .body
bits 32
global vectors_keep, vectors_check
vectors_keep:
        mov     esi, watched
        mov     edi, kept
.next:  lodsd
        test    eax, eax
        jz      .end
        mov     eax, [eax]
        stosd
        jmp     .next
.end:   ret

; In: DH = vector of the call.
vectors_check:
        cmp     dh, VECTOR_DISK
        jne     .end
        mov     esi, watched
        mov     edi, kept
        xor     ecx, ecx
.next:  lodsd
        test    eax, eax
        jz      .judge
        mov     eax, [eax]
        scasd
        je      .next
        inc     ecx
        jmp     .next
.judge: cmp     ecx, MANY
        jae     .over
.end:   ret
; The screen without the BIOS, as for an exception.
.over:  mov     [changed], ecx
        mov     byte [screen_colour], 0x4F      ; white on red
        mov     dword [screen_at], 22 * 80
        mov     eax, [screen_fault]
        mov     [screen_put], eax
        inc     byte [bios_gone]
        die     LOADER_READ_ELSEWHERE, "a disk call went over the BIOS' vectors and data: ", \
                {1, changed}, " of 08 changed, INT 13h was=", {4, gate_target}, " is=", \
                {4, VECTOR_DISK * 4}, " fn=", {1, disk_function}, " buffer=", {4, disk_dest}

        align   4, db 0
; Vectors of screen, disk, system and keyboard; in the data area equipment and memory, columns of
; the screen, its ports, its rows.
watched:
        dd      0x10 * 4, VECTOR_DISK * 4, 0x15 * 4, 0x16 * 4, 0x410, 0x44A, 0x463, 0x484, 0
kept:   times   8 dd 0
changed:
        dd      0
