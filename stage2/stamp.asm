; SPDX-License-Identifier: MIT
;
; Time stamps of the milestones, if the processor has a counter.
;
; Mode: protected.

%include "stage2/stage2.inc"

extern cpu_features, milestones

%define FEATURE_TSC     (1 << 4)

section .body
bits 32
; Time stamp counter into its slot. In: slot on the stack (removed). Keeps every register.
global milestone_stamp
milestone_stamp:
        pushad
        test    byte [cpu_features], FEATURE_TSC
        jz      .done
        mov     ebx, [esp + 36]
        rdtsc
        mov     [milestones + ebx * 8], eax
        mov     [milestones + ebx * 8 + 4], edx
.done:  popad
        ret     4
