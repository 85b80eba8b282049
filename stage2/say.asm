; SPDX-License-Identifier: MIT
;
; One line said on the way: on E9 and COM1 first, then on the screen through the BIOS, which
; scrolls and knows every video mode. Not for a boot without trouble: summary.asm is cheaper.
;
; Mode: protected. In: behind the call a byte with the length of the text, then the text (macro
; tell, stage2.inc). Returns behind it; keeps everything but the flags.

%include "stage2/stage2.inc"

extern put_text, console_sink, safe_mode, report_facts

%define BDA_CURSOR      0x450                   ; column on page 0

section .body
bits 32
global say_line, say_verbose
; Only in safe mode.
say_verbose:
        cmp     byte [safe_mode], 0
        jne     say_line
        xchg    esi, [esp]
        push    eax
        movzx   eax, byte [esi]
        lea     esi, [esi + eax + 1]
        pop     eax
        xchg    esi, [esp]
        ret

say_line:
        xchg    esi, [esp]
        push    eax
        movzx   eax, byte [esi]
        inc     esi
        add     eax, esi
        push    eax
.sink:  push    esi
; Whoever printed before us may have left the cursor in the middle of a row.
        cmp     byte [console_sink], 0
        je      .text
        cmp     byte [BDA_CURSOR], 0
        je      .text
        mov     esi, .newline
        call    put_text
        mov     esi, [esp]
.text:  call    put_text
        mov     esi, .newline
        call    put_text
        pop     esi
        xor     byte [console_sink], 1
        jnz     .sink
        pop     esi
        pop     eax
        xchg    esi, [esp]
        ret
.newline:
        db      13, 10, 0

; The first bytes of what lies at ESI, anywhere, to where message texts can name them. Clobbers ECX,
; ESI, EDI.
global facts_take
facts_take:
        mov     edi, report_facts
        mov     ecx, REPORT_FACTS_BYTES / 4
        rep movsd
        ret
