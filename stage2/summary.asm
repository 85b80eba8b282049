; SPDX-License-Identifier: MIT
;
; The one line of a boot without trouble. Written to video memory in text mode: INT 10h costs more
; than a thousand firmware instructions a character.
;
; Mode: protected. Clobbers everything.

%include "stage2/stage2.inc"

extern put_text, console_sink, screen_direct, screen_at
extern disk_drive, disk_edd, sector_bytes, int13_calls, quirks_noted, kernel_base, payload_bytes

section .body
bits 32
global summary_show
summary_show:
        inc     byte [console_sink]
        inc     byte [screen_direct]
        mov     esi, .line
        call    put_text
        dec     byte [screen_direct]
        dec     byte [console_sink]
        mov     dword [screen_at], 0
        ret
.line:  text    "plinth: drive ", {1, disk_drive}, " reads ", {1, int13_calls}, " bytes ", \
                {4, payload_bytes}, " at ", {4, kernel_base}, " quirks ", {1, quirks_noted}
