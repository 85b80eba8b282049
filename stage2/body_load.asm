; SPDX-License-Identifier: MIT
;
; Brings in stage2's body: first copy, else the one in the partition. Read to the bounce buffer,
; which is aligned for every controller, proven there, then moved to its place.
;
; Mode: protected. Clobbers everything.

%include "stage2/stage2.inc"

extern stage2_head, disk_read_proven, body_copy, text_disk
extern crc_found, crc_wanted

section .head
bits 32
global body_load
body_load:
        mov     eax, DISK_STAGE2_BODY
        call    .read
        jnc     .proven
        mov     eax, DISK_STAGE2_BODY + DISK_PARTITION
        call    .read
        jc      .damaged
        inc     byte [body_copy]
.proven:
        mov     esi, BOUNCE_PHYS
        mov     edi, STAGE2_BODY_PHYS
        mov     ecx, [stage2_head + stage2_head_body_bytes]
        shr     ecx, 2
        rep movsd
        ret
.read:  mov     ecx, [stage2_head + stage2_head_body_bytes]
        mov     edi, BOUNCE_PHYS
        mov     edx, [stage2_head + stage2_head_body_crc32c]
        jmp     disk_read_proven
.damaged:
        die     LOADER_BODY_DAMAGED, "both copies of stage2 are damaged: expected=", \
                {4, crc_wanted}, " found=", {4, crc_found}, {TEXT_SUB, text_disk}
