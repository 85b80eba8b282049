; SPDX-License-Identifier: MIT
;
; Kernel, symbols, modules: chunk by chunk through the bounce buffer, each proven by its CRC, then
; copied to its place from flat protected mode. One copy, no unreal mode, no INT 15h AH=87h.
;
; Mode: protected. Clobbers everything.

%include "stage2/stage2.inc"

extern disk_read_proven, elf_check, text_disk
extern kernel_base, kernel_bytes, segments, segment_count, symbols_phys, symbols_bytes
extern payload_end, payload_bytes, module_count, chunk_number, chunk_entry
extern crc_found, crc_wanted, disk_offset, disk_dest

%define PAGE_MASK       (PAGE_BYTES - 1)

section .body
bits 32
global payload_load
payload_load:
        mov     ebx, MANIFEST_PHYS + sizeof_manifest_head
        mov     eax, [kernel_base]
        add     eax, [kernel_bytes]
        mov     [payload_end], eax
.entry: mov     edi, [payload_end]              ; where symbols and modules go
        cmp     dword [ebx + manifest_entry_kind], MANIFEST_SYMBOLS
        jb      .load
        je      .symbols
        call    module_note
        jmp     .load
.symbols:
        mov     [symbols_phys], edi
        mov     eax, [ebx + manifest_entry_bytes]
        mov     [symbols_bytes], eax
.load:  call    entry_load
        add     ebx, sizeof_manifest_entry
        inc     dword [chunk_entry]
        mov     eax, [chunk_entry]
        cmp     eax, [MANIFEST_PHYS + manifest_head_entry_count]
        jb      .entry

; As much as the manifest says? What is missing would be what RAM held before.
        mov     ebx, MANIFEST_PHYS + sizeof_manifest_head
        mov     ecx, eax
        xor     edx, edx
.sum:   add     edx, [ebx + manifest_entry_bytes]
        add     ebx, sizeof_manifest_entry
        loop    .sum
        cmp     edx, [payload_bytes]
        jne     .cut

; And does each segment end where it should?
        and     dword [chunk_entry], 0          ; the kernel is the first
        mov     ebx, segments
        mov     ecx, [segment_count]
.full:  mov     edi, [kernel_base]
        add     edi, [ebx + SEGMENT_DEST]
        add     edi, [ebx + SEGMENT_FILE]
        call    segment_end
        cmp     edi, edx
        jne     place_short
        add     ebx, SEGMENT_BYTES
        loop    .full
        ret
.cut:   mov     [payload_wanted], edx
        die     LOADER_PAYLOAD_CUT, "the kernel is cut: loaded=", {4, payload_bytes}, \
                " bytes of kernel, symbols and modules, expected=", {4, payload_wanted}
payload_wanted:
        dd      0
payload_read:
        dd      0

; Name, place and bytes of a module into boot_info. In: EBX = entry, EDI = where it will be.
module_note:
        push    edi
        imul    eax, [module_count], sizeof_boot_module
        lea     edx, [eax + BOOT_INFO_PHYS + boot_info_modules]
        inc     dword [module_count]
        mov     [edx + boot_module_phys], edi
        mov     eax, [ebx + manifest_entry_bytes]
        mov     [edx + boot_module_bytes], eax
        lea     esi, [ebx + manifest_entry_name]
        lea     edi, [edx + boot_module_name]
        mov     ecx, BOOT_NAME_BYTES / 4
        rep movsd
        mov     byte [edi - 1], 0
        pop     edi
        ret

; One entry of the manifest. In: EBX = entry, EDI = destination unless it is the kernel.
entry_load:
        xor     ebp, ebp                        ; EBP = position in the entry
.chunk: mov     ecx, [ebx + manifest_entry_bytes]
        sub     ecx, ebp
        jz      .done
        cmp     ecx, CHUNK_BYTES
        jbe     .bytes
        mov     ecx, CHUNK_BYTES

; Its checksum stands behind the entries.
.bytes: mov     eax, ebp
        shr     eax, 15
        add     eax, [ebx + manifest_entry_first_chunk]
        mov     [chunk_number], eax
        imul    edx, [MANIFEST_PHYS + manifest_head_entry_count], sizeof_manifest_entry
        mov     edx, [MANIFEST_PHYS + sizeof_manifest_head + edx + eax * 4]
        mov     eax, [ebx + manifest_entry_disk_offset]
        add     eax, ebp
        push    edi
        mov     edi, BOUNCE_PHYS
        call    disk_read_proven
        pop     edi
        jc      .failed
        add     [payload_bytes], ecx
        cmp     dword [ebx + manifest_entry_kind], MANIFEST_KERNEL
        je      .kernel
        mov     esi, BOUNCE_PHYS
        push    ecx
        call    copy
        pop     ecx
        jmp     .next
.kernel:
        test    ebp, ebp
        jnz     .place
        call    elf_check
.place: call    segments_place
.next:  add     ebp, ecx
        jmp     .chunk

.done:  cmp     dword [ebx + manifest_entry_kind], MANIFEST_KERNEL
        je      segments_zero
        mov     edx, edi
        mov     edi, [payload_end]              ; where it began
        add     edi, ebp                        ; as much as came
        cmp     edi, edx
        jne     place_short
        add     edi, PAGE_MASK
        and     edi, ~PAGE_MASK
        mov     [payload_end], edi
        ret
.failed:
        cmp     dword [crc_found], 0
        jne     .damaged
        die     LOADER_DISK_READ, "disk read failed:", {TEXT_SUB, text_disk}, \
                " entry=", {1, chunk_entry}, " chunk=", {2, chunk_number}
; Before the disk is blamed: did as much come as was asked for?
.damaged:
        mov     eax, [disk_dest]
        sub     eax, BOUNCE_PHYS
        mov     [payload_read], eax
        mov     [payload_wanted], ecx
        cmp     eax, ecx
        jb      .short
        die     LOADER_CHUNK_DAMAGED, "the image is damaged on disk: entry=", {1, chunk_entry}, \
                " chunk=", {2, chunk_number}, " byte=", {4, disk_offset}, " expected=", \
                {4, crc_wanted}, " found=", {4, crc_found}, {TEXT_SUB, text_disk}
.short: die     LOADER_PAYLOAD_CUT, "the loader read too few bytes, the last are missing: read=", \
                {4, payload_read}, " expected=", {4, payload_wanted}, " entry=", \
                {1, chunk_entry}, " chunk=", {2, chunk_number}, " byte=", {4, disk_offset}

; The chunk's part of each segment. In: EBP = file position, ECX = bytes in the bounce buffer.
segments_place:
        pushad
        lea     eax, [ebp + ecx]                ; end of the chunk
        mov     ebx, segments
        mov     edx, [segment_count]
.segment:
        push    eax
        push    edx
        mov     esi, [ebx + SEGMENT_OFFSET]     ; from the later start
        mov     edx, esi
        add     edx, [ebx + SEGMENT_FILE]       ; to the earlier end
        cmp     esi, ebp
        jae     .start
        mov     esi, ebp
.start: cmp     edx, eax
        jbe     .end
        mov     edx, eax
.end:   mov     ecx, edx
        sub     ecx, esi
        jbe     .none
        mov     edi, esi
        sub     edi, [ebx + SEGMENT_OFFSET]
        add     edi, [ebx + SEGMENT_DEST]
        add     edi, [kernel_base]
        sub     esi, ebp
        add     esi, BOUNCE_PHYS
        call    segment_end
        cmp     edi, edx
        jne     .torn
        call    copy
        sub     edi, edx
        add     [ebx + SEGMENT_PLACED], edi
.none:  pop     edx
        pop     eax
        add     ebx, SEGMENT_BYTES
        dec     edx
        jnz     .segment
        popad
        ret
.torn:  mov     [place_found], edi
        mov     [place_wanted], edx
        mov     dword [place_fault], text_over
        jb      .die
        mov     dword [place_fault], text_gap
.die:   die     LOADER_PAYLOAD_PLACE, "a piece of the kernel would ", \
                {TEXT_AT, place_fault}, " the one before: to=", {4, place_found}, \
                " expected=", {4, place_wanted}, " chunk=", {2, chunk_number}

; Out: EDX = where what a segment holds so far ends. In: EBX = segment.
segment_end:
        mov     edx, [kernel_base]
        add     edx, [ebx + SEGMENT_DEST]
        add     edx, [ebx + SEGMENT_PLACED]
        ret

text_over:
        text    "overwrite"
text_gap:
        text    "leave a gap behind"
place_fault:
        dd      0
place_found:
        dd      0
place_wanted:
        dd      0

; ECX bytes from ESI to EDI, both moved on. Keeps EDX.
copy:   push    ecx
        shr     ecx, 2
        rep movsd
        pop     ecx
        and     ecx, 3
        rep movsb
        ret

; What the file does not carry is zero.
segments_zero:
        pushad
        mov     ebx, segments
        mov     ebp, [segment_count]
.segment:
        mov     edi, [ebx + SEGMENT_DEST]
        add     edi, [kernel_base]
        add     edi, [ebx + SEGMENT_FILE]
        mov     ecx, [ebx + SEGMENT_MEMORY]
        sub     ecx, [ebx + SEGMENT_FILE]
        xor     eax, eax
        mov     edx, ecx
        shr     ecx, 2
        rep stosd
        mov     ecx, edx
        and     ecx, 3
        rep stosb
        add     ebx, SEGMENT_BYTES
        dec     ebp
        jnz     .segment
        popad
        ret

; In: EDX = where the last piece ended, EDI = where it should have.
place_short:
        mov     [place_found], edx
        mov     [place_wanted], edi
        die     LOADER_PAYLOAD_PLACE, "what was copied ends at the wrong place: end=", \
                {4, place_found}, " expected=", {4, place_wanted}, " entry=", {1, chunk_entry}
