; SPDX-License-Identifier: MIT
;
; Which of the loader's magic breakpoints (break.inc) are live.
;
; Mode: protected.

%include "stage2/stage2.inc"

extern config_bytes

section .body
bits 32

; The names in the order of their numbers; each ends with a NUL, the list with another.
names:  db      "config", 0, "loaded", 0, "longmode", 0, 0
all:    db      "all", 0
key:    db      "break="
%define KEY_BYTES       6
; Not among the variables of the low block: that is out of reach once paging is on.
global magic_live
magic_live:
        db      0

; Reads the configuration's last word "break=": names, separated by commas. Never beyond
; config_bytes, whatever the text says. Out: magic_live. Keeps every register.
global magic_choose
magic_choose:
        pushad
        mov     byte [magic_live], 0
        mov     esi, CONFIG_PHYS
        mov     ebp, esi
        add     ebp, [config_bytes]             ; where the text ends
.word:  cmp     esi, ebp
        jae     .done
        cmp     byte [esi], ' '
        ja      .begin
        inc     esi
        jmp     .word
; A word begins: ours, or one to be skipped?
.begin: lea     eax, [esi + KEY_BYTES]
        cmp     eax, ebp
        ja      .done
        mov     edi, key
        mov     ecx, KEY_BYTES
        push    esi
        repe cmpsb
        pop     esi
        jne     .skip
        mov     esi, eax
        mov     byte [magic_live], 0            ; a later word replaces an earlier one
.item:  call    item_take
        jc      .word
        inc     esi                             ; over the comma
        jmp     .item
.skip:  cmp     byte [esi], ' '
        jbe     .word
        inc     esi
        cmp     esi, ebp
        jb      .skip
.done:  popad
        ret

; One name at ESI, text ends at EBP. Out: ESI = behind it; CF = 0: a comma follows. Its
; bit, or all of them, in magic_live. Clobbers EAX, ECX, EDX, EDI.
item_take:
        mov     edx, esi
.end:   cmp     esi, ebp
        jae     .last
        cmp     byte [esi], ','
        je      .found
        cmp     byte [esi], ' '
        jbe     .last
        inc     esi
        jmp     .end
.last:  call    .found
        stc
        ret
.found: mov     edi, all
        call    is_name
        jne     .named
        mov     byte [magic_live], 0xFF
.named: mov     edi, names
        mov     al, 1
.name:  call    is_name
        jne     .next
        or      [magic_live], al
.next:  shl     al, 1
.over:  inc     edi                             ; to the name after this one
        cmp     byte [edi - 1], 0
        jne     .over
        cmp     byte [edi], 0
        jne     .name
        clc
        ret

; ZF = 1: the text from EDX up to ESI is the name at EDI. Clobbers ECX.
is_name:
        push    esi
        push    edi
        mov     ecx, esi
        sub     ecx, edx
        mov     esi, edx
        cmp     ecx, ecx                        ; no character: equal so far
        repe cmpsb
        jne     .no
        cmp     byte [edi], 0
.no:    pop     edi
        pop     esi
        ret
