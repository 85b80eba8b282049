; SPDX-License-Identifier: MIT
;
; stage1: the boot sector. Brings stage2's head to 0x7E00, proves it by CRC-32C, jumps to it.
;
; Mode on entry: real; CS:IP 0000:7C00 or 07C0:0000; DL = drive as the BIOS claims; nothing else
;                is trusted: flags, stack, segments, upper halves.
; Out:           jump to 0000:7E00 with DL = drive in use, DH = DL as given, AH = tries left,
;                SS:SP = 0:7C00, DS = ES = 0, stage1_tsc stamped (0 on a CPU without counter).
; On failure:    "plinth: S1 X aadd" on screen, COM1 and port E9, then halt for ever.
;                aa = AH, dd = DL of the last read; X = D: the read failed, C: it
;                "worked" (AH = 0), but the checksum is wrong.
;
; Bytes 003h..059h may be overwritten by the BIOS (BPB), DAh..DFh by old systems (time stamp):
; data only there. scripts/image.py seal fills in 1A0h..1FDh.

%include "layout.inc"
%include "disk_format.inc"
%include "offsets.inc"

%define HEAD_SECTORS  (STAGE2_HEAD_BYTES / 512)
%define STACK_TOP     (REAL_STACK_TOP - 2)
%define DRIVE_GIVEN   (STACK_TOP + 0)
%define DRIVE_USED    (STACK_TOP + 1)
; Tries left: even ones by EDD, odd ones by CHS. stage2 reads the story in them (head_tell.asm).
%define TRIES         STAGE1_TRIES
%define TRIES_FIRST   5                         ; from here on: the first hard disk
%define TRIES_COPY    STAGE1_COPY_BIT           ; these by EDD: the copy in the partition
%define CRC_POLY      0x82F63B78                ; 1EDC6F41h reflected

extern stage1_tsc, stage1_status, stage2_head

section .stage1 progbits alloc exec nowrite align=1
bits 16
global stage1_entry
stage1_entry:
        jmp     short enter
        nop

; What a BIOS may take for a BPB: plausible, written to by some, never read by us.
        db      "PLINTH  "
        dw      512                             ; bytes a sector
        db      1                               ; sectors a cluster
        dw      1                               ; reserved sectors
        db      2                               ; FATs
        dw      224, 2880                       ; root entries, sectors
        db      0xF0                            ; medium
        dw      9, 18, 2                        ; sectors a FAT, a track; heads
        times   MBR_BPB_END - ($ - $$) db 0

; Known flags (NT, DF, IF, TF clear), known segments, known stack.
enter:  xor     cx, cx
        mov     ss, cx
        mov     sp, REAL_STACK_TOP
        push    byte 2
        popf
        mov     ds, cx
        mov     es, cx
; No drive above 8Fh is touched, whatever the BIOS gave: probing those kills some machines.
        mov     dh, dl
        and     dh, 0x8F
        push    dx
        jmp     0:.here
.here:
; The time stamp; a CPU without RDTSC raises #UD and comes out at .no_tsc with a dirty stack.
        xor     eax, eax
        cdq
        mov     edi, .no_tsc
        xchg    edi, [6 * 4]
        rdtsc
.no_tsc:
        mov     sp, STACK_TOP
        mov     [6 * 4], edi
        mov     [stage1_tsc], eax
        mov     [stage1_tsc + 4], edx
        mov     dx, TRIES << 8 | HEAD_SECTORS   ; DH = tries left, DL = sectors a call

; Is the head here already (a BIOS with 4096-byte sectors), or after the read below?
check:  mov     si, STAGE2_PHYS
        cmp     byte [si + stage2_head_magic], STAGE2_HEAD_MAGIC & 0xFF
        jne     bad
        or      eax, -1
.byte:  xor     al, [si]
        inc     si
        mov     cl, 8                           ; CH is 0 all the time
        jmp     short crc_bit

; The head is good.
go:     xchg    ax, dx
        pop     dx
        xchg    dl, dh
        jmp     stage2_head

; INT 13h on the drive in use. AX, BX, CX, DH, SI in; AH and flags out; the rest gone.
int13:  mov     dl, [DRIVE_USED]
        int     0x13
        push    cs
        push    cs
        pop     ds
        pop     es
        ret

; AL to port E9, COM1 (wait bounded) and screen. Everything kept.
putc:   pusha
        out     PORT_E9, al
        push    ax
        mov     dx, PORT_COM1 + 5
        xor     cx, cx
.wait:  in      al, dx
        test    al, 0x20
        loopz   .wait
        pop     ax
        mov     dl, PORT_COM1 & 0xFF
        out     dx, al
        mov     ah, 0x0E
        mov     bx, 0x0007
        int     0x10
        popa
        ret
before_stamp:
        times   MBR_STAMP_END - ($ - $$) db 0

%if DISK_PARTITION / 512 != TRIES_COPY * 2 << 8
%error "stage1: the tries that read the second copy no longer give its LBA"
%endif
%if before_stamp - $$ > MBR_STAMP_BEGIN
%error "stage1: code reaches into the time stamp of old systems"
%endif

crc_bit:
        shr     eax, 1
        jnc     .zero
        xor     eax, CRC_POLY
.zero:  loop    crc_bit
        cmp     si, STAGE2_PHYS + STAGE2_HEAD_BYTES
        jne     check.byte
        not     eax
        cmp     eax, [STAGE1_PHYS + MBR_HEAD_CRC]
        je      go

; Another try: all seven sectors in one call first, then one sector a call. AH=41h is not asked
; whether EDD is there: a BIOS may lie both ways, the checksum cannot.
bad:    dec     dh
        jz      fail
        cmp     dh, TRIES_FIRST
        jne     .same
        mov     byte [DRIVE_USED], 0x80
.same:  mov     cl, 1                           ; LBA, and CHS sector less one
        mov     bx, STAGE2_PHYS
.piece: pusha
        mov     al, dl
        cbw
        test    dh, 1
        jnz     .chs

; EDD. The packet lies on the stack; a BIOS may write behind it: DI, SI, BP of pusha are dead.
        mov     ch, dh
        and     ch, TRIES_COPY
        add     ch, ch                          ; 8: LBA 2048 and so on, the partition
        push    dword 0
        push    ds
        push    cx
        push    ds
        push    bx
        push    ax
        push    byte 16
        mov     si, sp
        mov     ah, 0x42
        jmp     short .read

; CHS: cylinder 0, head 0, whatever the geometry; LBA 1..7 are sectors 2..8 of the first track.
.chs:   sub     sp, 16
        inc     cx
        mov     dh, 0
        mov     ah, 0x02
.read:  call    int13
        mov     [stage1_status], ah
        popa
        popa
        jc      .reset
        add     cl, dl
        add     bh, dl
        add     bh, dl
        cmp     cl, HEAD_SECTORS
        jbe     .piece
        jmp     short .check
.reset: pusha
        mov     ah, 0x00
        call    int13
        popa
.check: mov     dl, 1
        jmp     check

fail:   mov     si, text
        mov     ah, [stage1_status]
        cmp     ah, 1
        sbb     byte [letter], 0                ; D becomes C when the last status is 0
.text:  cld
        lodsb
        call    putc
        cmp     si, text_end
        jne     .text
; AH and DL as four digits.
        mov     al, [DRIVE_USED]
        mov     cx, 4
.digit: rol     ax, 4
        push    ax
        and     al, 15
        cmp     al, 10
        sbb     al, 0x69
        das
        call    putc
        pop     ax
        loop    .digit
.halt:  cli
        hlt
        jmp     .halt

text:   db      "plinth: S1 "
letter: db      "D "
text_end:

        times   MBR_FIELDS - ($ - $$) db 0

; Patched by image.py seal: CRC and bytes of the head, base marker, version, UUID.
        times   MBR_DISK_SIGNATURE - ($ - $$) db 0
; Disk signature, partition table.
        times   MBR_SIGNATURE - ($ - $$) db 0
        db      0x55, 0xAA
