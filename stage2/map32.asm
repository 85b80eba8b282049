; SPDX-License-Identifier: MIT
;
; The memory map as stage2 needs it: ranges of whole pages below 4 GiB as three dwords. Usable
; ranges shrink to pages, all others grow. Also the last word on the end of conventional memory.
;
; Mode: protected. Out: map32_count, entries at MAP32_PHYS, low_top. Clobbers everything.

%include "stage2/stage2.inc"

extern e820_count, map32_count, low_top, int12_kib, bda_kib, ebda_segment

%define PAGE_MASK       (PAGE_BYTES - 1)
%define TOP             0xFFFFF000              ; where ranges are cut: the last page is ROM

section .body
bits 32
global map32_build
map32_build:
        mov     esi, E820_RAW_PHYS
        mov     edi, MAP32_PHYS
        mov     ebp, [e820_count]
        test    ebp, ebp
        jz      low_top_check
.next:  cmp     dword [esi + e820_raw_base + 4], 0
        jne     .skip
; EAX = base, EDX = end; ends beyond 4 GiB or wrapped are cut.
        mov     eax, [esi + e820_raw_base]
        mov     edx, eax
        add     edx, [esi + e820_raw_bytes]
        jc      .cut
        cmp     dword [esi + e820_raw_bytes + 4], 0
        jne     .cut
        cmp     edx, TOP
        jbe     .ends
.cut:   mov     edx, TOP
.ends:  cmp     eax, TOP
        jae     .skip
        cmp     dword [esi + e820_raw_bytes], 0
        jne     .some
        cmp     dword [esi + e820_raw_bytes + 4], 0
        je      .skip
.some:  mov     ecx, [esi + e820_raw_type]
        cmp     ecx, E820_USABLE
        jne     .grow
        add     eax, PAGE_MASK
        and     edx, ~PAGE_MASK
        jmp     .round
.grow:  add     edx, PAGE_MASK
        and     edx, ~PAGE_MASK
.round: and     eax, ~PAGE_MASK
        cmp     eax, edx
        jae     .skip
        mov     [edi], eax
        mov     [edi + 4], edx
        mov     [edi + 8], ecx
        add     edi, MAP32_ENTRY
        inc     dword [map32_count]

; Something that is not memory below the VGA hole ends conventional memory; page 0 does not count.
        cmp     ecx, E820_USABLE
        je      .skip
        cmp     edx, PAGE_BYTES
        jbe     .skip
        cmp     eax, [low_top]
        jae     .skip
        mov     [low_top], eax
.skip:  add     esi, sizeof_e820_raw
        dec     ebp
        jnz     .next

; Does conventional memory hold the loader?
global low_top_check
low_top_check:
        cmp     dword [low_top], LOADER_END_PHYS
        jae     .enough
        die     LOADER_LOW_MEMORY, "conventional memory ends too low: end=", {4, low_top}, \
                " INT12=", {2, int12_kib}, " 40:13=", {2, bda_kib}, " 40:0E=", {2, ebda_segment}
.enough:
        ret

; How far ranges reach from EAX on without a gap. In: EBX = type of them, 0 = any. Out: EAX.
global map32_reach
map32_reach:
        push    ecx
        push    edx
        push    esi
.pass:  mov     edx, eax
        mov     esi, MAP32_PHYS
        mov     ecx, [map32_count]
        jecxz   .end
.next:  test    ebx, ebx
        jz      .type
        cmp     [esi + 8], ebx
        jne     .skip
.type:  cmp     [esi], eax
        ja      .skip
        cmp     [esi + 4], eax
        jbe     .skip
        mov     eax, [esi + 4]
.skip:  add     esi, MAP32_ENTRY
        loop    .next
        cmp     eax, edx
        jne     .pass
.end:   pop     esi
        pop     edx
        pop     ecx
        ret

; Is EAX up to EDX usable all through, and called nothing else by any entry? Out: CF = 1: no.
; Clobbers EAX, EBX, ECX, ESI.
global map32_usable
map32_usable:
        mov     esi, MAP32_PHYS
        mov     ecx, [map32_count]
        jecxz   .no
.next:  cmp     dword [esi + 8], E820_USABLE
        je      .skip
        cmp     [esi], edx
        jae     .skip
        cmp     [esi + 4], eax
        ja      .no
.skip:  add     esi, MAP32_ENTRY
        loop    .next
        mov     ebx, E820_USABLE
        call    map32_reach
        cmp     eax, edx
        ret
.no:    stc
        ret
