; SPDX-License-Identifier: MIT
;
; A hostile BIOS: a boot sector that puts itself between the firmware and an unmodified
; boot image.
;
; It boots as drive 80h from a small disk of its own; the image under test is drive 81h.
; It takes memory from the top of conventional memory (40:13h), moves there, hooks INT
; 10h, 12h, 13h, 15h, 16h and 1Ch, swaps the two drives, loads the image's first sector
; to 0:7C00 and jumps there as a BIOS would. How it misbehaves stands in the scenario
; block, which shim.py fills in; no clock, and no chance but the seed. Each fault is one
; line "shim: ..." on port E9 and COM1, so that a test knows that it happened; each call
; of INT 13h is one line "shim: call ..." on port E9 alone.
;
;   0x0000  boot sector; also the routines that both copies need
;   0x0200  scenario block: the SC_... names, then the rules (RULE_...)
;   0x0400  resident code: this file, then one file for each service
;   0x2000  TABLE: memory map, entries of ENTRY_BYTES
;   then    a mark in the last dword, which tells that all of it was read
;
; The numbers in capitals have their home in shim.py, which puts them before this file.
; Mode: real. Offsets are the same in the boot sector (CS = 07C0h) and the resident copy.

%ifndef SC_FLAGS
%error "assemble with shim.py: the scenario's layout is missing"
%endif

bits 16
cpu 386
org 0

%define BOOT_SEGMENT    0x07C0
%define BOOT_OFFSET     0x7C00
%define BDA_SEGMENT     0x0040
%define BDA_EBDA        0x000E
%define BDA_KIB         0x0013
%define BDA_SHIFTS      0x0017
%define BDA_TICKS       0x006C
%define SECTOR_BYTES    512
%define IVT_BYTES       1024
%define REAL_DRIVE      0x81                    ; the image, as the BIOS numbers it
%define PORT_FAST       0x92
%define BPB_BEGIN       0x0B
%define BPB_END         0x25

; say "text": one piece of a line; say_line ends it. Both keep every register and flag.
%macro say 1+
        jmp     %%over
%%text: db      %1, 0
%%over: push    si
        mov     si, %%text
        call    say_text
        pop     si
%endmacro
%macro say_line 1+
        say     %1, 13, 10
%endmacro

; say_value "text", DIGITS, source: the text, then the value in hex. Keeps everything.
%macro say_value 3
        say     %1
        push    eax
        mov     eax, %3
        push    cx
        mov     cl, %2
        call    say_hex
        pop     cx
        pop     eax
%endmacro

boot:
        jmp     BOOT_SEGMENT:.start
.start: cli
        xor     ax, ax
        mov     ss, ax
        mov     sp, BOOT_OFFSET
        cld
        sti
        mov     ax, cs
        mov     ds, ax

; Memory from the top; what an honest boot manager would do.
        mov     ax, BDA_SEGMENT
        mov     es, ax
        mov     ax, [es:BDA_KIB]
        sub     ax, SHIM_BYTES / 1024
        mov     [es:BDA_KIB], ax
        shl     ax, 10 - 4
        mov     [own.segment], ax
        mov     [own_segment], ax

; Sector by sector: no limit of the real BIOS is near. DL is still its own.
        mov     cx, SHIM_BYTES / SECTOR_BYTES
.sector:
        mov     si, own
        mov     ah, 0x42
        int     0x13
        jc      .fail
        add     word [own.segment], SECTOR_BYTES / 16
        inc     word [own.lba]
        loop    .sector
        mov     es, [own_segment]
        cmp     dword [es:SHIM_BYTES - 4], SHIM_MAGIC
        jne     .fail
        push    es
        push    resident
        retf
.fail:  say_line "shim: cannot read itself"
        jmp     stop

stop:   cli
        hlt
        jmp     stop

; CS:SI = text. Keeps every register and flag.
say_text:
        pushf
        pusha
        cld
.next:  cs lodsb
        test    al, al
        jz      .end
        call    say_char
        jmp     .next
.end:   popa
        popf
        ret

; EAX = value, CL = digits. Keeps every register and flag.
say_hex:
        pushf
        pushad
        mov     ch, 0
        mov     bx, cx
        shl     cl, 2
        ror     eax, cl                         ; the first digit to the top
.digit: rol     eax, 4
        push    ax
        and     al, 15
        add     al, '0'
        cmp     al, '9'
        jbe     .say
        add     al, 'A' - '0' - 10
.say:   call    say_char
        pop     ax
        dec     bx
        jnz     .digit
        popad
        popf
        ret

; AL to port E9, and to COM1 unless the line is for E9 alone. Keeps everything.
say_char:
        pushf
        pusha
        out     0xE9, al
        cmp     byte [cs:e9_alone], 0
        jne     .end
        mov     ah, al
        mov     dx, 0x3F8 + 5
        xor     cx, cx
.wait:  in      al, dx
        test    al, 0x20
        loopz   .wait
        mov     al, ah
        mov     dl, 0xF8
        out     dx, al
.end:   popa
        popf
        ret

        align   4, db 0
own:    dw      16, 1
        dw      0
.segment:
        dw      0
.lba:   dq      0
own_segment:
        dw      0
e9_alone:
        db      0

%if $ - $$ > SECTOR_BYTES - 2
%error "the boot sector is full"
%endif
        times SECTOR_BYTES - 2 - ($ - $$) db 0
        dw      0xAA55

        times SCENARIO_AT - ($ - $$) db 0
        times SCENARIO_BYTES db 0
        times RESIDENT_AT - ($ - $$) db 0

; hook VECTOR, OLD, NEW: ES = 0, interrupts off.
%macro hook 3
        mov     eax, [es:%1 * 4]
        mov     [%2], eax
        mov     word [es:%1 * 4], %3
        mov     [es:%1 * 4 + 2], cs
%endmacro

resident:
        mov     ax, cs
        mov     ds, ax
        mov     ax, BDA_SEGMENT
        mov     es, ax
        mov     ax, [es:BDA_EBDA]
        mov     [ebda_hidden], ax
        mov     eax, [SC_SEED]
        mov     [rubbish_state], eax
        mov     dx, 0x3F8 + 3                   ; 8N1: not every BIOS sets the port up
        mov     al, 3
        out     dx, al
        xor     ax, ax
        mov     es, ax
        mov     eax, [es:0x13 * 4]
        mov     [old13], eax
        call    geometry_learn

; The image's first sector, by the BIOS' own hand.
        mov     word [request.offset], BOOT_OFFSET
        mov     eax, [SC_BASE_LBA]
        mov     [request.lba_read], eax
        mov     word [request.take], 1
        call    disk_perform
        cmp     byte [status.carry], 0
        jne     .fail
        xor     ax, ax
        mov     es, ax
        cmp     word [es:BOOT_OFFSET + SECTOR_BYTES - 2], 0xAA55
        jne     .fail
        cli
        hook    0x10, old10, int10
        hook    0x12, old12, int12
        hook    0x13, old13, int13
        hook    0x15, old15, int15
        hook    0x16, old16, int16
        hook    0x1C, old1c, int1c
        call    limits_prepare                  ; copies the vectors, ours among them
        sti
        jmp     start
.fail:  say_line "shim: cannot read the image under test"
        jmp     stop

%include "tests/firmware/shim_start.inc"
%include "tests/firmware/shim_disk.inc"
%include "tests/firmware/shim_rules.inc"
%include "tests/firmware/shim_read.inc"
%include "tests/firmware/shim_spoil.inc"
%include "tests/firmware/shim_memory.inc"
%include "tests/firmware/shim_e820.inc"
%include "tests/firmware/shim_console.inc"

        align   4, db 0
old10:  dd      0
old12:  dd      0
old13:  dd      0
old15:  dd      0
old16:  dd      0
old1c:  dd      0
; The EBDA word that is not at 40:0Eh now: the lie while the BIOS works, else the truth.
ebda_hidden:
        dw      0
        align   16, db 0
ivt_copy:
        times IVT_BYTES db 0

%if $ - $$ > TABLE_AT
%error "the resident code reaches into the table"
%endif
        times TABLE_AT - ($ - $$) db 0
        times SHIM_BYTES - 4 - ($ - $$) db 0
        dd      SHIM_MAGIC
