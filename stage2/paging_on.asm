; SPDX-License-Identifier: MIT
;
; Paging on: the one instruction of stage2 behind which a mistake can no longer be told, because
; neither the handlers nor the BIOS may be in reach. So all that it relies on is looked at here.
;
; Mode on entry: protected, no paging. On return: compatibility mode of long mode, same stack.
; In: CR3, CR4 and EFER as they are to be. Clobbers EAX, ECX, EDX, ESI, EDI.

%include "stage2/stage2.inc"

extern a20_prove, gdt, entry_phys, kernel_base, payload_end

%define CR0_PE          (1 << 0)
%define CR0_MP          (1 << 1)
%define CR0_ET          (1 << 4)
%define CR0_NE          (1 << 5)
%define CR0_WP          (1 << 16)
%define CR0_PG          (1 << 31)
%define CR4_PAE         (1 << 5)
%define MSR_EFER        0xC0000080
%define EFER_WANTED     ((1 << 8) | (1 << 11))  ; LME, NXE
%define ENTRY_P         (1 << 0)
%define ENTRY_RW        (1 << 1)
%define ENTRY_PS        (1 << 7)
%define INDEX_BITS      9
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

; What the first steps behind it touch.
        mov     eax, [entry_phys]
        mov     [must_be_mapped.entry], eax
        mov     eax, [kernel_base]
        mov     [must_be_mapped.first], eax
        mov     eax, [payload_end]
        dec     eax
        mov     [must_be_mapped.last], eax
        mov     esi, must_be_mapped
.next:  lodsd
        test    eax, eax
        jz      .good
        mov     [seen_address], eax
        call    walk
        jmp     .next
.good:  mov     eax, CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_PG
        mov     cr0, eax
        ret
.not_long:
        die     LOADER_PAGING, "not ready for long mode: EFER=", {4, seen_efer}, \
                " (LME 100 and NXE 800 expected) CR4=", {4, seen_cr4}, \
                " (PAE 20) CR3=", {4, seen_cr3}
.not_code:
        die     LOADER_PAGING, "the far jump into long mode needs a 64-bit code segment:", \
                " descriptor=", {8, seen_code}, ", expected P (bit 47), S (44), code (43)", \
                " and L (53) set, D (54) clear"

; The way of the processor to seen_address, which must end there; else it is the end. Clobbers EAX,
; ECX, EDX, EDI.
walk:   mov     edi, BOOT_PML4_PHYS
        mov     byte [seen_level], 4
        mov     cl, PML4_SLOT_SHIFT
        xor     edx, edx                        ; 4 GiB are all in the first entry there
.entry: lea     edx, [edi + edx * 8]
        mov     [seen_at], edx
        mov     eax, [edx + 4]
        mov     edx, [edx]
        mov     [seen_entry + 4], eax
        mov     [seen_entry], edx
        mov     dword [seen_wrong], text_absent
        test    dl, ENTRY_P
        jz      .wrong
        mov     dword [seen_wrong], text_read_only
        test    dl, ENTRY_RW
        jz      .wrong
        mov     dword [seen_wrong], text_upper
        test    eax, eax
        jnz     .wrong
        mov     edi, edx
        and     edi, ~(PAGE_BYTES - 1)
        cmp     cl, PAGE_SHIFT
        je      .leaf
        test    dl, ENTRY_PS
        jz      .table
        mov     dword [seen_wrong], text_page
        cmp     cl, PAGE_2M_SHIFT
        je      .leaf
        jmp     .wrong

; One level down, if there is one.
.table: mov     dword [seen_wrong], text_table
        lea     eax, [edi - BOOT_PML4_PHYS]
        cmp     eax, BOOT_TABLES_END - BOOT_PML4_PHYS
        jae     .wrong
        dec     byte [seen_level]
        sub     cl, INDEX_BITS
        mov     edx, [seen_address]
        shr     edx, cl
        and     edx, TABLE_ENTRIES - 1
        jmp     .entry
.leaf:  mov     dword [seen_wrong], text_elsewhere
        xor     edi, [seen_address]
        shr     edi, cl
        jnz     .wrong
        ret
.wrong: die     LOADER_PAGING, "the boot tables do not map what must go on: address=", \
                {4, seen_address}, " level=", {1, seen_level}, " entry=", {8, seen_entry}, \
                " at=", {4, seen_at}, ": ", {TEXT_AT, seen_wrong}

text_absent:    text "not present"
text_read_only: text "not writable"
text_upper:     text "its upper half is not 0"
text_page:      text "PS is set where no page can be"
text_table:     text "PS is clear, so it is taken for a table, and no table lies there"
text_elsewhere: text "it leads to another address"

        align   4, db 0
; Code, stack, the handlers' stack, IDT and GDT, the kernel's first stack, boot_info, the recorder,
; the kernel.
must_be_mapped:
        dd      paging_on, REAL_STACK_TOP - 4, BOOT_FAULT_STACK_TOP - 8, IDT64_PHYS, gdt
        dd      EARLY_STACK_TOP - 8, BOOT_INFO_PHYS, RECORDER_PHYS
.entry: dd      0
.first: dd      0
.last:  dd      0
        dd      0
seen_code:      dq 0
seen_gdtr:      dw 0
                dd 0
seen_efer:      dd 0
seen_cr4:       dd 0
seen_cr3:       dd 0
seen_address:   dd 0
seen_entry:     dq 0
seen_at:        dd 0
seen_wrong:     dd 0
seen_level:     db 0
