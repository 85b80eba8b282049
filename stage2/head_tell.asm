; SPDX-License-Identifier: MIT
;
; What the head found out and has no room to tell: another drive than DL said, long sectors,
; the body's second copy; how stage1 came by the head, read from the tries it had left; and where
; on the disk the reads lay that went wrong before the firmware's base was known.
;
; Mode: protected. Clobbers everything.

%include "stage2/stage2.inc"

extern stage1_left, disk_drive, drive_given, sector_bytes, body_copy, base_marker, disk_base
extern quirks_noted

section .body
bits 32
global head_tell
head_tell:
        call    reads_place
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
        cmp     byte [base_marker], 0
        je      .retried
        add     edx, DISK_PARTITION
.retried:
        quirk   QUIRK_HEAD_RETRIED
.end:   ret

; Reads noted before the base was proven have the LBA that was asked; on the disk it is the base
; further. A full ring has lost the note of the base: all in it is older.
reads_place:
        mov     edx, [disk_base]
        mov     ecx, [quirks_noted]
        jecxz   .end
        mov     edi, QUIRK_RING_PHYS
.next:  mov     al, [edi + quirk_code]
        cmp     al, QUIRK_BASE_SHIFTED
        je      .end
        cmp     al, QUIRK_READ_EMPTY
        je      .place
        sub     al, QUIRK_EDD_DROPPED
        cmp     al, QUIRK_READ_SUSPECT - QUIRK_EDD_DROPPED
        ja      .other
.place: add     [edi + quirk_at], edx
.other: add     edi, sizeof_quirk
        loop    .next
.end:   ret
