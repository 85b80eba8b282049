; SPDX-License-Identifier: MIT
;
; Which drive is ours, how long its sectors are, and whether the BIOS shows the whole disk.
; DL is a claim, the UUID in LBA 0 is proof.
;
; Mode: protected. Out: disk_drive, sector_bytes, sector_shift, base_marker, disk_base. Clobbers
; everything. What was odd about them is told by the body, which has room (head_tell.asm).

%include "stage2/stage2.inc"

extern stage2_head, disk_use, disk_read, disk_limit_full
extern text_disk, disk_drive, drive_given, disk_quick, sector_bytes, sector_shift, base_marker
extern disk_base, disk_lba

%define BDA_DRIVE_COUNT 0x475
%define FIRST_DRIVE     0x80
%define DRIVES_MAX      16
%define ELF_MAGIC       0x464C457F
%define BUFFER_FILL     0xA6C1E73D              ; what a sector that did not arrive looks like

section .head
bits 32
global drive_find
drive_find:
        mov     al, [disk_drive]
        call    drive_try
        je      .found

; Hard disks the BIOS counts, at least one, at most sixteen; above 8Fh some machines die.
        inc     byte [disk_quick]
        mov     bl, [BDA_DRIVE_COUNT]
        cmp     bl, 1
        adc     bl, 0
        cmp     bl, DRIVES_MAX
        jbe     .scan
        mov     bl, DRIVES_MAX
.scan:  mov     al, FIRST_DRIVE
.probe: push    eax
        call    drive_try
        pop     eax
        je      .found
        inc     al
        dec     bl
        jnz     .probe
        and     dword [disk_lba], 0             ; read or not, that one was meant
        die     LOADER_DRIVE_LOST, "no drive carries this image's UUID: DL=", {1, drive_given}, \
                " drives=", {1, BDA_DRIVE_COUNT}, " last", {TEXT_SUB, text_disk}

.found: mov     byte [disk_quick], 0
        mov     al, 0
        xchg    al, [base_marker]
        cmp     al, 0
        je      .end
; The marker is not covered by a checksum. It tells the truth if the kernel is where it would be
; with the partition's start added by the BIOS; nothing lies there otherwise.
        mov     eax, DISK_PAYLOAD - DISK_PARTITION
        push    byte 4
        pop     ecx
        mov     edi, BOUNCE_PHYS
        call    disk_read
        cmp     dword [edi], ELF_MAGIC
        jne     .end
        inc     byte [base_marker]
        mov     edx, DISK_PARTITION
        mov     cl, [sector_shift]
        mov     eax, edx
        shr     eax, cl
        mov     [disk_base], eax
        xor     ecx, ecx
        quirk   QUIRK_BASE_SHIFTED
.end:   ret

; In: AL = drive. Out: ZF = 1: it is ours and everything is measured. Clobbers EAX, ECX-EDI.
drive_try:
        call    disk_use
        mov     edi, BOUNCE_PHYS
        mov     ecx, DISK_ALIGN / 4
        mov     eax, BUFFER_FILL
        rep stosd

; "One sector" of LBA 0, whatever that is; the buffer holds 4096 bytes.
        xor     eax, eax
        mov     ecx, 512
        mov     edi, BOUNCE_PHYS
        call    disk_read
        mov     al, 1
        jc      .end
        cmp     word [BOUNCE_PHYS + MBR_SIGNATURE], 0xAA55
        jne     .end
        mov     esi, BOUNCE_PHYS + MBR_UUID
        mov     edi, stage2_head + stage2_head_uuid
        push    byte 4
        pop     ecx
        repe cmpsd
        jne     .end

; The sector ends where the filling begins.
        mov     eax, 512
        mov     cl, 9
.measure:
        cmp     dword [BOUNCE_PHYS + eax], BUFFER_FILL
        jne     .longer
        cmp     dword [BOUNCE_PHYS + eax + 4], BUFFER_FILL
        je      .measured
.longer:
        shl     eax, 1
        inc     ecx
        cmp     eax, DISK_ALIGN
        jb      .measure
.measured:
        mov     [sector_bytes], eax
        mov     [sector_shift], cl
        mov     cl, [BOUNCE_PHYS + MBR_BASE_MARKER]
        mov     [base_marker], cl
        call    disk_limit_full
        xor     eax, eax
.end:   test    al, al
        ret
