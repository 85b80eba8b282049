; SPDX-License-Identifier: MIT
;
; What the processor says about itself, as far as the head needs it. Runs on a 486.
;
; Mode: protected. Out: cpu_max_basic, cpu_features, cpu_features2; all 0 without CPUID.
; Clobbers EAX-EDX.

%include "stage2/stage2.inc"

extern cpu_max_basic, cpu_features, cpu_features2

%define EFLAGS_ID       (1 << 21)

section .head
bits 32
global cpu_probe
cpu_probe:
; CPUID exists when the ID flag can be turned over.
        pushfd
        pop     eax
        mov     ecx, eax
        xor     eax, EFLAGS_ID
        push    eax
        popfd
        pushfd
        pop     eax
        push    ecx
        popfd
        xor     eax, ecx
        test    eax, EFLAGS_ID
        jz      .none
        xor     eax, eax
        cpuid
        mov     [cpu_max_basic], eax
        test    eax, eax
        jz      .none
        mov     eax, 1
        cpuid
        mov     [cpu_features], edx
        mov     [cpu_features2], ecx
.none:  ret
