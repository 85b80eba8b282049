/* SPDX-License-Identifier: MIT
 *
 * Numbers the compiler chooses, for NASM. Compiled to assembly, never linked: scripts/gen-inc.sh
 * filters the "->name value" lines (gcc and clang agree on this form). Nobody types an offset.
 */
#include "kernel/arch/register_trap.h"
#include "kernel/arch/trap_frame.h"
#include "kernel/boot/boot_info.h"
#include "kernel/boot/disk_format.h"
#include "kernel/boot/recorder.h"

#define EMIT(name, value) __asm__ volatile("\n.ascii \"->" #name " %c0\"" : : "i"((long)(value)))
#define FIELD(type, member) EMIT(type##_##member, offsetof(struct type, member))
#define SIZE(type) EMIT(sizeof_##type, sizeof(struct type))

void offsets(void);

static void boot_info_offsets(void)
{
    SIZE(boot_info);
    FIELD(boot_info, magic);
    FIELD(boot_info, version);
    FIELD(boot_info, info_bytes);
    FIELD(boot_info, crc32c);
    FIELD(boot_info, e820_count);
    FIELD(boot_info, e820_source);
    FIELD(boot_info, e820_phys);
    FIELD(boot_info, kernel_phys);
    FIELD(boot_info, kernel_bytes);
    FIELD(boot_info, entry_phys);
    FIELD(boot_info, symbols_phys);
    FIELD(boot_info, symbols_bytes);
    FIELD(boot_info, payload_end);
    FIELD(boot_info, module_count);
    FIELD(boot_info, quirk_count);
    FIELD(boot_info, quirks_lost);
    FIELD(boot_info, quirk_phys);
    FIELD(boot_info, config_phys);
    FIELD(boot_info, config_bytes);
    FIELD(boot_info, config_status);
    FIELD(boot_info, a20_method);
    FIELD(boot_info, int12_kib);
    FIELD(boot_info, bda_kib);
    FIELD(boot_info, ebda_segment);
    FIELD(boot_info, low_top);
    FIELD(boot_info, sector_bytes);
    FIELD(boot_info, int13_calls);
    FIELD(boot_info, int13_sectors);
    FIELD(boot_info, cpuid_max_basic);
    FIELD(boot_info, drive);
    FIELD(boot_info, drive_given);
    FIELD(boot_info, base_marker);
    FIELD(boot_info, edd);
    FIELD(boot_info, body_copy);
    FIELD(boot_info, manifest_copy);
    FIELD(boot_info, serial_present);
    FIELD(boot_info, uuid);
    FIELD(boot_info, build_id);
    FIELD(boot_info, recorder_on);
    FIELD(boot_info, recorder_bank);
    FIELD(boot_info, recorder_previous);
    FIELD(boot_info, milestone_tsc);
    FIELD(boot_info, modules);
    SIZE(boot_module);
    FIELD(boot_module, phys);
    FIELD(boot_module, bytes);
    FIELD(boot_module, name);
    SIZE(e820_raw);
    FIELD(e820_raw, base);
    FIELD(e820_raw, bytes);
    FIELD(e820_raw, type);
    FIELD(e820_raw, attributes);
    FIELD(e820_raw, returned_bytes);
    FIELD(e820_raw, source);
    SIZE(quirk);
    FIELD(quirk, code);
    FIELD(quirk, function);
    FIELD(quirk, status);
    FIELD(quirk, count);
    FIELD(quirk, at);
}

static void disk_offsets(void)
{
    SIZE(stage2_head);
    FIELD(stage2_head, magic);
    FIELD(stage2_head, version);
    FIELD(stage2_head, body_bytes);
    FIELD(stage2_head, body_crc32c);
    FIELD(stage2_head, image_bytes);
    FIELD(stage2_head, uuid);
    FIELD(stage2_head, build_id);
    SIZE(config_head);
    FIELD(config_head, magic);
    FIELD(config_head, text_bytes);
    FIELD(config_head, text_crc32c);
    SIZE(manifest_head);
    FIELD(manifest_head, magic);
    FIELD(manifest_head, version);
    FIELD(manifest_head, crc32c);
    FIELD(manifest_head, manifest_bytes);
    FIELD(manifest_head, entry_count);
    FIELD(manifest_head, chunk_count);
    FIELD(manifest_head, chunk_bytes);
    FIELD(manifest_head, image_bytes);
    FIELD(manifest_head, uuid);
    SIZE(manifest_entry);
    FIELD(manifest_entry, kind);
    FIELD(manifest_entry, first_chunk);
    FIELD(manifest_entry, disk_offset);
    FIELD(manifest_entry, bytes);
    FIELD(manifest_entry, memory_bytes);
    FIELD(manifest_entry, name);
}

/* Also the numbers of recorder.h: with them here, one include serves all of stage2. */
static void recorder_offsets(void)
{
    EMIT(RECORDER_BANK_BYTES, RECORDER_BANK_BYTES);
    EMIT(RECORDER_EVENT_FIRST, RECORDER_EVENT_FIRST);
    EMIT(RECORDER_EVENT_COUNT, RECORDER_EVENT_COUNT);
    EMIT(RECORDER_SEED, RECORDER_SEED);
    EMIT(RECORD_HEAD, RECORD_HEAD);
    EMIT(RECORD_MILESTONE, RECORD_MILESTONE);
    EMIT(RECORD_IMAGE, RECORD_IMAGE);
    EMIT(RECORD_EXCEPTION, RECORD_EXCEPTION);
    EMIT(RECORD_DEATH, RECORD_DEATH);
    EMIT(RECORD_CLEAN, RECORD_CLEAN);
    EMIT(RECORD_CLEAN_READ, RECORD_CLEAN_READ);
    SIZE(recorder_record);
    FIELD(recorder_record, sequence);
    FIELD(recorder_record, kind);
    FIELD(recorder_record, length);
    FIELD(recorder_record, value);
    FIELD(recorder_record, check);
}

static void trap_offsets(void)
{
    SIZE(trap_frame);
    FIELD(trap_frame, link_rbp);
    FIELD(trap_frame, link_rip);
    FIELD(trap_frame, cr2);
    FIELD(trap_frame, entry_flags);
    FIELD(trap_frame, r15);
    FIELD(trap_frame, r14);
    FIELD(trap_frame, r13);
    FIELD(trap_frame, r12);
    FIELD(trap_frame, rbp);
    FIELD(trap_frame, rbx);
    FIELD(trap_frame, rax);
    FIELD(trap_frame, vector);
    FIELD(trap_frame, error_code);
    FIELD(trap_frame, rip);
    FIELD(trap_frame, cs);
    FIELD(trap_frame, rflags);
    FIELD(trap_frame, rsp);
    FIELD(trap_frame, ss);
    FIELD(resume_point, rbx);
    FIELD(resume_point, rbp);
    FIELD(resume_point, r12);
    FIELD(resume_point, r13);
    FIELD(resume_point, r14);
    FIELD(resume_point, r15);
    FIELD(resume_point, rsp);
    FIELD(resume_point, rip);
    FIELD(resume_point, rflags);
    FIELD(register_trap, before);
    FIELD(register_trap, after);
}

void offsets(void)
{
    boot_info_offsets();
    disk_offsets();
    recorder_offsets();
    trap_offsets();
}
