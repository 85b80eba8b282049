; SPDX-License-Identifier: MIT
;
; The low block, 0x500..0x1000: everything the BIOS writes to (reachable with DS = 40h) and every
; variable of stage2 that is not initialised data. Not in the disk image; head.asm zeroes it from
; low_zero on. Page 0 is absent once paging is on, so 64-bit code must not come here.

%include "stage2/stage2.inc"

section .low nobits alloc noexec write align=16
global disk_packet, e820_buffer
global stage1_tsc, stage1_status, low_zero

disk_packet:            resb 32         ; EDD packet, 16 bytes, and as many for the BIOS to spoil
e820_buffer:            resb 64         ; 24 asked for
stage1_tsc:             resq 1
stage1_status:          resb 1
                        resb 7
low_zero:

; One BIOS call: registers in, registers out.
global gate_esp, gate_target, gate_eax, gate_ebx, gate_ecx, gate_edx, gate_esi, gate_edi, gate_ebp
global gate_ds, gate_es, gate_flags, gate_before, gate_after, gate_gdtr, gate_idtr, gate_cr0
gate_eax:               resd 1
gate_ebx:               resd 1
gate_ecx:               resd 1
gate_edx:               resd 1
gate_esi:               resd 1
gate_edi:               resd 1
gate_ebp:               resd 1
gate_ds:                resw 1
gate_es:                resw 1
gate_flags:             resd 1
gate_esp:               resd 1
gate_target:            resd 1
gate_before:            resd 1          ; called before each BIOS call, unless 0
gate_after:             resd 1          ; and after it
gate_gdtr:              resb 6          ; as the BIOS left them
gate_idtr:              resb 6
gate_cr0:               resd 1

; Disk: position and facts of the read engine.
global disk_lba, disk_left, disk_dest, disk_count, disk_done, disk_limit, disk_tries, disk_here
global disk_base, disk_timeouts, disk_function, disk_status, disk_drive, disk_edd, disk_has_edd
global sector_bytes, sector_shift, base_marker, drive_given, int13_calls, int13_sectors
global chs_sectors, chs_heads, disk_quick, crc_found, crc_wanted, disk_offset, disk_write
global safe_mode, disk_mark, stage1_left
disk_lba:               resd 1          ; on the disk: of the call in progress, or what was damaged
disk_base:              resd 1          ; sectors that the firmware adds to each LBA by itself
disk_offset:            resd 1          ; byte offset asked for, of the read in progress
disk_left:              resd 1          ; sectors
disk_dest:              resd 1
disk_count:             resd 1          ; sectors of the call in progress
disk_done:              resd 1          ; sectors it delivered
disk_limit:             resd 1          ; sectors a call at most; halved and remembered
disk_tries:             resd 1          ; failed calls of this read
disk_here:              resd 1          ; failed calls at this size
disk_timeouts:          resd 1
disk_mark:              resd 1          ; what a sector that did not arrive ends with
sector_bytes:           resd 1
int13_calls:            resd 1
int13_sectors:          resd 1
chs_sectors:            resd 1          ; a track; 0 = geometry not asked or useless
chs_heads:              resd 1
crc_wanted:             resd 1
crc_found:              resd 1
disk_function:          resb 1
disk_status:            resb 1
disk_drive:             resb 1
disk_edd:               resb 1          ; 1 = packet reads now
disk_has_edd:           resb 1          ; 1 = AH=41h offered them
disk_quick:             resb 1          ; 1 = one try only (looking for the drive)
disk_write:             resb 1          ; 1 = the engine writes (recorder_save.asm, nobody else)
safe_mode:              resb 1          ; not 0 = Shift or Ctrl was held: one sector a call
sector_shift:           resb 1
base_marker:            resb 1
drive_given:            resb 1
stage1_left:            resb 1          ; tries that stage1 had left when the head was good

; Console and reports.
global serial_present, screen_colour, screen_at, bios_gone, report_code, report_facts
global quirks_noted, quirks_lost, console_sink, recorder_on
global fault_vector, fault_error, fault_eip, fault_cr2, fault_esp
serial_present:         resb 1
screen_colour:          resb 1          ; attribute, for video memory
console_sink:           resb 1          ; 0 = ports, else the screen
bios_gone:              resb 1          ; 1 = no BIOS call any more
report_code:            resb 1
recorder_on:            resb 1          ; 1 = deaths are recorded; here because the head asks
screen_at:              resd 1          ; cell in video memory
quirks_noted:            resd 1
quirks_lost:            resd 1
report_facts:           resb REPORT_FACTS_BYTES ; copies of facts that lie above 64 KiB
fault_vector:           resd 1
fault_error:            resd 1
fault_eip:              resd 1
fault_cr2:              resd 1
fault_esp:              resd 1          ; at CS and EFLAGS of the exception

; The processor, A20, memory.
global cpu_max_basic, cpu_features, cpu_features2, a20_method, a20_guard, a20_probe
global e820_count, e820_source, e820_next, int12_kib, bda_kib, ebda_segment, low_top, map32_count
cpu_max_basic:          resd 1
cpu_features:           resd 1          ; CPUID 1 EDX; 0 without CPUID
cpu_features2:          resd 1          ; CPUID 1 ECX
a20_method:             resd 1
a20_probe:              resd 1          ; compared with the dword 1 MiB above
a20_guard:              resb 1          ; 1 = re-test A20 after each BIOS call
                        resb 3
e820_count:             resd 1
e820_source:            resd 1
e820_next:              resd 1          ; EBX of the next call
int12_kib:              resd 1
bda_kib:                resd 1
ebda_segment:           resd 1
low_top:                resd 1
map32_count:            resd 1

; What is loaded where.
global config_status, config_bytes, body_copy, manifest_copy, kernel_base, kernel_bytes, need_bytes
global symbols_phys, symbols_bytes, payload_end, module_count, entry_phys, milestones
global chunk_number, chunk_entry, segment_count, segments, payload_bytes
config_status:          resd 1
config_bytes:           resd 1
kernel_base:            resd 1
kernel_bytes:           resd 1          ; memory span, whole 2 MiB
need_bytes:             resd 1          ; kernel, symbols and modules together
symbols_phys:           resd 1
symbols_bytes:          resd 1
payload_end:            resd 1
payload_bytes:          resd 1          ; read from disk
module_count:           resd 1
entry_phys:             resd 1
chunk_number:           resd 1
chunk_entry:            resd 1
body_copy:              resb 1
manifest_copy:          resb 1
                        resb 2
segment_count:          resd 1
segments:               resb SEGMENT_MAX * SEGMENT_BYTES
milestones:             resq MILESTONE_SLOTS

; The protected-mode IDT.
global idt32
                        alignb 8
idt32:                  resb 20 * 8
