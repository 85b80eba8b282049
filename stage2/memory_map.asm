; SPDX-License-Identifier: MIT
;
; INT 15h E820h: the memory map, raw, in the firmware's order, never cut. Cleaning is the kernel's
; work; stage2 only needs to know where it may put things (map32.asm).
;
; Mode: protected. Out: e820_count, e820_source, entries at E820_RAW_PHYS. Clobbers everything.
; Kept in view: every input is given anew (BIOSes destroy EDX, EDI, ES); the buffer is cleared once
; (some expect it unchanged); the attributes are recorded, not believed; lists end by CF or EBX = 0;
; EBX may run in circles. A list that never ends is refused: the lost entry may be the reserved one.
; A BIOS that breaks when asked for the 24 bytes of ACPI 3.0 gets a second chance with 20.

%include "stage2/stage2.inc"

extern gate_clear, gate_eax, gate_ebx, gate_ecx, gate_edx, gate_edi, gate_flags
extern e820_buffer, e820_count, e820_source, e820_next, map_old_read

%define SMAP            0x534D4150
%define ASKED_BYTES     24
%define ASKED_OLD       20
; EBX given for each entry, to recognise circles; the place of the 32-bit map is still free.
%define GIVEN_EBX       MAP32_PHYS

section .body
bits 32
global memory_map_read
memory_map_read:
        mov     dword [asked], ASKED_BYTES
.again: mov     edi, e820_buffer
        mov     ecx, 16
        xor     eax, eax
        rep stosd
        mov     byte [e820_buffer + 20], 1
        mov     [e820_next], eax
        mov     [e820_count], eax

.next:  call    gate_clear
        mov     word [gate_eax], 0xE820
        mov     dword [gate_edx], SMAP
        mov     eax, [asked]
        mov     [gate_ecx], eax
        mov     dword [gate_edi], e820_buffer
        mov     eax, [e820_next]
        mov     [gate_ebx], eax
        bios    0x15
        mov     ecx, [e820_count]
        xor     edx, edx
        test    byte [gate_flags], 1
        jnz     .carry
        cmp     dword [gate_eax], SMAP
        jne     .failed

; The same answer to the same question was here before: the list is a circle, and complete.
        mov     ebx, [e820_next]
        xor     eax, eax
        mov     edi, E820_RAW_PHYS
.seen:  cmp     eax, ecx
        je      .new
        cmp     [GIVEN_EBX + eax * 4], ebx
        jne     .differs
        mov     esi, [edi + e820_raw_base]
        cmp     esi, [e820_buffer]
        jne     .differs
        mov     esi, [edi + e820_raw_base + 4]
        cmp     esi, [e820_buffer + 4]
        jne     .differs
        mov     esi, [edi + e820_raw_bytes]
        cmp     esi, [e820_buffer + 8]
        je      .endless
.differs:
        add     edi, sizeof_e820_raw
        inc     eax
        jmp     .seen

; EDI stands at the new entry.
.new:   cmp     ecx, E820_RAW_MAX
        jae     .too_many
        mov     [GIVEN_EBX + ecx * 4], ebx
        mov     esi, e820_buffer
        mov     ecx, ASKED_BYTES / 4
        rep movsd
        mov     eax, [gate_ecx]
        stosd
        mov     eax, MAP_SOURCE_E820
        stosd
        inc     dword [e820_count]
        mov     eax, [gate_ebx]
        mov     [e820_next], eax
        test    eax, eax
        jnz     .next
        jmp     .done

.carry: test    ecx, ecx
        jz      .failed
        quirk   QUIRK_E820_CF_END
        jmp     .done
.endless:
        quirk   QUIRK_E820_ENDLESS
.done:  mov     dword [e820_source], MAP_SOURCE_E820
        cmp     dword [asked], ASKED_BYTES
        je      .end
        mov     ecx, [e820_count]
        xor     edx, edx
        quirk   QUIRK_E820_TWENTY
.end:   ret

.too_many:
        quirk   QUIRK_E820_ENDLESS
        jmp     .worthless
; Nothing, or an answer that lost its signature: all of it is worthless.
.failed:
        cmp     dword [asked], ASKED_OLD
        mov     dword [asked], ASKED_OLD
        jne     .again
.worthless:
        quirk   QUIRK_E820_FAILED
        mov     dword [e820_count], 0
        jmp     map_old_read

        align   4, db 0
asked:  dd      0                               ; bytes of an entry
