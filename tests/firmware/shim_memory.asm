; SPDX-License-Identifier: MIT
;
; INT 12h and INT 15h of the shim: E820h, E801h and 88h, each as the scenario says: passed on to
; the BIOS, refused, or answered from the scenario.
;
; Mode: real, as the interrupts. Clobbers nothing that the service does not answer in.

%define SMAP            0x534D4150
%define E820_LEAST      20
%define NOT_SUPPORTED   0x86

int12:
        test    byte [cs:SC_FLAGS], FLAG_INT12
        jnz     .lie
        jmp     far [cs:old12]
.lie:   mov     ax, [cs:SC_INT12_KIB]
        say     "shim: int 12h is a lie", 10
        iret

int15:
        cmp     eax, 0xE820
        je      e820
        cmp     ax, 0xE801
        je      e801
        cmp     ah, 0x88
        je      extended_88
pass15: jmp     far [cs:old15]

; Both end an interrupt. CF is told through the flags that IRET loads.
refuse:
        mov     ah, NOT_SUPPORTED
        push    bp
        mov     bp, sp
        or      byte [bp + 6], 1
        pop     bp
        iret
answer:
        push    bp
        mov     bp, sp
        and     byte [bp + 6], 0xFE
        pop     bp
        iret

; EBX is the index of the entry wanted. The first question says how many there are, the last
; answer that the reader saw the end.
e820:
        cmp     byte [cs:SC_E820_MODE], MODE_PASS
        je      pass15
        cmp     byte [cs:SC_E820_MODE], MODE_REFUSE
        je      .refuse
        cmp     edx, SMAP
        jne     .refuse
        cmp     ecx, E820_LEAST
        jb      .refuse
        test    ebx, ebx
        jnz     .started
        say     "shim: e820 "
        mov     ax, [cs:SC_COUNT]
        call    say_number
        say     " entries", 10
.started:
        movzx   eax, word [cs:SC_COUNT]
        cmp     ebx, eax
        jae     .over

; As many bytes as the scenario gives, never more than the caller has room for.
        movzx   eax, word [cs:SC_ANSWER_BYTES]
        cmp     ecx, eax
        jbe     .room
        mov     ecx, eax
.room:  push    ds
        push    si
        push    di
        push    cx
        push    cs
        pop     ds
        imul    si, bx, ENTRY_BYTES
        add     si, TABLE_AT
        cld
        rep movsb
        pop     cx
        pop     di
        pop     si
        pop     ds

        inc     ebx
        cmp     byte [cs:SC_END_MODE], END_BY_CF
        je      .more
        movzx   eax, word [cs:SC_COUNT]
        cmp     ebx, eax
        jb      .more
        xor     ebx, ebx
        say     "shim: e820 end by ebx", 10
.more:  mov     eax, SMAP
        jmp     answer
.over:  say     "shim: e820 end by cf", 10
        jmp     refuse
.refuse:
        say     "shim: e820 refused", 10
        jmp     refuse

e801:
        cmp     byte [cs:SC_E801_MODE], MODE_PASS
        je      pass15
        cmp     byte [cs:SC_E801_MODE], MODE_REFUSE
        je      .refuse
        say     "shim: e801 answered", 10
        mov     ax, [cs:SC_E801_AX]
        mov     bx, [cs:SC_E801_BX]
        mov     cx, [cs:SC_E801_CX]
        mov     dx, [cs:SC_E801_DX]
        jmp     answer
.refuse:
        say     "shim: e801 refused", 10
        jmp     refuse

extended_88:
        cmp     byte [cs:SC_88_MODE], MODE_PASS
        je      pass15
        cmp     byte [cs:SC_88_MODE], MODE_REFUSE
        je      .refuse
        say     "shim: 88 answered", 10
        mov     ax, [cs:SC_88_AX]
        jmp     answer
.refuse:
        say     "shim: 88 refused", 10
        jmp     refuse
