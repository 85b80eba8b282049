; SPDX-License-Identifier: MIT
;
; What the head found out and has no room to tell: another drive than DL said, long sectors,
; the body's second copy; and how stage1 came by the head, read from the tries it had left.
;
; Mode: protected. Clobbers everything.

%include "stage2/stage2.inc"

extern stage1_left, disk_drive, drive_given, sector_bytes, body_copy

section .body
bits 32
global head_tell
head_tell:
        movzx   edx, byte [disk_drive]
        movzx   ecx, byte [drive_given]
        cmp     ecx, edx
        je      .given
        quirk   QUIRK_DRIVE_REPAIRED
.given: xor     edx, edx
        mov     ecx, [sector_bytes]
        cmp     ecx, 512
        je      .copy
        quirk   QUIRK_SECTOR_BYTES
.copy:  movzx   ecx, byte [body_copy]
        jecxz   .tries
        mov     edx, DISK_PARTITION + DISK_STAGE2_BODY
        quirk   QUIRK_BODY_SECOND
.tries:
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
