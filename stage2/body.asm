; SPDX-License-Identifier: MIT
;
; The body of stage2: a flat list, one line a step.
;
; Mode on entry: protected, from head.asm. Never returns.

%include "stage2/stage2.inc"

extern cpu_check, a20_enable, low_memory_read, memory_map_read, map32_build
extern parts_load, place_choose, payload_load, boot_tables_build, boot_info_fill, summary_show
extern long_mode_enter, boot_info_clear

section .body
bits 32
global body_main
body_main:
        call    boot_info_clear
        call    cpu_check
        stamp   MILESTONE_CPU_CHECKED
        call    a20_enable                      ; nothing above 1 MiB before this
        stamp   MILESTONE_A20
        call    low_memory_read
        call    memory_map_read
        call    map32_build                     ; the raw map as 32-bit ranges; low_top
        stamp   MILESTONE_MEMORY_MAP
        call    parts_load                      ; configuration and manifest
        call    place_choose                    ; needs the map and the manifest
        call    payload_load                    ; kernel, symbols, modules
        stamp   MILESTONE_KERNEL_LOADED
        call    summary_show                    ; the last BIOS call at the latest
        call    boot_tables_build
        call    boot_info_fill
        jmp     long_mode_enter
