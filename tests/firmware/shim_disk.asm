; SPDX-License-Identifier: MIT
;
; INT 13h of the shim: drives 80h and 81h change places, nothing else.
;
; Mode: real, as INT 13h. Out: what the BIOS answers, with its arithmetic flags; the other flags
; are the caller's. DL comes back as it was given, but for the functions that answer in it.
; The BIOS does not call its own INT 13h, so one set of variables is enough.

%define DISK_GEOMETRY   0x08                    ; DL = number of drives
%define DISK_TYPE       0x15                    ; CX:DX = sectors

int13:
        cmp     dl, 0x80
        je      .swap
        cmp     dl, 0x81
        je      .swap
        jmp     far [cs:old13]

.swap:  mov     [cs:.function], ah
        mov     [cs:.drive], dl
        xor     dl, 0x80 ^ 0x81
        call    ebda_swap                       ; BIOSes find their own data by it
        pushf
        call    far [cs:old13]
        call    ebda_swap
        call    flags_take
        cmp     byte [cs:.function], DISK_GEOMETRY
        je      .answered
        cmp     byte [cs:.function], DISK_TYPE
        je      .answered
        mov     dl, [cs:.drive]
.answered:
        iret
.function:
        db      0
.drive: db      0

; The arithmetic flags of now into the flags that IRET will load. Called from a handler's top level.
flags_take:
        pushf
        push    bp
        mov     bp, sp                          ; bp, flags, return, ip, cs, flags of the caller
        push    ax
        mov     al, [bp + 2]
        mov     [bp + 10], al
        pop     ax
        pop     bp
        popf
        ret

; Exchanges truth and lie at 40:0Eh. Keeps every register and flag.
ebda_swap:
        push    ax
        push    ds
        mov     ax, BDA_SEGMENT
        mov     ds, ax
        mov     ax, [cs:ebda_hidden]
        xchg    ax, [BDA_EBDA]
        mov     [cs:ebda_hidden], ax
        pop     ds
        pop     ax
        ret
