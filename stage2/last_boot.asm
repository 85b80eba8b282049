; SPDX-License-Identifier: MIT
;
; The last words of the boot before: read from the other bank, told in one line when that boot did
; not end on purpose and nobody has read them yet.
;
; Mode: protected. Clobbers everything.

%include "stage2/stage2.inc"

extern recorder_previous, previous_bank, record_check

%define KINDS           (RECORD_CLEAN + 1)
%define VALUE(n)        (recorder_record_value + (n) * 8)

section .body
bits 32
; Out: last_boot_unread = 1: there is something that was not read.
global last_boot_tell
last_boot_tell:
        cmp     byte [recorder_previous], 0
        je      .end
        call    events_scan

; Marked as read, or ended on purpose: no death, and no exception after it.
        mov     esi, [record + RECORD_CLEAN * 4]
        test    esi, esi
        jz      .unread
        cmp     dword [esi + VALUE(0)], RECORD_CLEAN_READ
        je      .end
        cmp     dword [first_death], 0
        jne     .unread
        mov     eax, [esi + recorder_record_sequence]
        cmp     eax, [newest + RECORD_EXCEPTION * 4]
        ja      .end
.unread:
        inc     byte [last_boot_unread]
        call    milestone_find

; A death names its code; an exception that nobody could explain any more, its vector.
        mov     esi, [first_death]
        test    esi, esi
        jz      .exception
        mov     eax, [esi + VALUE(0)]
        mov     [what], eax
        mov     eax, [esi + VALUE(0) + 4]
        mov     [what + 4], eax
        mov     dword [what + 8], 0
        call    what_clean
        jmp     .place
.exception:
        mov     esi, [record + RECORD_EXCEPTION * 4]
        test    esi, esi
        jz      .silent
        mov     al, [esi + VALUE(0)]
        call    exception_text
.place: call    place_text
        tell    say_line, "plinth: previous boot died: ", {TEXT_SUB, what}, " at '", \
                {TEXT_AT, milestone}, "', RIP ", {TEXT_SUB, place}
.end:   ret
.silent:
        tell    say_line, "plinth: previous boot ended without a word at '", \
                {TEXT_AT, milestone}, "'"
        ret

; All events of the bank. Out: newest sequence and record of each kind, the first death (what
; follows a death is its consequence).
events_scan:
        mov     esi, [previous_bank]
        add     esi, RECORDER_EVENT_FIRST * sizeof_recorder_record
        xor     ebx, ebx                        ; place in the ring
.event: mov     eax, [esi + recorder_record_sequence]
        test    eax, eax
        jz      .next
        movzx   edi, word [esi + recorder_record_kind]
        cmp     edi, KINDS
        jae     .next
        cmp     eax, [newest + edi * 4]
        ja      .look
        cmp     edi, RECORD_DEATH
        jne     .next
; Record n stands at n modulo the size; anything else is rubbish, like a wrong sum.
.look:  push    eax
        xor     edx, edx
        mov     ecx, RECORDER_EVENT_COUNT
        div     ecx
        pop     eax
        cmp     edx, ebx
        jne     .next
        call    record_check
        jne     .next
        cmp     edi, RECORD_DEATH
        jne     .newest
        mov     edx, [first_death]
        test    edx, edx
        jz      .first
        cmp     eax, [edx + recorder_record_sequence]
        ja      .newest
.first: mov     [first_death], esi
.newest:
        cmp     eax, [newest + edi * 4]
        jb      .next
        mov     [newest + edi * 4], eax
        mov     [record + edi * 4], esi
.next:  add     esi, sizeof_recorder_record
        inc     ebx
        cmp     ebx, RECORDER_EVENT_COUNT
        jb      .event
        ret

; Out: milestone = name of the last station.
milestone_find:
        mov     edi, names
        mov     esi, [record + RECORD_MILESTONE * 4]
        test    esi, esi
        jz      .unknown
        mov     ecx, [esi + VALUE(0)]
        cmp     ecx, MILESTONE_COUNT
        jae     .unknown
        jecxz   .found
; The text number ECX.
.name:  inc     edi
        cmp     byte [edi - 1], 0
        jne     .name
        loop    .name
.found: mov     [milestone], edi
        ret
.unknown:
        mov     dword [milestone], unknown
        ret

; A code is shown as it is, but a byte below a blank would be a command to put_text.
what_clean:
        mov     edi, what
        mov     ecx, 8
.byte:  cmp     byte [edi], 0
        je      .end
        cmp     byte [edi], ' '
        ja      .next
        mov     byte [edi], '?'
.next:  inc     edi
        loop    .byte
.end:   ret

; AL = vector -> what = "exception 14". Keeps ESI.
exception_text:
        push    esi
        push    eax
        mov     esi, exception
        mov     edi, what
        mov     ecx, exception_end - exception
        rep movsb
        pop     eax
        aam                                     ; AH = tens, AL = ones
        add     ax, "00"
        cmp     ah, '9'                         ; 100 and more: tens go on in letters' place
        jbe     .two
        mov     byte [edi], '1'
        inc     edi
        sub     ah, 10
        cmp     ah, '9'
        jbe     .two
        inc     byte [edi - 1]
        sub     ah, 10
.two:   cmp     edi, what + (exception_end - exception)
        jne     .tens
        cmp     ah, '0'
        je      .ones
.tens:  mov     [edi], ah
        inc     edi
.ones:  mov     [edi], al
        mov     byte [edi + 1], 0
        pop     esi
        ret

; In: ESI = record with a RIP. Out: place = "image+0x12" or "0x12". The image's window ends with
; the address space and holds nothing else, so what lies at or above its start is in it.
place_text:
        mov     edi, place
        mov     eax, [esi + VALUE(1)]
        mov     edx, [esi + VALUE(1) + 4]
        mov     ebx, [record + RECORD_IMAGE * 4]
        test    ebx, ebx
        jz      .number
        mov     ecx, eax
        mov     ebp, edx
        sub     ecx, [ebx + VALUE(0)]
        sbb     ebp, [ebx + VALUE(0) + 4]
        jnz     .number
        cmp     ecx, IMAGE_SLIDE_BYTES
        jae     .number
        mov     eax, ecx
        xor     edx, edx
        mov     dword [edi], "imag"
        mov     word [edi + 4], "e+"
        add     edi, 6
.number:
        mov     word [edi], "0x"
        add     edi, 2
; EDX:EAX without leading zeros: EBX = digits.
        mov     ebx, 16
.lead:  test    edx, 0xF0000000
        jnz     .digit
        cmp     ebx, 1
        je      .digit
        shld    edx, eax, 4
        shl     eax, 4
        dec     ebx
        jmp     .lead
.digit: mov     ecx, edx
        shr     ecx, 28
        mov     cl, [digits + ecx]
        mov     [edi], cl
        inc     edi
        shld    edx, eax, 4
        shl     eax, 4
        dec     ebx
        jnz     .digit
        mov     [edi], bl
        ret

digits: db      "0123456789abcdef"
exception:
        db      "exception "
exception_end:
unknown:
        db      "?", 0
; In the order of milestones.h; the words are those of the kernel's report.
names:  db      "stage1", 0, "stage2", 0, "cpu checked", 0, "a20 open", 0, "memory map read", 0
        db      "kernel loaded", 0, "long mode", 0, "kernel entry", 0, "map cleaned", 0
        db      "tables built", 0, "moved high", 0, "identity gone", 0, "traps explained", 0
        db      "frames ready", 0, "heap ready", 0, "report", 0, "prompt", 0
%if MILESTONE_COUNT != 17 || MILESTONE_PROMPT != 16
%error "last_boot.asm names 17 milestones"
%endif

global last_boot_unread
        align   4, db 0
newest: times   KINDS dd 0
record: times   KINDS dd 0
first_death:
        dd      0
milestone:
        dd      0
what:   times   16 db 0
place:  times   28 db 0
last_boot_unread:
        db      0
