; SPDX-License-Identifier: MIT
;
; What stands between two tries of a read: the controller's reset, and a pause that ends.
;
; Mode: protected. Registers kept.

%include "stage2/stage2.inc"

extern disk_bios, disk_function, gate_clear

%define BDA_TICKS       0x46C
%define TICK_POLLS      1024                    ; BIOS calls a tick at most, should it stand still
%define POLL_DELAYS     64                      ; writes to port 80h between two, 1 us each
%define PORT_DELAY      0x80

section .head
bits 32

; AH=00h. A controller in an error state stays there until this.
global disk_reset
disk_reset:
        push    eax
        push    dword [disk_function]           ; the facts in reports are the read's, not ours
        call    gate_clear
        mov     ah, 0x00
        call    disk_bios
        pop     dword [disk_function]
        pop     eax
        ret

; Waits EAX ticks of 55 ms; bounded, for a tick that stands still. The BIOS' clock only runs with
; interrupts on, which is inside the gate: INT 12h is the cheapest way in.
global wait_ticks
wait_ticks:
        pushad
        mov     ebx, [BDA_TICKS]
        imul    ecx, eax, TICK_POLLS
.poll:  push    ecx
        push    byte POLL_DELAYS
        pop     ecx
.delay: out     PORT_DELAY, al
        loop    .delay
        pop     ecx
        call    gate_clear
        bios    0x12
        mov     edx, [BDA_TICKS]
        sub     edx, ebx
        cmp     edx, eax
        jae     .done
        loop    .poll
        test    edx, edx
        jnz     .done
        mov     ecx, eax
        quirk   QUIRK_TICK_FROZEN
.done:  popad
        ret
