; SPDX-License-Identifier: MIT
;
; When E820h exists but tells of too little: E801h and 88h are asked too, and what they know beyond
; it is added to the raw map with its own source. Added, not exchanged: where the services
; contradict, the worse type wins as everywhere.
;
; Mode: protected. Clobbers everything.

%include "stage2/stage2.inc"

extern map_old_ask, map_old_add, map32_build, map32_reach, map32_count, e820_count, e820_source

%define ENOUGH_BYTES    0x1000000               ; 16 MiB
%define TOP             0xFFFFF000

section .body
bits 32
; Under 16 MiB usable, all addresses below 4 GiB together?
global memory_more_if_small
memory_more_if_small:
        xor     eax, eax
        mov     esi, MAP32_PHYS
        mov     ecx, [map32_count]
        jecxz   memory_more
.next:  cmp     dword [esi + 8], E820_USABLE
        jne     .skip
        add     eax, [esi + 4]
        jc      .enough                         ; ranges that overlap may count twice
        sub     eax, [esi]
        jc      .enough
.skip:  add     esi, MAP32_ENTRY
        loop    .next
        cmp     eax, ENOUGH_BYTES
        jb      memory_more
.enough:
        ret

; Once a boot. Out: CF = 1: nothing was added.
global memory_more
memory_more:
        cmp     byte [asked], 0
        jne     .nothing
        inc     byte [asked]
        cmp     dword [e820_source], MAP_SOURCE_E820
        jne     .nothing
        cmp     dword [e820_count], E820_RAW_MAX - 2
        ja      .nothing
        call    map_old_ask
        jc      .nothing
; Two ranges, EAX bytes from 1 MiB and EDX bytes from 16 MiB. EBX = source.
        mov     ebp, [e820_count]
        push    edx
        mov     edx, eax
        mov     eax, HIGH_MEMORY_PHYS
        call    .range
        pop     edx
        mov     eax, SIXTEEN_MIB
        call    .range
        mov     eax, [e820_count]
        sub     eax, ebp
        jz      .nothing
        mov     ecx, ebx
        mov     edx, eax
        quirk   QUIRK_MAP_SMALL
        mov     dword [map32_count], 0
        call    map32_build
        clc
        ret
.nothing:
        stc
        ret

; In: EAX = base, EDX = bytes. Added unless E820h speaks of every byte of it, in whatever words.
.range: push    eax
        push    edx
        add     edx, eax
        jc      .top
        cmp     edx, TOP
        jbe     .end
.top:   mov     edx, TOP
.end:   push    ebx
        xor     ebx, ebx
        call    map32_reach
        pop     ebx
        cmp     eax, edx
        pop     edx
        pop     eax
        jb      map_old_add
        ret

asked:  db      0
