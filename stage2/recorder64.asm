; SPDX-License-Identifier: MIT
;
; The flight recorder from long mode on: the milestone itself, and exceptions before the kernel has
; handlers. The range is uncached now, so nothing has to be written back.
;
; Touches the body, the recorder's range and nothing else: it must work with the boot tables and
; with the kernel's first ones, which borrow them.

%include "stage2/stage2.inc"

extern recorder_on, recorder_base, recorder_next, staged

%define RECORD_SHIFT    6
%define VALUE(n)        (recorder_record_value + (n) * 8)

section .body
; Protected mode: the low block is out of reach in a moment. Clobbers EAX.
bits 32
global recorder64_init
recorder64_init:
        xor     eax, eax
        cmp     byte [recorder_on], 0
        je      .base
        mov     eax, [recorder_base]
.base:  mov     [recorder64_base], eax
        ret

bits 64
; In: RDX:RAX (dwords) = time stamp. Clobbers RAX, RCX, RDX, RSI, RDI.
global recorder64_long_mode
recorder64_long_mode:
        mov     [rel staged + VALUE(1)], eax
        mov     [rel staged + VALUE(1) + 4], edx
        mov     dword [rel staged + VALUE(0)], MILESTONE_LONG_MODE
        mov     eax, RECORD_MILESTONE
        jmp     event_write64

; An exception. In: RAX = vector | error << 32, RSI = four qwords: RIP, CR2, CR3, RSP. Clobbers
; RAX, RCX, RDX, RSI, RDI, R8. Then the death of stage2 that it is.
; Off for good before the first write: a fault in here comes back with nothing left to do.
global recorder64_exception
recorder64_exception:
        xor     edi, edi
        xchg    edi, [rel recorder64_base]
        test    edi, edi
        jz      .off
        mov     r8, rsi
        call    .facts
        mov     eax, RECORD_EXCEPTION
        call    event_at
        mov     eax, "L-00" + (LOADER_EXCEPTION_64 << 24)
        call    .facts
        mov     eax, RECORD_DEATH
        jmp     event_at
.off:   ret

; RAX and the facts at R8 into the record. Keeps RDI.
.facts: mov     [rel staged + VALUE(0)], rax
%assign n 0
%rep 4
        mov     rax, [r8 + n * 8]
        mov     [rel staged + VALUE(1 + n)], rax
%assign n n + 1
%endrep
        rdtsc
        mov     [rel staged + VALUE(5)], eax
        mov     [rel staged + VALUE(5) + 4], edx
        ret

; The values in `staged` as the next event. In: EAX = kind. Clobbers RAX, RCX, RDX, RSI, RDI.
event_write64:
        mov     edi, [rel recorder64_base]
        test    edi, edi
        jz      event_end
; In: EDI = bank. Keeps RDI.
event_at:
        push    rdi
        mov     [rel staged + recorder_record_kind], eax
; The kernel may have gone on in this bank: the first number that was not used.
.next:  mov     eax, [rel recorder_next]
        mov     esi, eax
        xor     edx, edx
        mov     ecx, RECORDER_EVENT_COUNT
        div     ecx
        lea     edx, [rdx + RECORDER_EVENT_FIRST]
        shl     edx, RECORD_SHIFT
        mov     eax, [rdi + rdx]
        cmp     eax, esi
        jb      .free
        inc     eax
        mov     [rel recorder_next], eax
        jmp     .next
.free:  add     edi, edx
        mov     [rel staged + recorder_record_sequence], esi
        inc     esi
        mov     [rel recorder_next], esi
; Sum last, and cleared for the next.
        lea     rsi, [rel staged]
        mov     ecx, recorder_record_check / 4
        mov     eax, RECORDER_SEED
.dword: rol     eax, 5
        xor     eax, [rsi]
        movsd
        and     dword [rsi - 4], 0
        dec     ecx
        jnz     .dword
        mov     [rdi], eax
        pop     rdi
event_end:
        ret

        align   4, db 0
recorder64_base:
        dd      0                               ; this boot's bank; 0 = off

%if recorder_record_sequence != 0
%error "recorder64.asm finds the sequence at the start of a record"
%endif
