; SPDX-License-Identifier: MIT
;
; The one line of a boot without trouble, in text modes only.
;
; Mode: protected. Clobbers everything.

%include "stage2/stage2.inc"

extern put_text, screen_put, screen_bios, screen_direct, screen_at, screen_colour
extern console_sink
extern disk_drive, int13_calls, quirks_noted, kernel_base, payload_bytes

%define BDA_MODE        0x449
%define BDA_CURSOR      0x450                   ; column, row of page 0
%define BDA_CURSOR_ROW  0x451
%define LAST_ROW        24

section .body
bits 32
global summary_show
summary_show:
; Only in the text modes 2, 3 and 7.
        mov     al, [BDA_MODE]
        cmp     al, 7
        je      .text
        and     al, 0xFE
        cmp     al, 2
        jne     .end
; In the row of the cursor, which moves on to the next: whoever prints after us reads it there.
.text:  movzx   eax, byte [BDA_CURSOR_ROW]
        cmp     eax, LAST_ROW
        ja      .end
        imul    ecx, eax, 80
        mov     [screen_at], ecx
        cmp     eax, LAST_ROW
        adc     eax, 0
        mov     ah, al
        mov     al, 0
        mov     [BDA_CURSOR], ax
        mov     byte [screen_colour], 0x07      ; grey on black
        mov     dword [screen_put], screen_direct
        inc     byte [console_sink]
        mov     esi, .line
        call    put_text
        mov     dword [screen_put], screen_bios
        dec     byte [console_sink]
.end:   ret
.line:  text    "plinth: drive ", {1, disk_drive}, " reads ", {1, int13_calls}, " bytes ", \
                {4, payload_bytes}, " at ", {4, kernel_base}, " quirks ", {1, quirks_noted}
