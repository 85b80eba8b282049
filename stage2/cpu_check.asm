; SPDX-License-Identifier: MIT
;
; Has this processor what Plinth needs? Each lack is named.
;
; Mode: protected. Clobbers everything.

%include "stage2/stage2.inc"

extern cpu_max_basic, cpu_features

%define NEEDED_LEAF     1
%define EXTENDED_LEAF   0x80000001
%define EXTENDED_NX     (1 << 20)
%define EXTENDED_LM     (1 << 29)

section .body
bits 32
global cpu_check
cpu_check:
        cmp     dword [cpu_max_basic], NEEDED_LEAF
        jae     .cpuid
        die     LOADER_NO_CPUID, "this processor has no CPUID: a 64-bit one is needed"
.cpuid: mov     eax, EXTENDED_LEAF - 1
        cpuid
        cmp     eax, EXTENDED_LEAF
        jb      .not_64
        mov     eax, EXTENDED_LEAF
        cpuid
        test    edx, EXTENDED_LM
        jnz     .is_64
.not_64:
        die     LOADER_NO_LONG_MODE, "this processor has no 64-bit mode: features=", \
                {4, cpu_features}
.is_64: test    edx, EXTENDED_NX
        jnz     .has_nx
        die     LOADER_NO_NX, "no-execute (NX, XD) is missing or switched off in the BIOS setup"

; The rest stands in one word; bit number and name.
.has_nx:
        mov     esi, .needed
.next:  lodsb
        cmp     al, 0xFF
        je      .done
        movzx   eax, al
        bt      [cpu_features], eax
        jnc     .lacks
.skip:  lodsb
        cmp     al, 0
        jne     .skip
        jmp     .next
.done:  ret
.lacks: mov     [.name], esi
        die     LOADER_CPU_FEATURE, "this processor lacks ", {TEXT_AT, .name}, \
                ": features=", {4, cpu_features}
.name:  dd      0
.needed:
        db      0, "FPU", 0,  4, "TSC", 0,  5, "MSR", 0,  6, "PAE", 0,  8, "CX8", 0
        db      13, "PGE", 0,  15, "CMOV", 0,  16, "PAT", 0,  24, "FXSR", 0
        db      25, "SSE", 0,  26, "SSE2", 0,  0xFF
