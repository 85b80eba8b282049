; SPDX-License-Identifier: MIT
;
; Address line 20: believed only when memory says so, before the first method and after each.
;
; Mode: protected. Every wait is bounded: the keyboard controller may not exist.

%include "stage2/stage2.inc"

extern a20_probe, a20_method, a20_guard, gate_clear
extern gate_eax, recorder_on

%define PORT_FAST       0x92
%define PORT_KEYBOARD   0x60
%define PORT_COMMAND    0x64
%define PORT_DELAY      0x80                    ; POST codes; about a microsecond
%define QUICK_TESTS     32
%define PATIENT_TESTS   0x10000                 ; some machines take milliseconds
%define KEYBOARD_POLLS  0x10000

section .body
bits 32

; Opens the line, from now on keeps it open. Clobbers everything.
global a20_enable
a20_enable:
        mov     ecx, QUICK_TESTS
        call    a20_test
        jnz     .open
        call    a20_open
        jc      .closed
        mov     [a20_method], eax
        mov     ecx, eax
        xor     edx, edx
        quirk   QUIRK_A20_WAS_OFF
.open:  mov     byte [a20_guard], 1
        ret
.closed:
        die     LOADER_A20, "address line 20 stays closed: BIOS, keyboard controller and ", \
                "port 92h tried"

; The claim is proven where it is relied on, whoever made it: before anything above 1 MiB is
; touched, and before paging. Keeps every register.
global a20_prove
a20_prove:
        push    ecx
        mov     ecx, QUICK_TESTS
        call    a20_test
        pop     ecx
        jz      .closed
        ret
.closed:
        mov     byte [recorder_on], 0
        die     LOADER_A20, "address line 20 is closed: what is written above 1 MiB lands below"

; After each BIOS call (gate_watch.asm), from a20_enable on. May clobber everything; what the call
; gave is kept.
global a20_keep
a20_keep:
        cmp     byte [a20_guard], 0
        je      .open
        mov     ecx, QUICK_TESTS
        call    a20_test
        jnz     .open
        mov     byte [a20_guard], 0
        mov     esi, gate_eax
        mov     ebx, 11
.save:  push    dword [esi]
        add     esi, 4
        dec     ebx
        jnz     .save
        call    a20_open
        jc      .closed
        mov     edi, 11
.load:  sub     esi, 4
        pop     dword [esi]
        dec     edi
        jnz     .load
        mov     ecx, eax
        xor     edx, edx
        quirk   QUIRK_A20_LOST
        mov     byte [a20_guard], 1
.open:  ret
; The recorder lies above the line that is closed now.
.closed:
        mov     byte [recorder_on], 0
        die     LOADER_A20_LOST, "a BIOS call closed address line 20, nothing opens it again"

; All methods in turn. Out: EAX = the one that worked, or CF = 1.
a20_open:
        push    ecx
        mov     ecx, PATIENT_TESTS
; The BIOS; its answer is not asked for.
        call    gate_clear
        mov     word [gate_eax], 0x2401
        bios    0x15
        call    a20_test
        mov     eax, A20_BIOS
        jnz     .open
        call    a20_keyboard
        jc      .fast
        call    a20_test
        mov     eax, A20_KEYBOARD
        jnz     .open
; Bit 1 opens; bit 0 would reset the machine.
.fast:  in      al, PORT_FAST
        cmp     al, 0xFF
        je      .closed
        or      al, 2
        and     al, 0xFE
        out     PORT_FAST, al
        call    a20_test
        mov     eax, A20_FAST_PORT
        jnz     .open
.closed:
        pop     ecx
        stc
        ret
.open:  pop     ecx
        clc
        ret

; Is it open? In: ECX = how often to look. Out: ZF = 0: open. Writes only our own low variable:
; with the line closed the dword 1 MiB above follows each change of it.
a20_test:
        push    eax
        push    ecx
.look:  mov     eax, [a20_probe + HIGH_MEMORY_PHYS]
        inc     eax
        mov     [a20_probe], eax
        out     PORT_DELAY, al
        cmp     eax, [a20_probe + HIGH_MEMORY_PHYS]
        jne     .end
        loop    .look
        cmp     eax, eax
.end:   pop     ecx
        pop     eax
        ret

; Output port of the keyboard controller. Out: CF = 1: it does not answer.
a20_keyboard:
        call    keyboard_ready
        jc      .end
        mov     al, 0xD1
        out     PORT_COMMAND, al
        call    keyboard_ready
        jc      .end
        mov     al, 0xDF
        out     PORT_KEYBOARD, al
        call    keyboard_ready
        jc      .end
; A null pulse: some controllers act on the port only after another command.
        mov     al, 0xFF
        out     PORT_COMMAND, al
        call    keyboard_ready
.end:   ret

; Waits until the controller takes a byte, throwing away what it wants to tell. FFh: not there.
keyboard_ready:
        push    ecx
        mov     ecx, KEYBOARD_POLLS
.poll:  out     PORT_DELAY, al
        in      al, PORT_COMMAND
        cmp     al, 0xFF
        je      .none
        test    al, 1
        jz      .empty
        in      al, PORT_KEYBOARD
        jmp     .again
.empty: test    al, 2
        jz      .ready
.again: loop    .poll
.none:  pop     ecx
        stc
        ret
.ready: pop     ecx
        clc
        ret
