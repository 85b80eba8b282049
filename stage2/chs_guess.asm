; SPDX-License-Identifier: MIT
;
; A BIOS without EDD that names no geometry either: the heads are tried in turn until the last
; chunk of the image reads with the right checksum. What is wrong for an earlier track is wrong
; for that one too, unless both lie on cylinder 0, where the number of heads does not matter.
;
; Mode: protected. Needs the manifest. Out: chs_heads, chs_guessed. Clobbers everything.

%include "stage2/stage2.inc"

extern disk_read_proven, disk_limit_full, disk_edd, disk_quick, chs_heads, chs_sectors, text_disk

section .body
bits 32
global chs_guess
chs_guess:
        cmp     dword [chs_heads], HEADS_UNKNOWN
        jb      .end
        cmp     byte [disk_edd], 0
        jne     .end
        inc     byte [chs_guessed]

; EBX = place of the last chunk, ECX = its bytes, EDX = its checksum.
        mov     eax, [MANIFEST_PHYS + manifest_head_entry_count]
        imul    esi, eax, sizeof_manifest_entry
        lea     edi, [esi + MANIFEST_PHYS + sizeof_manifest_head]       ; behind the entries
        lea     esi, [edi - sizeof_manifest_entry]
        mov     ecx, [esi + manifest_entry_bytes]
        mov     eax, ecx
        dec     eax
        js      chs_guess_lost
        shr     eax, 15
        mov     ebx, eax
        add     eax, [esi + manifest_entry_first_chunk]
        mov     edx, [edi + eax * 4]
        shl     ebx, 15
        sub     ecx, ebx
        add     ebx, [esi + manifest_entry_disk_offset]

        inc     byte [disk_quick]
        mov     esi, heads_tried
.try:   xor     eax, eax
        lodsb
        test    eax, eax
        jz      chs_guess_lost
        mov     [chs_heads], eax
        mov     edi, BOUNCE_PHYS
        mov     eax, ebx
        call    disk_read_proven
        jc      .try
        dec     byte [disk_quick]
        call    disk_limit_full
        mov     ecx, [chs_heads]
        mov     edx, [chs_sectors]
        quirk   QUIRK_NO_GEOMETRY
.end:   ret
; Also where parts.asm finds no manifest by such a geometry.
global chs_guess_lost
chs_guess_lost:
        die     LOADER_DISK_READ, "no packet reads and no geometry (AH=08h), none tried fits:", \
                " sectors=", {1, chs_sectors}, " last heads=", {1, chs_heads}, \
                {TEXT_SUB, text_disk}

; The usual one first.
heads_tried:
        db      255, 16, 240, 128, 64, 32, 15, 8, 4, 2, 0

global chs_guessed
chs_guessed:
        db      0

%if CHUNK_BYTES != 1 << 15
%error "chs_guess.asm divides by CHUNK_BYTES with a shift of 15"
%endif
