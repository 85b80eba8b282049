; SPDX-License-Identifier: MIT
;
; Protected mode -> long mode -> kernel, as boot_info.h promises it.
;
; Mode on entry: protected, tables and boot_info complete but for stamp and checksum. No return.

%include "stage2/stage2.inc"
%include "stage2/break.inc"

extern paging_on, fault64_init, idt64_register, cpu_features2, recorder64_init, recorder64_long_mode

%define CR4_PAE         (1 << 5)
%define MSR_EFER        0xC0000080
%define EFER_LME        (1 << 8)
%define EFER_NXE        (1 << 11)

section .body
bits 32
global long_mode_enter
long_mode_enter:
        call    fault64_init
        call    recorder64_init
        mov     ebx, [cpu_features2]            ; the low block is out of reach in a moment
; CR4 is ours whole: PAE, nothing else (no LA57, no PGE yet).
        mov     eax, CR4_PAE
        mov     cr4, eax
        mov     eax, BOOT_PML4_PHYS
        mov     cr3, eax
        mov     ecx, MSR_EFER
        rdmsr
.efer:  or      eax, EFER_LME | EFER_NXE
        wrmsr
        call    paging_on
        jmp     SEL_KERNEL_CODE:.long

bits 64
.long:  lidt    [idt64_register]
        mov     eax, SEL_KERNEL_DATA
        mov     ds, eax
        mov     es, eax
        mov     fs, eax
        mov     gs, eax
        mov     ss, eax
        mov     esp, EARLY_STACK_TOP
        mov     eax, SEL_TSS
        ltr     ax
        xor     eax, eax
        lldt    ax
        magic   MAGIC_LONGMODE, "longmode"

        rdtsc
        mov     edi, BOOT_INFO_PHYS
        mov     [rdi + boot_info_milestone_tsc + MILESTONE_LONG_MODE * 8], eax
        mov     [rdi + boot_info_milestone_tsc + MILESTONE_LONG_MODE * 8 + 4], edx
        call    recorder64_long_mode
        mov     edi, BOOT_INFO_PHYS

; The checksum, its own field being zero still.
        or      eax, -1
        mov     esi, edi
        mov     ecx, sizeof_boot_info / 8
        test    ebx, FEATURE_SSE42
        jz      .slow
.fast:  crc32   rax, qword [rsi]
        add     esi, 8
        dec     ecx
        jnz     .fast
        jmp     .sum
; Without SSE4.2 the byte table of crc32c.asm stands in the bounce buffer.
.slow:  shl     ecx, 3
.byte:  movzx   edx, al
        xor     dl, [rsi]
        inc     esi
        shr     eax, 8
        xor     eax, [CRC_TABLE_PHYS + rdx * 4]
        dec     ecx
        jnz     .byte
.sum:   not     eax
        mov     [rdi + boot_info_crc32c], eax

; The stack as after a call; no register carries anything but RDI.
        mov     r8, [rdi + boot_info_entry_phys]
        push    qword 0
        xor     eax, eax
        xor     ebx, ebx
        xor     ecx, ecx
        xor     edx, edx
        xor     esi, esi
        xor     ebp, ebp
        jmp     r8

%if sizeof_boot_info % 8
%error "long_mode.asm sums boot_info in steps of eight bytes"
%endif
