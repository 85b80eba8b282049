; SPDX-License-Identifier: MIT
;
; Where kernel, symbols and modules go: the lowest 2 MiB-aligned run at or above KERNEL_LOWEST_PHYS
; that is usable all through, touched by no other type, below 4 GiB. The flight recorder lies below.
;
; Mode: protected. Out: kernel_base, kernel_bytes, need_bytes. Clobbers everything.

%include "stage2/stage2.inc"

extern memory_more
extern map32_count, kernel_base, kernel_bytes, need_bytes, e820_count, e820_source

%define MASK_2M         (PAGE_2M_BYTES - 1)
%define PAGE_MASK       (PAGE_BYTES - 1)

%if RECORDER_PHYS + RECORDER_BYTES > KERNEL_LOWEST_PHYS
%error "place.asm must learn to avoid the flight recorder"
%endif

section .body
bits 32
global place_choose
place_choose:
; Kernel in whole 2 MiB, then everything else in whole pages.
        mov     esi, MANIFEST_PHYS + sizeof_manifest_head
        mov     ecx, [MANIFEST_PHYS + manifest_head_entry_count]
        mov     eax, [esi + manifest_entry_memory_bytes]
        add     eax, MASK_2M
        and     eax, ~MASK_2M
        mov     [kernel_bytes], eax
.sum:   dec     ecx
        jz      .known
        add     esi, sizeof_manifest_entry
        mov     edx, [esi + manifest_entry_bytes]
        add     edx, PAGE_MASK
        jc      .no_room
        and     edx, ~PAGE_MASK
        add     eax, edx
        jnc     .sum
        jmp     .no_room
.known: mov     [need_bytes], eax

; EBX = candidate. Each turn either finds it good or moves it up.
        mov     ebx, KERNEL_LOWEST_PHYS
.try:   mov     ebp, ebx
        add     ebp, [need_bytes]               ; EBP = its end
        jc      .no_room

; Something else in the way: go behind it.
        call    .map
.other: jz      .clear
        cmp     dword [esi + 8], E820_USABLE
        je      .next_other
        cmp     [esi], ebp
        jae     .next_other
        cmp     [esi + 4], ebx
        jbe     .next_other
        mov     ebx, [esi + 4]
        jmp     .align
.next_other:
        add     esi, MAP32_ENTRY
        dec     ecx
        jmp     .other

; Cover it from the bottom up: EDX = how far usable ranges reach without a gap.
.clear: mov     edx, ebx
.cover: cmp     edx, ebp
        jae     .found
        mov     edi, edx
        mov     eax, -1                         ; lowest usable base above
        call    .map
.usable:
        jz      .pass
        cmp     dword [esi + 8], E820_USABLE
        jne     .next_usable
        cmp     [esi], edx
        ja      .above
        cmp     [esi + 4], edx
        jbe     .next_usable
        mov     edx, [esi + 4]
        jmp     .next_usable
.above: cmp     [esi], eax
        jae     .next_usable
        mov     eax, [esi]
.next_usable:
        add     esi, MAP32_ENTRY
        dec     ecx
        jmp     .usable
.pass:  cmp     edx, edi
        jne     .cover
; A gap: on to the next usable range.
        mov     ebx, eax
        inc     eax
        jz      .no_room
.align: add     ebx, MASK_2M
        jc      .no_room
        and     ebx, ~MASK_2M
        jmp     .try
.found: mov     [kernel_base], ebx
        ret

.map:   mov     esi, MAP32_PHYS
        mov     ecx, [map32_count]
        test    ecx, ecx
        ret

; Perhaps E820h did not tell all.
.no_room:
        call    memory_more
        jnc     place_choose
        die     LOADER_NO_ROOM, "no usable memory below 4 GiB holds the kernel: need=", \
                {4, need_bytes}, " map entries=", {4, e820_count}, " source=", {1, e820_source}
