; SPDX-License-Identifier: MIT
;
; The one GDT of stage2. Its first six slots are the kernel's (layout.h, order of SYSRET), behind
; them the 32- and 16-bit segments for protected mode and for the way to real mode and back.
; Accessed bits are set, so that the processor never writes here, except the TSS's busy bit.

%include "stage2/stage2.inc"

section .head
global gdt, gdt_register, gdt_tss
        align   8, db 0
; The processor never looks at the null descriptor: the place for its own register.
gdt:
gdt_register:
        dw      gdt_end - gdt - 1
        dd      gdt
        dw      0
gdt_code64:
        dq      0x00AF9B000000FFFF              ; 0x08 64-bit code, DPL 0
        dq      0x00CF93000000FFFF              ; 0x10 data, flat, DPL 0
        dq      0                               ; 0x18, 0x20: user segments, the kernel's business
        dq      0
gdt_tss:
        dq      0, 0                            ; 0x28 64-bit TSS, filled in by fault64.asm
        dq      0x00CF9B000000FFFF              ; 0x38 32-bit code, flat
        dq      0x00009B000000FFFF              ; 0x40 16-bit code, 64 KiB
        dq      0x000093000000FFFF              ; 0x48 16-bit data, 64 KiB
gdt_end:
