; SPDX-License-Identifier: MIT
;
; The boot page tables of layout.h: 0..4 GiB identity in 2 MiB pages, the first 2 MiB in 4 KiB
; pages so that page 0 and the guard under the early stack are absent, the recorder uncached.
;
; Mode: protected, no paging. Clobbers EAX, ECX, EDI.

%include "stage2/stage2.inc"

%define P               0x001
%define RW              0x002
%define PWT             0x008
%define PCD             0x010
%define PS              0x080

section .body
bits 32
global boot_tables_build
boot_tables_build:
        mov     edi, BOOT_PML4_PHYS
        mov     ecx, (BOOT_TABLES_END - BOOT_PML4_PHYS) / 4
        xor     eax, eax
        rep stosd
        mov     dword [BOOT_PML4_PHYS], BOOT_PDPT_PHYS | P | RW

; Four page directories, then their 2048 entries in a row.
        mov     eax, BOOT_PD_PHYS | P | RW
        mov     edi, BOOT_PDPT_PHYS
        mov     ecx, 4
.pdpt:  mov     [edi], eax
        add     edi, 8
        add     eax, PAGE_BYTES
        loop    .pdpt
        mov     eax, P | RW | PS
        mov     edi, BOOT_PD_PHYS
        mov     ecx, 4 * TABLE_ENTRIES
.pd:    mov     [edi], eax
        add     edi, 8
        add     eax, PAGE_2M_BYTES
        loop    .pd
        mov     dword [BOOT_PD_PHYS], BOOT_PT_PHYS | P | RW

; The first 2 MiB, with its holes.
        mov     eax, PAGE_BYTES | P | RW
        mov     edi, BOOT_PT_PHYS + 8
        mov     ecx, TABLE_ENTRIES - 1
.pt:    mov     [edi], eax
        add     edi, 8
        add     eax, PAGE_BYTES
        loop    .pt
        mov     dword [BOOT_PT_PHYS + EARLY_GUARD_PHYS / PAGE_BYTES * 8], 0
        mov     edi, BOOT_PT_PHYS + RECORDER_PHYS / PAGE_BYTES * 8
        mov     ecx, RECORDER_BYTES / PAGE_BYTES
.recorder:
        or      byte [edi], PCD | PWT
        add     edi, 8
        loop    .recorder
        ret

%if BOOT_PDPT_PHYS + 0x1000 != BOOT_PD_PHYS || BOOT_PD_PHYS + 0x4000 != BOOT_PT_PHYS
%error "boot_tables.asm expects PDPT, four PDs and the PT in a row"
%endif
%if RECORDER_PHYS + RECORDER_BYTES > PAGE_2M_BYTES || EARLY_GUARD_PHYS >= PAGE_2M_BYTES
%error "recorder and guard must lie in the first 2 MiB"
%endif
