; SPDX-License-Identifier: MIT
;
; A loader of one sector that behaves well: what the hostile BIOS does to it is survived or
; told, so that a failure of another loader is that loader's and not the shim's.
;
; It reads SECTORS sectors, each twice on the disk, and believes only the proof at a sector's
; end: its number and a sum of 16 bits. No status is believed. One large packet read is tried
; first; if it did not bring all, the sectors come one by one, by packet or by CHS, from the
; one place or the other.
;
;   LBA 0        this        LBA 1..15     sectors, filled in by mini.py: cylinder 0, head 0,
;                                          whatever the geometry
;                            LBA 501..515  the same again
;
; Mode on entry: real, DL = drive or not. Says "mini: good" or "mini: lost" on E9, COM1
; and screen, then halts for ever.

bits 16
cpu 386
org 0x7C00

%define SECTORS         15
%define SECOND          500
%define AHEAD           64                      ; sectors of the large read
%define BUFFER          0x8000
%define SECTOR_BYTES    512
%define PROOF           (SECTOR_BYTES - 4)      ; number, sum
%define TRIES           16
%define TRIES_GIVEN     8                       ; from here on drive 80h
%define LAST_DRIVE      0x8F

; Variables, out of the way of packets and stack.
%define drive           0x600
%define tries           0x601
%define sector          0x602
%define heads           0x604                   ; the drive's geometry, or 0
%define track           0x606
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
.known: mov     ah, 0x41                        ; what it says about packets is not believed
        mov     bx, 0x55AA
        call    disk
        call    geometry_ask

; All at once? Then the second half is read again, one by one, as the rest would have been.
        mov     ax, 1
        mov     [sector], ax
        mov     cx, AHEAD
        call    packet_read
        mov     bp, BUFFER
.ahead: call    sector_prove
        jne     .single
        add     bp, SECTOR_BYTES
        inc     word [sector]
        cmp     word [sector], SECTORS
        jbe     .ahead
        mov     word [sector], SECTORS / 2
        jmp     read

.single:
        mov     word [sector], 1
read:   mov     byte [tries], TRIES
.try:   call    buffer_clear
        mov     ax, [sector]
        test    byte [tries], 2
        jz      .copy
        add     ax, SECOND
.copy:  call    sector_read
        mov     bp, BUFFER
        call    sector_prove
        je      .next
        mov     ah, 0x00
        call    disk
        dec     byte [tries]
        jz      read_fail
        cmp     byte [tries], TRIES_GIVEN
        jne     .try
        mov     byte [drive], 0x80
        call    geometry_ask
        jmp     .try
.next:  inc     word [sector]
        cmp     word [sector], SECTORS
        jbe     read
        mov     si, text_good
        jmp     say
read_fail:
        mov     si, text_bad
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

; AH=08h. No answer is no geometry: what was in CX before must not pass for one.
geometry_ask:
        xor     cx, cx
        mov     ah, 0x08
        call    disk
        and     cx, 63
        mov     [track], cx
        movzx   ax, dh
        inc     ax
        mov     [heads], ax
        ret

; In: AX = LBA. One sector, by packet or by CHS; the status is nobody's business.
sector_read:
        mov     cx, 1
        test    byte [tries], cl
        jnz     .chs
; In: AX = LBA, CX = sectors.
packet_read:
        mov     di, packet
        mov     word [di], 16
        mov     [di + 2], cx
        mov     word [di + 4], BUFFER
        mov     [di + 8], ax
        xor     ax, ax
        mov     [di + 6], ax
        mov     [di + 10], ax
        mov     [di + 12], ax
        mov     [di + 14], ax
        mov     si, di
        mov     ah, 0x42
        jmp     disk
sector_read.chs:
        xor     dx, dx
        cmp     word [track], 0
        je      .track
        div     word [track]
        mov     cx, dx
        xor     dx, dx
        div     word [heads]
        mov     ch, al                          ; the second copy's cylinder is below 256
        mov     dh, dl
        mov     al, cl
.track: cmp     ax, 63
        jae     disk.end                        ; no geometry, so only cylinder 0, head 0
        inc     ax                              ; sectors of a track count from 1
        mov     cl, al
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
.end:   ret

; What does not arrive must not look as if it had.
buffer_clear:
        xor     ax, ax
        mov     es, ax
        mov     di, BUFFER
        mov     cx, SECTOR_BYTES / 2
        rep stosw
        ret

; ZF = 1: at BP lies the sector that was asked for, unharmed.
sector_prove:
        mov     ax, [bp + PROOF]
        cmp     ax, [sector]
        jne     .end
        mov     si, bp
        mov     cx, SECTOR_BYTES / 2 - 1
        xor     bx, bx
.word:  lodsw
        rol     bx, 1
        add     bx, ax
        loop    .word
        cmp     bx, [bp + PROOF + 2]
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
        popa
        ret

text_good:
        db      "mini: good", 13, 10, 0
text_bad:
        db      "mini: lost", 13, 10, 0

        times   SECTOR_BYTES - 2 - ($ - $$) db 0
        dw      0xAA55
