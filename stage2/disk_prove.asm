; SPDX-License-Identifier: MIT
;
; Reads that are held against a checksum, and made again when it is wrong.
;
; Mode: protected. Registers kept.

%include "stage2/stage2.inc"

extern disk_read, disk_place, disk_limit_full, disk_limit, disk_offset, crc32c, crc_found
extern crc_wanted

%define TRIES_PROVEN    3                       ; of a wrong checksum

section .head
bits 32

; Read and prove. In: as disk_read, EDX = CRC-32C wanted. A wrong sum is read again with an eighth
; of the size, then sector by sector, three times at least. Out: CF = 1: impossible; crc_found = the
; sum, or 0 when the read itself failed. disk_lba and disk_count are then all of it, or where the
; read failed.
global disk_read_proven
disk_read_proven:
        pushad
        mov     [crc_wanted], edx
        push    byte TRIES_PROVEN
        pop     ebp
.try:   call    disk_read
        jc      .unread
        push    eax
        mov     esi, edi
        call    crc32c
        mov     [crc_found], eax
        cmp     eax, edx
        pop     eax
        je      .good
; Smaller, until one sector a call was wrong too; a BIOS may have been at one from the start.
        push    ecx
        push    edx
        mov     ecx, [disk_limit]
        mov     edx, [disk_offset]
        quirk   QUIRK_READ_DAMAGED
        mov     edx, ecx
        shr     ecx, 3
        jnz     .size
        inc     ecx
.size:  mov     [disk_limit], ecx
        dec     ebp
        cmp     edx, 1
        pop     edx
        pop     ecx
        jne     .try
        test    ebp, ebp
        jg      .try
        call    disk_limit_full
        call    disk_place                      ; all of it, for text_disk: the calls went past it
        jmp     .failed
.unread:
        and     dword [crc_found], 0
.failed:
        popad
        stc
        ret
; The size that worked is kept for the rest.
.good:  popad
        clc
        ret
