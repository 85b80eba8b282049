; SPDX-License-Identifier: MIT
;
; A loader of one sector that behaves well: what the hostile BIOS does to it is survived or
; told, so that a failure of another loader is that loader's and not the shim's.
;
; It reads SECTORS sectors one by one, each twice on the disk, and believes only the proof at
; the sector's end: its number and a sum of 16 bits. No status is believed. Sectors lie below
; LBA 31: cylinder 0 and head 0, whatever the geometry.
;
;   LBA 0        this        LBA 1..15   sectors, filled in by mini.py
;                            LBA 16..30  the same again
;
; Mode on entry: real, DL = drive or not. Says "mini: good" or "mini: cannot read" on E9, COM1
; and screen, then halts for ever.

bits 16
cpu 386
org 0x7C00

%define SECTORS         15
%define BUFFER          0x8000
%define SECTOR_BYTES    512
%define PROOF           (BUFFER + SECTOR_BYTES - 4)     ; number, sum
%define TRIES           16
%define TRIES_GIVEN     8                       ; from here on drive 80h
%define LAST_DRIVE      0x8F

; Variables, out of the way of packets and stack.
%define drive           0x600
%define tries           0x601
%define sector          0x602
%define packet          0x610                   ; 16 bytes and as many to spoil

start:  jmp     short enter
        nop
        times   0x5A - ($ - $$) db 0            ; a BPB, for BIOSes that write one
enter:  cli
        cld
        xor     ax, ax
        mov     ss, ax
        mov     sp, 0x7C00
        mov     ds, ax
        push    byte 2
        popf
        jmp     0:.here
.here:  sti
        mov     [drive], dl
        cmp     dl, LAST_DRIVE
        ja      .first
        cmp     dl, 0x80
        jae     .known
.first: mov     byte [drive], 0x80
.known: mov     word [sector], 1

read:   mov     byte [tries], TRIES
.try:   call    buffer_clear
        mov     ax, [sector]
        test    byte [tries], 2
        jz      .copy
        add     ax, SECTORS
.copy:  call    sector_read
        call    sector_prove
        je      .next
        mov     ah, 0x00
        call    disk
        dec     byte [tries]
        jz      .fail
        cmp     byte [tries], TRIES_GIVEN
        jne     .try
        mov     byte [drive], 0x80
        jmp     .try
.next:  inc     word [sector]
        cmp     word [sector], SECTORS
        jbe     read
        mov     si, text_good
        jmp     say
.fail:  mov     si, text_bad
say:    mov     di, si
.next:  mov     al, [di]
        test    al, al
        jz      .halt
        call    put_char
        inc     di
        jmp     .next
.halt:  cli
        hlt
        jmp     .halt

; In: AX = LBA. One read, by packet or by CHS; its status is nobody's business.
sector_read:
        test    byte [tries], 1
        jnz     .chs
        mov     di, packet
        mov     word [di], 16
        mov     word [di + 2], 1
        mov     word [di + 4], BUFFER
        mov     word [di + 6], 0
        mov     [di + 8], ax
        xor     ax, ax
        mov     [di + 10], ax
        mov     [di + 12], ax
        mov     [di + 14], ax
        mov     si, di
        mov     ah, 0x42
        jmp     disk
.chs:   inc     ax                              ; sectors of a track count from 1
        mov     cx, ax
        mov     dh, 0
        mov     bx, BUFFER
        mov     ax, 0x0201

; INT 13h on the drive. In: AH, AL, BX, CX, DH, SI. All registers gone but SP and segments.
disk:   mov     dl, [drive]
        push    ds
        pop     es
        int     0x13
        cli
        cld
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        sti
        ret

; What does not arrive must not look as if it had.
buffer_clear:
        xor     ax, ax
        mov     es, ax
        mov     di, BUFFER
        mov     cx, SECTOR_BYTES / 2
        rep stosw
        ret

; ZF = 1: the buffer holds the sector that was asked for, unharmed.
sector_prove:
        mov     ax, [PROOF]
        cmp     ax, [sector]
        jne     .end
        mov     si, BUFFER
        mov     cx, SECTOR_BYTES / 2 - 1
        xor     bx, bx
.word:  lodsw
        rol     bx, 1
        add     bx, ax
        loop    .word
        cmp     bx, [PROOF + 2]
.end:   ret

; AL to E9, COM1 (wait bounded) and screen. Keeps everything.
put_char:
        pusha
        out     0xE9, al
        push    ax
        mov     dx, 0x3F8 + 5
        xor     cx, cx
.wait:  in      al, dx
        test    al, 0x20
        loopz   .wait
        pop     ax
        mov     dl, 0xF8
        out     dx, al
        mov     ah, 0x0E
        mov     bx, 7
        int     0x10
        xor     ax, ax
        mov     ds, ax
        popa
        ret

text_good:
        db      13, 10, "mini: good", 13, 10, 0
text_bad:
        db      13, 10, "mini: cannot read", 13, 10, 0

        times   SECTOR_BYTES - 2 - ($ - $$) db 0
        dw      0xAA55
