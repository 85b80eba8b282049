; SPDX-License-Identifier: MIT
;
; struct boot_info: everything stage2 learned, for the kernel. The names of modules are in it
; already (payload.asm); time stamp of long mode and checksum come last (long_mode.asm).
;
; Mode: protected. Clobbers everything.

%include "stage2/stage2.inc"

extern stage2_head, e820_count, e820_source, kernel_base, kernel_bytes, entry_phys, symbols_phys
extern symbols_bytes, payload_end, module_count, quirks_noted, quirks_lost, config_bytes
extern config_status, a20_method, int12_kib, bda_kib, ebda_segment, low_top, sector_bytes
extern int13_calls, int13_sectors, cpu_max_basic, disk_drive, drive_given, base_marker, disk_edd
extern body_copy, manifest_copy, serial_present, milestones, stage1_tsc, cpu_features
extern recorder_on, recorder_bank, recorder_previous

%define INFO            BOOT_INFO_PHYS

section .body
bits 32
global boot_info_clear
boot_info_clear:
        mov     edi, INFO
        mov     ecx, BOOT_INFO_BYTES / 4
        xor     eax, eax
        rep stosd
        ret

global boot_info_fill
boot_info_fill:
        mov     ebx, INFO
        mov     dword [ebx + boot_info_magic], BOOT_INFO_MAGIC & 0xFFFFFFFF
        mov     dword [ebx + boot_info_magic + 4], BOOT_INFO_MAGIC >> 32
        mov     dword [ebx + boot_info_version], BOOT_INFO_VERSION
        mov     dword [ebx + boot_info_info_bytes], sizeof_boot_info
        mov     dword [ebx + boot_info_e820_phys], E820_RAW_PHYS
        mov     dword [ebx + boot_info_quirk_phys], QUIRK_RING_PHYS
        mov     dword [ebx + boot_info_config_phys], CONFIG_PHYS

; One variable after the other.
        mov     esi, .dwords
.dword: lodsw
        test    ax, ax
        jz      .bytes
        movzx   edx, ax
        lodsw
        movzx   edi, ax
        mov     eax, [edx]
        mov     [ebx + edi], eax
        jmp     .dword
.bytes: mov     esi, .byte_list
.byte:  lodsw
        test    ax, ax
        jz      .blocks
        movzx   edx, ax
        lodsw
        movzx   edi, ax
        mov     al, [edx]
        mov     [ebx + edi], al
        jmp     .byte

.blocks:
        lea     edi, [ebx + boot_info_uuid]
        mov     esi, stage2_head + stage2_head_uuid
        mov     ecx, 4
        rep movsd
        lea     edi, [ebx + boot_info_build_id]
        mov     esi, stage2_head + stage2_head_build_id
        mov     ecx, 5
        rep movsd
        lea     edi, [ebx + boot_info_milestone_tsc]
        mov     esi, milestones
        mov     ecx, MILESTONE_SLOTS * 2
        rep movsd
; stage1's stamp, unless it is what a processor without a counter left behind.
        test    byte [cpu_features], 1 << 4
        jz      .end
        mov     eax, [stage1_tsc]
        mov     [ebx + boot_info_milestone_tsc + MILESTONE_STAGE1 * 8], eax
        mov     eax, [stage1_tsc + 4]
        mov     [ebx + boot_info_milestone_tsc + MILESTONE_STAGE1 * 8 + 4], eax
.end:   ret

        align   4, db 0
; Variable, field; the upper halves of 64-bit fields stay zero.
.dwords:
        dw      e820_count, boot_info_e820_count, e820_source, boot_info_e820_source
        dw      kernel_base, boot_info_kernel_phys, kernel_bytes, boot_info_kernel_bytes
        dw      entry_phys, boot_info_entry_phys, symbols_phys, boot_info_symbols_phys
        dw      symbols_bytes, boot_info_symbols_bytes, payload_end, boot_info_payload_end
        dw      module_count, boot_info_module_count, quirks_noted, boot_info_quirk_count
        dw      quirks_lost, boot_info_quirks_lost, config_bytes, boot_info_config_bytes
        dw      config_status, boot_info_config_status, a20_method, boot_info_a20_method
        dw      int12_kib, boot_info_int12_kib, bda_kib, boot_info_bda_kib
        dw      ebda_segment, boot_info_ebda_segment, low_top, boot_info_low_top
        dw      sector_bytes, boot_info_sector_bytes, int13_calls, boot_info_int13_calls
        dw      int13_sectors, boot_info_int13_sectors
        dw      cpu_max_basic, boot_info_cpuid_max_basic, 0
.byte_list:
        dw      disk_drive, boot_info_drive, drive_given, boot_info_drive_given
        dw      base_marker, boot_info_base_marker, disk_edd, boot_info_edd
        dw      body_copy, boot_info_body_copy, manifest_copy, boot_info_manifest_copy
        dw      serial_present, boot_info_serial_present
        dw      recorder_on, boot_info_recorder_on, recorder_bank, boot_info_recorder_bank
        dw      recorder_previous, boot_info_recorder_previous, 0
