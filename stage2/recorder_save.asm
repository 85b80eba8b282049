; SPDX-License-Identifier: MIT
;
; `recorder=disk`: the last boot's bank into the recorder's slot on the boot medium, for another
; computer to read. The only write stage2 ever does: off unless asked for, only when that boot did
; not end on purpose, only in these 64 KiB, never by a guessed geometry; a failure is a quirk.
;
; Mode: protected. Clobbers everything.

%include "stage2/stage2.inc"

extern disk_read, disk_write, disk_edd, base_marker, chs_guessed
extern config_bytes, last_boot_unread, previous_bank, disk_limit

section .body
bits 32
global recorder_save
recorder_save:
        cmp     byte [last_boot_unread], 0
        je      .end
        call    wanted
        jne     .end

; Firmware that adds the partition's start cannot reach the slot at the disk's beginning; the
; second one lies as far behind the partition's start.
        mov     ebx, DISK_RECORDER
        cmp     byte [base_marker], 0
        je      .slot
        add     ebx, DISK_PARTITION
.slot:  mov     al, [disk_edd]
        or      al, [chs_guessed]
        cmp     al, [disk_edd]
        jne     .guessed
        push    dword [disk_limit]
        mov     edx, RECORDER_PHYS
.bank:  mov     edi, BOUNCE_PHYS
        mov     ecx, RECORDER_BANK_BYTES / 4
        cmp     edx, [previous_bank]
        jne     .other
        mov     esi, edx
        rep movsd
        jmp     .write
; The other half goes out empty: this boot has no last words yet, and its head would make it the
; newest there.
.other: xor     eax, eax
        rep stosd
.write: mov     edi, BOUNCE_PHYS
        mov     ecx, RECORDER_BANK_BYTES
        mov     eax, ebx
        mov     byte [disk_write], 1
        call    disk_read
        mov     byte [disk_write], 0
        jc      .failed
; Read back: some BIOSes count a failed sector as written, some sticks only pretend.
        call    disk_read
        jc      .failed
        mov     ecx, RECORDER_BANK_BYTES / 4
        cmp     edx, [previous_bank]
        jne     .empty
        mov     esi, edx
        repe cmpsd
        jmp     .same
.empty: xor     eax, eax
        repe scasd
.same:  jne     .failed
        add     ebx, RECORDER_BANK_BYTES
        add     edx, RECORDER_BANK_BYTES
        cmp     edx, RECORDER_PHYS + RECORDER_BYTES
        jb      .bank
        jmp     .done
.failed:
        mov     ecx, RECORDER_BANK_BYTES
        mov     edx, ebx                        ; in the slot, the bank that failed
        quirk   QUIRK_RECORDER_UNSAVED
; Reads go on as if nothing had happened.
.done:  pop     dword [disk_limit]
.end:   ret
.guessed:
        xor     ecx, ecx
        mov     edx, ebx
        quirk   QUIRK_RECORDER_UNSAVED
        ret

; Is the last word with the key `recorder` the one we know? Out: ZF = 1: yes. Words are divided
; by blanks; every byte looked at lies in the text or is the NUL behind it.
wanted: mov     esi, CONFIG_PHYS
        mov     edx, [config_bytes]
        add     edx, esi                        ; the NUL
        xor     ebx, ebx
.word:  cmp     esi, edx
        jae     .told
        mov     edi, key
        mov     ecx, key_value - key
.key:   mov     al, [esi]
        cmp     al, [edi]
        jne     .skip
        inc     esi
        inc     edi
        loop    .key
; This key: the value decides, up to a blank or the end.
        mov     ebx, 1
        mov     ecx, key_end - key_value
.value: mov     al, [esi]
        cmp     al, [edi]
        jne     .skip
        inc     esi
        inc     edi
        loop    .value
        cmp     byte [esi], ' '
        ja      .skip
        inc     ebx
; To the next word.
.skip:  cmp     esi, edx
        jae     .told
        lodsb
        cmp     al, ' '
        ja      .skip
        jmp     .word
.told:  cmp     ebx, 2
        ret

key:    db      "recorder="
key_value:
        db      "disk"
key_end:

%if CHUNK_BYTES != RECORDER_BANK_BYTES
%error "a bank no longer fits the lower half of the bounce buffer"
%endif
