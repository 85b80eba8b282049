; SPDX-License-Identifier: MIT
;
; The flight recorder's writing side in protected mode: this boot's bank, milestones, deaths.
; The form of banks and records stands in kernel/boot/recorder.h.
;
; Mode: protected, no paging, so memory is cached here: WBINVD after each record, before anything
; else can go wrong. From long mode on the range is uncached (boot_tables.asm, recorder64.asm).

%include "stage2/stage2.inc"

extern a20_prove, map32_usable, milestones, stage1_tsc, recorder_on, report_code, stage2_head
extern fault_vector, fault_error, fault_eip, fault_cr2, fault_esp

%define BANK_RECORDS    (RECORDER_BANK_BYTES / sizeof_recorder_record)
%define RECORD_SHIFT    6
%define VALUE(n)        (recorder_record_value + (n) * 8)

%if sizeof_recorder_record != 1 << RECORD_SHIFT || recorder_record_check != 60
%error "recorder.asm knows a record as 64 bytes, the sum in the last dword"
%endif
%if RECORDER_BYTES != 2 * RECORDER_BANK_BYTES
%error "recorder.asm knows two banks"
%endif

section .body
bits 32

; Opens this boot's bank: the one that does not hold the newest valid head, so that the last
; boot's words stay. Only if the map calls the whole range usable.
; Out: recorder_on, recorder_bank, recorder_previous, previous_bank. Clobbers everything.
global recorder_open
recorder_open:
        call    a20_prove
        mov     eax, RECORDER_PHYS
        mov     edx, RECORDER_PHYS + RECORDER_BYTES
        call    map32_usable
        jc      .off

; EBX = this boot's bank, EAX = boots so far.
        xor     ebx, ebx
        xor     eax, eax
        mov     esi, RECORDER_PHYS
        call    head_check
        jne     .second
        inc     byte [recorder_previous]
        inc     ebx
        mov     eax, [esi + VALUE(0)]
.second:
        mov     esi, RECORDER_PHYS + RECORDER_BANK_BYTES
        call    head_check
        jne     .chosen
        mov     edx, [esi + VALUE(0)]
        cmp     byte [recorder_previous], 0
        je      .newest
        cmp     edx, eax
        jb      .chosen
.newest:
        mov     byte [recorder_previous], 1
        xor     ebx, ebx
        mov     eax, edx
.chosen:
        mov     [recorder_bank], bl
        shl     ebx, 15
        add     ebx, RECORDER_PHYS
        mov     [recorder_base], ebx
        xor     ebx, RECORDER_PHYS ^ (RECORDER_PHYS + RECORDER_BANK_BYTES)
        mov     [previous_bank], ebx

; Forget what lies there. Sequence 0 is enough, at a quarter of the cost of clearing all: no
; writer uses it, and the sum of a record that was valid is wrong from then on (each step of the
; sum is one-to-one, so one changed dword always changes it). Written back before the head makes
; this bank the newest.
        xor     edx, edx
        mov     edi, [recorder_base]
        mov     ecx, BANK_RECORDS
.forget:
        mov     [edi + recorder_record_sequence], edx
        add     edi, sizeof_recorder_record
        dec     ecx
        jnz     .forget
        wbinvd

; The head.
        inc     eax
        mov     [staged + recorder_record_sequence], eax
        mov     [staged + VALUE(0)], eax
        mov     dword [staged + recorder_record_kind], RECORD_HEAD
        mov     esi, stage2_head + stage2_head_build_id
        mov     edi, staged + VALUE(1)
        mov     ecx, 20 / 4
        rep movsd
        mov     edi, [recorder_base]
        call    staged_write
        inc     byte [recorder_on]

; What was passed so far; stage1's stamp stands apart.
        mov     eax, [stage1_tsc]
        mov     [milestones + MILESTONE_STAGE1 * 8], eax
        mov     eax, [stage1_tsc + 4]
        mov     [milestones + MILESTONE_STAGE1 * 8 + 4], eax
        xor     eax, eax
.passed:
        call    recorder_milestone
        inc     eax
        cmp     eax, MILESTONE_MEMORY_MAP
        jbe     .passed
.off:   ret

%if RECORDER_BANK_BYTES != 1 << 15
%error "recorder.asm finds a bank by a shift of 15"
%endif
%if MILESTONE_STAGE1 != 0
%error "recorder.asm counts milestones from stage1 = 0"
%endif

; A milestone that was just stamped. In: EAX = its number. Keeps everything.
global recorder_milestone
recorder_milestone:
        cmp     byte [recorder_on], 0
        je      .end
        pushad
        mov     [staged + VALUE(0)], eax
        mov     edx, [milestones + eax * 8]
        mov     [staged + VALUE(1)], edx
        mov     edx, [milestones + eax * 8 + 4]
        mov     [staged + VALUE(1) + 4], edx
        mov     eax, RECORD_MILESTONE
        call    event_write
        popad
.end:   ret

; The end of this boot, for error.asm: report_code and, for L-04, what fault32.asm left. Keeps ESI.
; Switched off first: whatever goes wrong in here must not lead here again.
global recorder_death
recorder_death:
        mov     byte [recorder_on], 0
        pushad
        cmp     byte [report_code], LOADER_EXCEPTION_32
        je      .exception
; Not an exception: the place is the call of error_die, in front of the text.
        mov     [fault_eip], esi
        mov     [fault_esp], esp
        jmp     .death
.exception:
        add     dword [fault_esp], 8            ; CS, EFLAGS
        mov     eax, [fault_vector]
        mov     edx, [fault_error]
        mov     ebx, RECORD_EXCEPTION
        call    .write
.death: mov     al, [report_code]               ; two decimal digits
        aam     16
        xchg    al, ah
        shl     eax, 16
        mov     ax, "L-"
        add     eax, "00" << 16
        xor     edx, edx
        mov     ebx, RECORD_DEATH
        call    .write
        popad
        ret

; In: EDX:EAX = the first value, EBX = kind. There is no paging: CR3 = 0.
.write: mov     [staged + VALUE(0)], eax
        mov     [staged + VALUE(0) + 4], edx
        mov     eax, [fault_eip]
        mov     [staged + VALUE(1)], eax
        mov     eax, [fault_cr2]
        mov     [staged + VALUE(2)], eax
        mov     eax, [fault_esp]
        mov     [staged + VALUE(4)], eax
        rdtsc
        mov     [staged + VALUE(5)], eax
        mov     [staged + VALUE(5) + 4], edx
        mov     eax, ebx
        jmp     event_write
%if LOADER_EXCEPTION_32 > 9
%error "recorder.asm compares LOADER_EXCEPTION_32 with a code in decimal digits"
%endif

; The values in `staged` as the next event. In: EAX = kind. Clobbers EAX, ECX, EDX, ESI, EDI.
event_write:
        mov     [staged + recorder_record_kind], eax
        mov     eax, [recorder_next]
        inc     dword [recorder_next]
        mov     [staged + recorder_record_sequence], eax
        xor     edx, edx
        mov     ecx, RECORDER_EVENT_COUNT
        div     ecx
        lea     edi, [edx + RECORDER_EVENT_FIRST]
        shl     edi, RECORD_SHIFT
        add     edi, [recorder_base]
; `staged` to EDI, sum last, then clear again.
staged_write:
        mov     esi, staged
        push    eax
        call    record_sum
        mov     [esi + recorder_record_check], eax
        mov     ecx, sizeof_recorder_record / 4
        rep movsd
        wbinvd
        mov     edi, staged
        mov     ecx, sizeof_recorder_record / 4
        xor     eax, eax
        rep stosd
        pop     eax
        ret

; In: ESI = bank. Out: ZF = 1: it has a valid head. Keeps registers.
head_check:
        cmp     word [esi + recorder_record_kind], RECORD_HEAD
        jne     .end
        push    eax
        mov     eax, [esi + recorder_record_sequence]
        cmp     eax, [esi + VALUE(0)]
        pop     eax
        je      record_check
.end:   ret

; In: ESI = record. Out: ZF = 1: its sum is right. Keeps registers.
global record_check
record_check:
        push    eax
        call    record_sum
        cmp     eax, [esi + recorder_record_check]
        pop     eax
        ret

; In: ESI = record. Out: EAX = sum over the first 15 dwords.
record_sum:
        mov     eax, RECORDER_SEED
%assign at 0
%rep recorder_record_check / 4
        rol     eax, 5
        xor     eax, [esi + at]
%assign at at + 4
%endrep
        ret

global recorder_bank, recorder_previous, recorder_base, recorder_next, previous_bank, staged
        align   8, db 0
staged: times   sizeof_recorder_record db 0     ; the record in the making; zero in between
recorder_base:
        dd      0                               ; this boot's bank
recorder_next:
        dd      1                               ; sequence of the next event
previous_bank:
        dd      0
recorder_bank:
        db      0
recorder_previous:
        db      0
