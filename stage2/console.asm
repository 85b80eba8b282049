; SPDX-License-Identifier: MIT
;
; How stage2 speaks: port E9 and COM1 directly, the screen through INT 10h, or video memory when
; the BIOS is not to be called any more. Only reports and one summary line come this way.

%include "stage2/stage2.inc"

extern serial_present, console_sink, gate_clear
extern gate_eax, gate_ebx

%define SERIAL_WAIT     0x20000                 ; polls; a character at 9600 baud takes about 1000

section .head
bits 32

; COM1: is it there (scratch register, then loop-back)? If so 115200 baud, 8N1. Clobbers EAX-EDX.
global serial_init
serial_init:
        mov     dx, PORT_COM1 + 7
        mov     al, 0xA5
        out     dx, al
        in      al, dx
        cmp     al, 0xA5
        jne     .none
; Divisor 1, no interrupts, FIFO on.
        mov     esi, .setup
        push    byte 7
        pop     ecx
.write: lodsw
        mov     dx, PORT_COM1
        add     dl, ah
        out     dx, al
        loop    .write
; Send a byte round inside the chip.
        mov     dx, PORT_COM1
        mov     al, 0xAE
        out     dx, al
        mov     ecx, SERIAL_WAIT
        mov     dl, (PORT_COM1 + 5) & 0xFF
.wait:  in      al, dx
        test    al, 1
        loopz   .wait
        mov     dl, PORT_COM1 & 0xFF
        in      al, dx
        cmp     al, 0xAE
        jne     .none
        mov     dl, (PORT_COM1 + 4) & 0xFF
        mov     al, 0x0B
        out     dx, al
        mov     byte [serial_present], 1
.none:  ret
; value, register
.setup: db      0x80, 3,  1, 0,  0, 1,  0x03, 3,  0, 1,  0xC7, 2,  0x1E, 4

; AL to E9 and COM1, or to the screen. Keeps everything.
put_char:
        pushad
        cmp     byte [console_sink], 0
        jne     .screen
        out     PORT_E9, al
        cmp     byte [serial_present], 0
        je      .done
        mov     ah, al
        mov     ecx, SERIAL_WAIT
        mov     dx, PORT_COM1 + 5
.wait:  in      al, dx
        test    al, 0x20
        loopz   .wait
        jz      .dead
        mov     al, ah
        mov     dl, PORT_COM1 & 0xFF
        out     dx, al
        jmp     .done
.dead:  mov     byte [serial_present], 0
        jmp     .done
.screen:
        call    [screen_put]
.done:  popad
        ret

; How a character gets to the screen: by the BIOS, or by screen_direct once the body is here.
; In: AL. Clobbers everything.
global screen_put, screen_bios
screen_put:
        dd      screen_bios
screen_bios:
        call    gate_clear
        mov     ah, 0x0E
        mov     [gate_eax], ax
        mov     byte [gate_ebx], 7
        bios    0x10
        ret

; Value of CL digits in EAX (CL = 2, 4, 8), most significant first. Keeps everything.
put_hex:
        pushad
        movzx   ebx, cl
        shl     ecx, 2
        ror     eax, cl                         ; the first digit to the top; 32 turns nothing
.digit: rol     eax, 4
        push    eax
        and     al, 15
        cmp     al, 10
        sbb     al, 0x69
        das
        call    put_char
        pop     eax
        dec     ebx
        jnz     .digit
        popad
        ret

; Text at ESI with its fields (stage2.inc); ESI out = behind it. Keeps the rest.
global put_text
put_text:
        push    eax
        push    ecx
        push    edx
.next:  lodsb
        cmp     al, TEXT_SUB
        je      .sub
        cmp     al, TEXT_AT
        je      .at
        cmp     al, 8
        ja      .char
        cmp     al, 0
        je      .end
; A field: AL = bytes; its address follows.
        movzx   edx, word [esi]
        inc     esi
        inc     esi
        cmp     al, 8
        jne     .short
        mov     eax, [edx + 4]
        mov     cl, 8
        call    put_hex
        mov     al, 4
.short: lea     ecx, [eax * 2]
        mov     eax, [edx]
        call    put_hex
        jmp     .next
.at:    push    esi
        movzx   esi, word [esi]
        mov     esi, [esi]
        jmp     .inner
.sub:   push    esi
        movzx   esi, word [esi]
.inner: call    put_text
        pop     esi
        inc     esi
        inc     esi
        jmp     .next
.char:  call    put_char
        jmp     .next
.end:   pop     edx
        pop     ecx
        pop     eax
        ret
