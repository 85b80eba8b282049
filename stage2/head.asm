; SPDX-License-Identifier: MIT
;
; The head of stage2: what stage1 loads and proves. Starts the protected mode, finds the drive,
; brings in the body, proves it, goes there.
;
; Mode on entry: real, 0000:7E00, DL = drive in use, DH = DL as the BIOS gave it, AH = tries that
; stage1 had left.

%include "stage2/stage2.inc"

extern low_zero, disk_drive, drive_given, gate_esp, pm_enter, fault32_init, serial_init
extern cpu_probe, crc32c_init, drive_find, body_load, body_main, safe_mode, cpu_features
extern milestones, stage1_left, body_disk_bytes

%define BDA_SHIFTS      0x417                   ; what the keyboard handler keeps, no key read
%define SHIFT_OR_CTRL   7
%define FEATURE_TSC     (1 << 4)

section .head.first progbits alloc exec nowrite align=1
bits 16
global stage2_head
stage2_head:
        jmp     short enter
        times   stage2_head_magic - ($ - $$) nop
        dd      STAGE2_HEAD_MAGIC
        dd      DISK_FORMAT_VERSION
        dd      body_disk_bytes
; Filled in by image.py seal: CRC of the body, bytes of the image, UUID, build id.
        times   sizeof_stage2_head - ($ - $$) db 0

; Variables to zero, the drive into its place.
enter:  cli
        cld
        mov     bl, ah
        xor     ax, ax
        mov     ds, ax
        mov     es, ax
        mov     ss, ax
        mov     esp, REAL_STACK_TOP
        mov     di, low_zero
        mov     cx, LOW_BLOCK_END
        sub     cx, di
        rep stosb
        mov     [disk_drive], dl
        mov     [drive_given], dh
        mov     [stage1_left], bl

; A frame as the gate's way back expects it: argument, return address, eight registers.
        push    dword 0
        push    dword head_main
        sub     sp, 32
        mov     [gate_esp], esp
        jmp     pm_enter

section .head
bits 32
head_main:
        mov     al, [BDA_SHIFTS]
        and     al, SHIFT_OR_CTRL
        mov     [safe_mode], al
        call    fault32_init
        call    serial_init
        call    cpu_probe
        test    byte [cpu_features], FEATURE_TSC
        jz      .no_tsc
        rdtsc
        mov     [milestones + MILESTONE_STAGE2 * 8], eax
        mov     [milestones + MILESTONE_STAGE2 * 8 + 4], edx
.no_tsc:
        call    crc32c_init
        call    drive_find
        call    body_load
        jmp     body_main
