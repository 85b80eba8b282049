; SPDX-License-Identifier: MIT
;
; INT 13h AH=08h and AH=02h: reads by cylinder, head and sector, for drives without EDD and for
; BIOSes whose EDD breaks. The geometry is the one the BIOS reports; one of ours only where it
; reports none and there is no EDD either, and then proven (chs_guess.asm).
;
; Mode: protected. Registers kept unless named.

%include "stage2/stage2.inc"

extern disk_bios, gate_clear, gate_eax, gate_ebx, gate_ecx, gate_edx, gate_es
extern chs_sectors, chs_heads, disk_count, disk_done, disk_dest, disk_lba, disk_base, disk_write

%define CYLINDER_END    1024

section .head
bits 32

; Geometry of the drive. Out: CF = 1: none that can be used.
global chs_init
chs_init:
        push    eax
        call    gate_clear                      ; ES:DI = 0 as some BIOSes want it
        mov     ah, 0x08
        call    disk_bios
        jc      .none
        mov     al, [gate_ecx]
        and     eax, 63
        jz      .none
        mov     [chs_sectors], eax
        movzx   eax, byte [gate_edx + 1]
        inc     eax
        mov     [chs_heads], eax
        pop     eax
        clc
        ret
.none:  pop     eax
        stc
        ret

; One read (or write, AH=03h, while disk_write is 1) of at most disk_count sectors from disk_lba to
; disk_dest, never across a track.
; Out: AH, CF as the BIOS gave them; disk_count and disk_done = sectors of this call.
; CF = 1 with AH = 01h also when the LBA lies beyond cylinder 1023.
global chs_read
chs_read:
        push    ebx
        push    ecx
        push    edx
        cmp     dword [chs_sectors], 0
        je      .beyond
        mov     eax, [disk_lba]
        sub     eax, [disk_base]
        xor     edx, edx
        div     dword [chs_sectors]
        mov     ecx, edx                        ; ECX = sector less one
        xor     edx, edx
        div     dword [chs_heads]               ; EAX = cylinder, EDX = head
        cmp     eax, CYLINDER_END
        jae     .beyond
; To the end of the track at most.
        mov     ebx, [chs_sectors]
        sub     ebx, ecx
        cmp     ebx, [disk_count]
        jae     .fits
        mov     [disk_count], ebx
.fits:  call    gate_clear
        mov     [gate_edx + 1], dl
        inc     ecx
        shl     ah, 6
        or      cl, ah
        mov     ch, al
        mov     [gate_ecx], cx
        mov     eax, [disk_dest]
        mov     [gate_ebx], ax
        shr     eax, 4
        and     eax, 0xF000
        mov     [gate_es], ax
        mov     al, [disk_count]
        mov     [gate_eax], al
        mov     ah, 0x02
        add     ah, [disk_write]
        call    disk_bios
        mov     ecx, [disk_count]
        mov     [disk_done], ecx
.done:  pop     edx
        pop     ecx
        pop     ebx
        ret
.beyond:
        mov     ah, 0x01
        stc
        jmp     .done
