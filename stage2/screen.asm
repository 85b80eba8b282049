; SPDX-License-Identifier: MIT
;
; Characters straight into video memory: for the one line of a good boot, where INT 10h would cost
; more than a thousand firmware instructions a character, and for exceptions, after which the BIOS
; is not to be called any more.
;
; Mode: protected.

%include "stage2/stage2.inc"

extern screen_at, screen_colour

%define BDA_VIDEO_MODE  0x449
%define SCREEN_CELLS    (25 * 80)
%define COLOUR_PHYS     0xB8000
%define MONO_PHYS       0xB0000

section .body
bits 32
; AL at cell screen_at, which moves on, in screen_colour. Control characters are left out.
; Clobbers EAX, ECX, EDI.
global screen_direct
screen_direct:
        cmp     al, ' '
        jb      .end
        mov     ah, [screen_colour]
        mov     ecx, [screen_at]
        cmp     ecx, SCREEN_CELLS
        jae     .end
        inc     dword [screen_at]
        mov     edi, COLOUR_PHYS
        cmp     byte [BDA_VIDEO_MODE], 7
        jne     .colour
        mov     edi, MONO_PHYS
.colour:
        mov     [edi + ecx * 2], ax
.end:   ret
