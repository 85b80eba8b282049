; SPDX-License-Identifier: MIT
;
; The end, said aloud; and the ring of anomalies that were survived.

%include "stage2/stage2.inc"

extern put_text, console_sink, report_code, quirks_noted, quirks_lost, bios_gone
extern gate_clear, gate_eax
extern disk_function, disk_status, recorder_on, recorder_death

%define QUIRK_MAX       (QUIRK_RING_BYTES / sizeof_quirk)
%define VECTOR_FREE     0x1F                    ; a table for graphics modes: no handler
%define RESET_ENTRY     0xFFFF0000              ; FFFF:0000, where a processor starts
%define QUIRK_LAST_DISK 19                      ; codes above it carry no function and status

section .head
bits 32

; "plinth: L-NN text" on E9 and COM1 first, because INT 10h may be what is broken, then on the
; screen; into the flight recorder before all that. Then the choice between a restart and the next
; boot device. In: return address -> code byte, then the text (macro die). Never returns.
global error_die
error_die:
        pop     esi
        lodsb
        mov     [report_code], al
        mov     byte [console_sink], 0          ; a line may have been under way (say.asm)
        cmp     byte [recorder_on], 0
        je      .sink
        call    recorder_death
.sink:  push    esi
        mov     esi, text_prefix
        call    put_text
        mov     esi, [esp]
        call    put_text
        mov     esi, text_newline
        call    put_text
        pop     esi
        inc     byte [console_sink]
        cmp     byte [console_sink], 2
        jb      .sink
; A key that was typed before is not the answer: only these two are.
        cmp     byte [bios_gone], 0
        jne     .halt
        mov     esi, text_keys
        call    put_text
.key:   call    gate_clear
        bios    0x16
        mov     al, [gate_eax]
        and     al, ~0x20
        cmp     al, 'N'
        je      .next
        cmp     al, 'R'
        jne     .key
        mov     dword [VECTOR_FREE * 4], RESET_ENTRY
        bios    VECTOR_FREE
.next:  bios    0x18                            ; comes back if there is nothing to boot
        jmp     .key
.halt:  cli
        hlt
        jmp     .halt

text_prefix:
        text    `\r\nplinth: L-`, {1, report_code}, " "
text_keys:
        text    "R: restart  N: next boot device"
text_newline:
        text    `\r\n`

; One anomaly into the ring; the oldest are kept. In: code on the stack (removed), ECX = count,
; EDX = at. Keeps everything, flags too.
global quirk_note
quirk_note:
        pushfd
        pushad
        mov     eax, [quirks_noted]
        cmp     eax, QUIRK_MAX
        jb      .room
        inc     dword [quirks_lost]
        jmp     .done
.room:  inc     dword [quirks_noted]
        imul    edi, eax, sizeof_quirk
        add     edi, QUIRK_RING_PHYS
        mov     eax, [esp + 40]
        mov     [edi + quirk_code], ax
        mov     [edi + quirk_count], ecx
        mov     [edi + quirk_at], edx
        mov     dword [edi + quirk_at + 4], 0
        xor     ecx, ecx
        cmp     al, QUIRK_LAST_DISK
        ja      .plain
        mov     ch, [disk_status]
        mov     cl, [disk_function]
.plain: mov     [edi + quirk_function], cx
.done:  popad
        popfd
        ret     4

; The facts of a read, for whoever dies of one.
extern disk_drive, disk_lba, disk_count, disk_tries
global text_disk
text_disk:
        text    " fn=", {1, disk_function}, " AH=", {1, disk_status}, " DL=", {1, disk_drive}, \
                " LBA=", {4, disk_lba}, " count=", {1, disk_count}, " tries=", {1, disk_tries}
