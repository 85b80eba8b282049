; SPDX-License-Identifier: MIT
;
; Boot configuration and manifest: neighbours on the disk, one call for both. Each falls back to
; its second copy alone; a configuration lost twice is an empty one, a manifest lost twice the end.
;
; Mode: protected. Out: text at CONFIG_PHYS, if there is one yet; manifest at MANIFEST_PHYS.
; Clobbers everything.

%include "stage2/stage2.inc"

extern disk_read, disk_place, crc32c, text_disk, stage2_head
extern chs_heads, chs_guessed, chs_guess_lost, facts_take, report_facts
extern config_status, config_bytes, manifest_copy

%define CONFIG_AT       BOUNCE_PHYS
%define MANIFEST_AT     (BOUNCE_PHYS + DISK_MANIFEST - DISK_CONFIG)
%define BOTH_BYTES      (DISK_MANIFEST + MANIFEST_BYTES - DISK_CONFIG)
%define TEXT_MAX        (CONFIG_BYTES - sizeof_config_head - 1)
%define CONFIG_NONE     0xFF

%if DISK_MANIFEST - DISK_CONFIG != CONFIG_BYTES
%error "configuration and manifest are no longer neighbours"
%endif

section .body
bits 32
global parts_load
parts_load:
        mov     byte [CONFIG_PHYS], 0
        mov     dword [config_status], CONFIG_NONE
        mov     byte [manifest_copy], CONFIG_NONE
        xor     ebx, ebx                        ; which copy
        mov     eax, DISK_CONFIG
        call    .copy
        je      .done
        inc     ebx
        mov     eax, DISK_CONFIG + DISK_PARTITION
        call    .copy
; A manifest that is still missing stays missing; a configuration has another chance.
.done:  cmp     byte [manifest_copy], CONFIG_NONE
        je      .no_manifest
        cmp     byte [manifest_copy], 0
        je      manifest_check
        mov     ecx, 1
        mov     edx, DISK_PARTITION + DISK_MANIFEST
        quirk   QUIRK_MANIFEST_SECOND
        jmp     manifest_check

.no_manifest:
        cmp     dword [chs_heads], HEADS_UNKNOWN        ; then the disk may be whole
        jae     chs_guess_lost
        cmp     byte [manifest_mixed], 0
        jne     .mixed
        die     LOADER_MANIFEST_DAMAGED, "both manifests are damaged or unreadable:", \
                {TEXT_SUB, text_disk}
.mixed: mov     esi, MANIFEST_PHYS
        call    facts_take
        die     LOADER_IMAGE_MIXED, "stage2 and manifest come from different images: stage2=", \
                {8, stage2_head + stage2_head_uuid}, " manifest=", \
                {8, report_facts + manifest_head_uuid}, \
                " version=", {4, report_facts + manifest_head_version}

; One copy: take what is good and still missing. In: EAX = where, EBX = number. Out: ZF = 1: all.
; When the one call for both fails, each is read alone: a bad sector in one spares the other.
.copy:  mov     ecx, BOTH_BYTES
        mov     edi, CONFIG_AT
        call    disk_read
        jc      .alone
        call    config_take
        call    manifest_take
        jmp     .state
.alone: mov     ecx, CONFIG_BYTES
        call    disk_read
        jc      .other
        call    config_take
.other: add     eax, CONFIG_BYTES
        mov     ecx, MANIFEST_BYTES
        mov     edi, MANIFEST_AT
        call    disk_read
        jc      .state
        call    manifest_take
.state: cmp     byte [manifest_copy], CONFIG_NONE
        je      .some
        cmp     dword [config_status], CONFIG_NONE
        je      .some
        cmp     eax, eax
        ret
.some:  or      eax, 1
        ret

; Which configuration it is. The second copy lies beyond the first track: where the geometry had
; to be found, it may be read only now. Mode: protected. Clobbers EAX, EBX, ECX, EDX, EDI.
global config_settle
config_settle:
        mov     ebx, 1
        mov     ecx, ebx
        mov     edx, DISK_PARTITION + DISK_CONFIG
        cmp     dword [config_status], CONFIG_NONE
        jne     .found
        cmp     byte [chs_guessed], 0
        je      .defaults
        mov     eax, edx
        mov     ecx, CONFIG_BYTES
        mov     edi, CONFIG_AT
        call    disk_read
        jc      .defaults
        call    config_take
        mov     ecx, ebx
.found: cmp     dword [config_status], CONFIG_SECOND_COPY
        jb      .end
        ja      .defaults
        quirk   QUIRK_CONFIG_SECOND
.end:   ret
.defaults:
        mov     dword [config_status], CONFIG_DEFAULTS
        mov     ecx, 2
        quirk   QUIRK_CONFIG_DEFAULTS
        ret

; In: EBX = copy. Out: config_status, config_bytes, text at CONFIG_PHYS, if good and missing.
config_take:
        pushad
        cmp     dword [config_status], CONFIG_NONE
        jne     .end
        cmp     dword [CONFIG_AT + config_head_magic], CONFIG_MAGIC & 0xFFFFFFFF
        jne     .end
        cmp     dword [CONFIG_AT + config_head_magic + 4], CONFIG_MAGIC >> 32
        jne     .end
        mov     ecx, [CONFIG_AT + config_head_text_bytes]
        cmp     ecx, TEXT_MAX
        ja      .end
        mov     esi, CONFIG_AT + sizeof_config_head
        call    crc32c
        cmp     eax, [CONFIG_AT + config_head_text_crc32c]
        jne     .end
        mov     [config_bytes], ecx
        mov     edi, CONFIG_PHYS
        rep movsb
        mov     [edi], cl
        mov     [config_status], ebx
.end:   popad
        ret

; In: EBX = copy. Out: manifest_copy, manifest at MANIFEST_PHYS, if good, missing, of our image.
manifest_take:
        pushad
        cmp     byte [manifest_copy], CONFIG_NONE
        jne     .end
        cmp     dword [MANIFEST_AT + manifest_head_magic], MANIFEST_MAGIC & 0xFFFFFFFF
        jne     .bad
        cmp     dword [MANIFEST_AT + manifest_head_magic + 4], MANIFEST_MAGIC >> 32
        jne     .bad
        mov     ecx, [MANIFEST_AT + manifest_head_manifest_bytes]
        cmp     ecx, sizeof_manifest_head
        jb      .bad
        cmp     ecx, MANIFEST_BYTES
        ja      .bad
        xor     edx, edx
        xchg    edx, [MANIFEST_AT + manifest_head_crc32c]
        mov     esi, MANIFEST_AT
        call    crc32c
        cmp     eax, edx
        jne     .bad
        mov     edi, MANIFEST_PHYS
        rep movsb
        cmp     dword [MANIFEST_PHYS + manifest_head_version], DISK_FORMAT_VERSION
        jne     .mixed
        mov     esi, MANIFEST_PHYS + manifest_head_uuid
        mov     edi, stage2_head + stage2_head_uuid
        mov     cl, 4
        repe cmpsd
        jne     .mixed
        mov     [manifest_copy], bl
.end:   popad
        ret
; All of it becomes the place that text_disk names, unless a later read fails.
.bad:   imul    eax, ebx, DISK_PARTITION
        add     eax, DISK_MANIFEST
        mov     ecx, MANIFEST_BYTES
        call    disk_place
        jmp     .end
.mixed: mov     byte [manifest_mixed], 1
        popad
        ret
manifest_mixed:
        db      0

; A manifest with a right checksum may still ask for the impossible. Out: EBX, ESI clobbered.
manifest_check:
        mov     ebp, MANIFEST_PHYS
        cmp     dword [ebp + manifest_head_chunk_bytes], CHUNK_BYTES
        jne     .bad
        mov     ecx, [ebp + manifest_head_entry_count]
        dec     ecx
        cmp     ecx, BOOT_MODULE_MAX + 2        ; kernel, symbols, modules
        jae     .bad
        inc     ecx
        imul    eax, ecx, sizeof_manifest_entry
        mov     edx, [ebp + manifest_head_chunk_count]
        cmp     edx, MANIFEST_BYTES / 4
        ja      .bad
        lea     eax, [eax + edx * 4 + sizeof_manifest_head]
        cmp     eax, [ebp + manifest_head_manifest_bytes]
        jne     .bad
        lea     esi, [ebp + sizeof_manifest_head]
        cmp     dword [esi + manifest_entry_kind], MANIFEST_KERNEL
        jne     .bad
        cmp     dword [esi + manifest_entry_bytes], 0
        je      .bad
        mov     eax, [esi + manifest_entry_memory_bytes]
        dec     eax
        js      .bad                            ; none, or 2 GiB and more
        cmp     dword [esi + manifest_entry_memory_bytes + 4], 0
        jne     .bad

; Each entry: inside the image, on its border, with a checksum for each chunk; one kernel.
.entry: mov     eax, [esi + manifest_entry_disk_offset + 4]
        or      eax, [esi + manifest_entry_bytes + 4]
        or      eax, [ebp + manifest_head_image_bytes + 4]
        jnz     .bad
        test    dword [esi + manifest_entry_disk_offset], DISK_ALIGN - 1
        jnz     .bad
        mov     eax, [esi + manifest_entry_bytes]
        mov     ebx, eax
        add     eax, [esi + manifest_entry_disk_offset]
        jc      .bad
        cmp     eax, [ebp + manifest_head_image_bytes]
        ja      .bad
        add     ebx, CHUNK_BYTES - 1
        jc      .bad
        shr     ebx, 15
        add     ebx, [esi + manifest_entry_first_chunk]
        jc      .bad
        cmp     ebx, edx
        ja      .bad
        mov     eax, [esi + manifest_entry_kind]
        dec     eax
        cmp     eax, MANIFEST_MODULE
        jae     .bad
        add     esi, sizeof_manifest_entry
        dec     ecx
        jz      .good
        cmp     dword [esi + manifest_entry_kind], MANIFEST_KERNEL
        jne     .entry
.bad:   mov     esi, ebp
        call    facts_take
        die     LOADER_MANIFEST_FIELDS, "the manifest contradicts itself: entries=", \
                {4, report_facts + manifest_head_entry_count}, " chunks=", \
                {4, report_facts + manifest_head_chunk_count}, " bytes=", \
                {4, report_facts + manifest_head_manifest_bytes}
.good:  ret
%if CHUNK_BYTES != 1 << 15
%error "manifest_check divides by CHUNK_BYTES with a shift of 15"
%endif
