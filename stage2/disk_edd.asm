; SPDX-License-Identifier: MIT
;
; INT 13h AH=41h and AH=42h: packet reads (EDD).
;
; Mode: protected. Registers kept unless named.

%include "stage2/stage2.inc"

extern gate_clear, gate_eax, gate_ebx, gate_ecx, gate_edx, gate_esi, gate_flags
extern disk_packet, disk_drive, disk_edd, disk_has_edd, disk_function, disk_status, int13_calls
extern disk_count, disk_done, disk_dest, disk_lba, disk_base, disk_write

section .head
bits 32

; INT 13h on the drive in use. In: AH = function; other registers in gate_... already.
; Out: AH = status, CF as the BIOS left it.
global disk_bios
disk_bios:
        mov     [gate_eax + 1], ah
        mov     [disk_function], ah
        mov     al, [disk_drive]
        mov     [gate_edx], al
        inc     dword [int13_calls]
        bios    0x13
        mov     ah, [gate_eax + 1]
        mov     [disk_status], ah
        bt      dword [gate_flags], 0
        ret

; Does the BIOS offer packet reads for this drive? Out: disk_edd, disk_has_edd.
global edd_probe
edd_probe:
        pushad
        mov     byte [disk_edd], 0
        call    gate_clear
        mov     word [gate_ebx], 0x55AA
        mov     ah, 0x41
        call    disk_bios
        jc      .none
        cmp     word [gate_ebx], 0xAA55
        jne     .none
        test    byte [gate_ecx], 1
        jz      .none
        inc     byte [disk_edd]
        jmp     .done
.none:  xor     ecx, ecx
        movzx   edx, byte [disk_drive]
        quirk   QUIRK_NO_EDD
.done:  mov     al, [disk_edd]
        mov     [disk_has_edd], al
        popad
        ret

; One packet read of disk_count sectors from disk_lba to disk_dest; while disk_write is 1 a write,
; AH=43h without verify. Out: AH, CF as the BIOS gave them; disk_done = the count it left in the
; packet.
; The packet is built anew each time, with spare room behind it: both get overwritten.
global edd_read
edd_read:
        push    edi
        push    ecx
        call    gate_clear
        mov     edi, disk_packet
        mov     [gate_esi], edi
        mov     eax, [disk_count]
        shl     eax, 16
        mov     al, 16
        stosd
        mov     eax, [disk_dest]                ; below 1 MiB: segment in the upper 16 bits
        shl     eax, 12
        and     eax, 0xF0000000
        mov     ax, [disk_dest]
        stosd
; Proven before the call: sectors that land on the vectors end inside the BIOS, without a word.
        movzx   ecx, ax
        shr     eax, 12
        and     al, 0xF0
        add     eax, ecx
        cmp     eax, [disk_dest]
        jne     .elsewhere
        mov     eax, [disk_lba]
        sub     eax, [disk_base]
        stosd
        xor     eax, eax
        push    byte 5
        pop     ecx
        rep stosd
        mov     ah, 0x42
        add     ah, [disk_write]
        call    disk_bios
        movzx   ecx, word [disk_packet + 2]
        mov     [disk_done], ecx
        pop     ecx
        pop     edi
        ret
.elsewhere:
        die     LOADER_READ_ELSEWHERE, "a read's packet has segment:offset=", \
                {2, disk_packet + 6}, ":", {2, disk_packet + 4}, " meant=", {4, disk_dest}
