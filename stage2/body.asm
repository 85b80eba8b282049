; SPDX-License-Identifier: MIT
;
; The body of stage2: a flat list, one line a step.
;
; Mode on entry: protected, from head.asm. Never returns.

%include "stage2/stage2.inc"
%include "stage2/break.inc"

extern cpu_check, a20_enable, low_memory_read, low_memory_again, memory_map_read, map32_build
extern parts_load, config_settle, place_choose, payload_load, boot_tables_build
extern boot_info_fill, summary_show, long_mode_enter, boot_info_clear, memory_more_if_small
extern recorder_open, last_boot_tell, recorder_save, recorder_milestone, chs_guess, safe_mode
extern disk_drive, disk_edd, sector_bytes, crc32c_widen, gate_watch_start, head_tell
extern screen_fault, screen_direct, a20_method, e820_count, e820_source, kernel_base
extern need_bytes, magic_choose

section .body
bits 32
global body_main
body_main:
        mov     dword [screen_fault], screen_direct
        call    crc32c_widen
        call    gate_watch_start
        call    boot_info_clear
        call    head_tell
        call    safe_mode_tell
        call    cpu_check
        stamp   MILESTONE_CPU_CHECKED
        call    a20_enable                      ; nothing above 1 MiB before this
        stamp   MILESTONE_A20
        tell    say_verbose, "plinth: A20 open, method ", {1, a20_method}
        call    low_memory_read
        call    memory_map_read
        call    map32_build                     ; the raw map as 32-bit ranges; low_top
        call    memory_more_if_small            ; the older services, if it tells of too little
        stamp   MILESTONE_MEMORY_MAP
        call    recorder_open                   ; needs A20 and the map
        call    last_boot_tell
        tell    say_verbose, "plinth: memory map entries ", {4, e820_count}, \
                " source ", {1, e820_source}
        call    parts_load                      ; configuration and manifest
        call    chs_guess                       ; without EDD and geometry; needs the manifest
        call    config_settle                   ; first or second copy, or defaults
        call    magic_choose
        magic   MAGIC_CONFIG, "config"
        call    recorder_save                   ; recorder=disk: the last boot's words
        call    place_choose                    ; needs the map and the manifest
        tell    say_verbose, "plinth: loading to ", {4, kernel_base}, " bytes ", \
                {4, need_bytes}
        call    payload_load                    ; kernel, symbols, modules
        stamp   MILESTONE_KERNEL_LOADED
        mov     eax, MILESTONE_KERNEL_LOADED
        call    recorder_milestone
        magic   MAGIC_LOADED, "loaded"
        call    low_memory_again                ; no BIOS call from here on
        call    summary_show
        call    boot_tables_build
        call    boot_info_fill
        jmp     long_mode_enter

; Shift or Ctrl was held: one sector a call since the drive was found (disk_read.asm), and words.
safe_mode_tell:
        cmp     byte [safe_mode], 0
        je      .end
        movzx   ecx, byte [safe_mode]
        xor     edx, edx
        quirk   QUIRK_SAFE_MODE
        tell    say_verbose, "plinth: safe mode, one sector a call; drive ", \
                {1, disk_drive}, " EDD ", {1, disk_edd}, " sector ", {2, sector_bytes}
.end:   ret
