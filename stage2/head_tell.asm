; SPDX-License-Identifier: MIT
;
; How stage1 came by stage2's head, read from the number of tries it had left.
;
; Mode: protected. Clobbers everything.

%include "stage2/stage2.inc"

extern stage1_left

section .body
bits 32
global head_tell
head_tell:
        movzx   edx, byte [stage1_left]
        mov     ecx, STAGE1_TRIES
        sub     ecx, edx                        ; 0: the BIOS had loaded it along with stage1
        cmp     ecx, 1
        jbe     .end
        test    edx, 1                          ; odd: by CHS, which never reads the copy
        jnz     .first
        test    edx, STAGE1_COPY_BIT
        jz      .first
        mov     edx, DISK_PARTITION + DISK_STAGE2_HEAD
        quirk   QUIRK_HEAD_SECOND
        ret
.first: mov     edx, DISK_STAGE2_HEAD
        quirk   QUIRK_HEAD_RETRIED
.end:   ret
