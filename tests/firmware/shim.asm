; SPDX-License-Identifier: MIT
;
; A BIOS that lies: a boot sector that puts itself between the firmware and an unmodified
; Plinth.
;
; It boots as drive 80h from a small disk of its own; Plinth's image is drive 81h. It
; takes memory from the top of conventional memory (40:13h), moves there, hooks INT 12h,
; 13h and 15h, swaps the two drives, loads LBA 0 of the image to 0:7C00 and jumps there
; as a BIOS would, with DL = 80h. What it lies about stands in the scenario block, which
; shim.py fills in; no clock, no chance. Each lie is one line "shim: ..." on port E9, so
; that a test knows that it was told.
;
;   0x0000  boot sector; also the routines that both copies need
;   0x0200  scenario block: the SC_... names
;   0x0400  resident code
;   0x1000  TABLE: memory map, entries of ENTRY_BYTES
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
%define BDA_SEGMENT     0x0040
%define BDA_EBDA        0x000E
%define BDA_KIB         0x0013
%define SECTOR_BYTES    512
%define PRODUCT_DRIVE   0x80                    ; as everyone sees it after the swap

; say "text": one piece of a line to port E9; keeps every register and flag.
%macro say 1+
        jmp     %%over
%%text: db      %1, 0
%%over: push    si
        mov     si, %%text
        call    say_text
        pop     si
%endmacro

boot:
        jmp     BOOT_SEGMENT:.start
.start: cli
        xor     ax, ax
        mov     ss, ax
        mov     sp, 0x7C00
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

        mov     si, own
        mov     ah, 0x42
        int     0x13                            ; DL is still the BIOS' own
        jc      .fail
        mov     es, [own.segment]
        cmp     dword [es:SHIM_BYTES - 4], SHIM_MAGIC
        jne     .fail
        push    es
        push    resident
        retf
.fail:  say     "shim: cannot read itself", 10
        jmp     stop

stop:   cli
        hlt
        jmp     stop

; CS:SI = text. Keeps every register and flag.
say_text:
        pushf
        push    ax
        push    si
        cld
.next:  cs lodsb
        test    al, al
        jz      .end
        out     0xE9, al
        jmp     .next
.end:   pop     si
        pop     ax
        popf
        ret

; AX in decimal. Keeps every register and flag.
say_number:
        pushf
        pusha
        mov     bx, 10
        xor     cx, cx
.split: xor     dx, dx
        div     bx
        push    dx
        inc     cx
        test    ax, ax
        jnz     .split
.show:  pop     ax
        add     al, '0'
        out     0xE9, al
        loop    .show
        popa
        popf
        ret

        align   4, db 0
own:    dw      16, SHIM_BYTES / SECTOR_BYTES
        dw      0
.segment:
        dw      0
        dq      0

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
        xor     ax, ax
        mov     es, ax
        cli
        hook    0x12, old12, int12
        hook    0x13, old13, int13
        hook    0x15, old15, int15
        sti

; The product's first sector, through our own hook.
        mov     si, product
        mov     ah, 0x42
        mov     dl, PRODUCT_DRIVE
        int     0x13
        jc      .fail
        cmp     word [es:0x7C00 + SECTOR_BYTES - 2], 0xAA55
        jne     .fail

; Lies in the BIOS data area, the last thing before the jump.
        mov     ax, BDA_SEGMENT
        mov     es, ax
        test    byte [SC_FLAGS], FLAG_BDA_KIB
        jz      .kib_true
        mov     ax, [SC_BDA_KIB]
        mov     [es:BDA_KIB], ax
        say     "shim: 40:13 is a lie", 10
.kib_true:
        test    byte [SC_FLAGS], FLAG_EBDA
        jz      .ebda_true
        mov     ax, [SC_EBDA_SEGMENT]
        mov     [es:BDA_EBDA], ax
        say     "shim: 40:0E is a lie", 10
.ebda_true:
        say     "shim: starts the product", 10
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     dx, PRODUCT_DRIVE
        jmp     0:0x7C00
.fail:  say     "shim: cannot read the product", 10
        jmp     stop

        align   4, db 0
product:
        dw      16, 1
        dw      0x7C00, 0
        dq      0
old12:  dd      0
old13:  dd      0
old15:  dd      0
; The EBDA word that is not at 40:0Eh now: the lie while the BIOS works, else the truth.
ebda_hidden:
        dw      0

%include "tests/firmware/shim_disk.inc"
%include "tests/firmware/shim_memory.inc"

%if $ - $$ > TABLE_AT
%error "the resident code reaches into the table"
%endif
        times TABLE_AT - ($ - $$) db 0
        times SHIM_BYTES - 4 - ($ - $$) db 0
        dd      SHIM_MAGIC
