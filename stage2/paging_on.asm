; SPDX-License-Identifier: MIT
;
; Paging on: the one instruction of stage2 behind which a mistake can no longer be told, because
; neither the handlers nor the BIOS may be in reach. So all that it relies on is looked at here.
;
; Mode on entry: protected, no paging. On return: compatibility mode of long mode, same stack.
; In: CR3, CR4 and EFER as they are to be. Clobbers EAX, ECX, EDX, ESI.

%include "stage2/stage2.inc"

extern a20_prove

%define CR0_PE          (1 << 0)
%define CR0_MP          (1 << 1)
%define CR0_ET          (1 << 4)
%define CR0_NE          (1 << 5)
%define CR0_WP          (1 << 16)
%define CR0_PG          (1 << 31)
%define CR4_PAE         (1 << 5)
%define MSR_EFER        0xC0000080
%define EFER_WANTED     ((1 << 8) | (1 << 11))  ; LME, NXE
%define ENTRY_P         1
; Upper half of a code descriptor: present, code or data, code, L, D.
%define CODE_LOOKED_AT  0x00609800
%define CODE_64         0x00209800

section .body
bits 32
global paging_on
paging_on:
        call    a20_prove                       ; tables and kernel lie on both sides of the line
        mov     ecx, MSR_EFER
        rdmsr
        mov     [seen_efer], eax
        mov     ecx, cr4
        mov     [seen_cr4], ecx
        mov     edx, cr3
        mov     [seen_cr3], edx
        and     eax, EFER_WANTED
        cmp     eax, EFER_WANTED
        jne     .not_long
        test    cl, CR4_PAE
        jz      .not_long
        cmp     edx, BOOT_PML4_PHYS
        jne     .not_long

; The far jump behind this routine reads its descriptor from memory, where GDTR says.
        sgdt    [seen_gdtr]
        mov     esi, [seen_gdtr + 2]
        add     esi, SEL_KERNEL_CODE
        mov     eax, [esi]
        mov     [seen_code], eax
        mov     eax, [esi + 4]
        mov     [seen_code + 4], eax
        and     eax, CODE_LOOKED_AT
        cmp     eax, CODE_64
        jne     .not_code

; Code, stack, the handlers' stack, the IDT, the kernel's first stack.
        mov     esi, must_be_mapped
.next:  lodsd
        test    eax, eax
        jz      .good
        mov     [seen_address], eax
        call    is_mapped
        jnz     .next
        mov     [seen_entry], eax
        die     LOADER_PAGING, "the boot tables do not map what must go on: address=", \
                {4, seen_address}, ", an entry on the way is ", {4, seen_entry}
.good:  mov     eax, CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG
        mov     cr0, eax
        ret
.not_long:
        die     LOADER_PAGING, "not ready for long mode: EFER=", {4, seen_efer}, \
                " (LME 100 and NXE 800 expected) CR4=", {4, seen_cr4}, \
                " (PAE 20) CR3=", {4, seen_cr3}
.not_code:
        die     LOADER_PAGING, "the far jump into long mode needs a 64-bit code segment:", \
                " descriptor=", {8, seen_code}, ", expected L (bit 53) set and D (54) clear"

; In: EAX = an address in the first 2 MiB. Out: ZF = 1: not mapped, EAX = the entry. Keeps ESI.
is_mapped:
        mov     ecx, eax
        shr     ecx, PAGE_SHIFT
        mov     eax, [BOOT_PML4_PHYS]
        test    al, ENTRY_P
        jz      .end
        mov     eax, [BOOT_PDPT_PHYS]
        test    al, ENTRY_P
        jz      .end
        mov     eax, [BOOT_PD_PHYS]
        test    al, ENTRY_P
        jz      .end
        mov     eax, [BOOT_PT_PHYS + ecx * 8]
        test    al, ENTRY_P
.end:   ret

        align   4, db 0
must_be_mapped:
        dd      paging_on, REAL_STACK_TOP - 4, BOOT_FAULT_STACK_TOP - 8, IDT64_PHYS
        dd      EARLY_STACK_TOP - 8, BOOT_INFO_PHYS, 0
seen_code:      dq 0
seen_gdtr:      dw 0
                dd 0
seen_efer:      dd 0
seen_cr4:       dd 0
seen_cr3:       dd 0
seen_address:   dd 0
seen_entry:     dd 0
