/* SPDX-License-Identifier: MIT
 *
 * The contract between stage2 and the kernel: what stage2 leaves at BOOT_INFO_PHYS.
 *
 * On entry to the kernel: RDI = BOOT_INFO_PHYS, CR3 = boot tables (0..4 GiB identity, 2 MiB
 * pages, page 0 and the guard page under the early stack absent, recorder uncached),
 * interrupts off, NMI masked at port 70h, DF clear, CR0.CD/NW clear, CR0.WP set, EFER.NXE
 * set, RSP = EARLY_STACK_TOP - 8 (as after a call), stage2's GDT, IDT and TSS loaded (IST1
 * on every vector).
 *
 * Wire types only; every address is physical. NASM gets the offsets from kernel/arch/offsets.c.
 * A change of meaning raises BOOT_INFO_VERSION; the kernel refuses any version but its own.
 */
#ifndef PLINTH_KERNEL_BOOT_BOOT_INFO_H
#define PLINTH_KERNEL_BOOT_BOOT_INFO_H

#include "kernel/boot/milestones.h"
#include "kernel/boot/wire.h"

#define BOOT_INFO_MAGIC    0x4F464E49544E4C50 /* "PLNTINFO" in memory order */
#define BOOT_INFO_VERSION  1
#define BOOT_MODULE_MAX    16
#define BOOT_NAME_BYTES    32

/* boot_info.e820_source: which service delivered the raw map. */
#define MAP_SOURCE_E820    1
#define MAP_SOURCE_E801    2
#define MAP_SOURCE_88      3

/* boot_info.config_status */
#define CONFIG_FIRST_COPY  0
#define CONFIG_SECOND_COPY 1
#define CONFIG_DEFAULTS    2 /* both copies damaged: the text is empty */

/* boot_info.a20_method: what made the memory test pass. */
#define A20_WAS_ON         0
#define A20_BIOS           1
#define A20_KEYBOARD       2
#define A20_FAST_PORT      3

/* E820 types (ACPI 6.5, table 15.14). Anything else counts as reserved. */
#define E820_USABLE        1
#define E820_RESERVED      2
#define E820_ACPI          3
#define E820_NVS           4
#define E820_BAD           5
#define E820_PERSISTENT    7

struct e820_raw {
    u64 base;
    u64 bytes;
    u32 type;
    u32 attributes;     /* recorded, never used: firmware fills it with rubbish */
    u32 returned_bytes; /* ECX as the BIOS left it */
    u32 source;         /* MAP_SOURCE_... */
};

/* One anomaly that the loader met and dealt with. Codes: kernel/boot/loader_codes.h, QUIRK_... */
struct quirk {
    u16 code;
    u8 function; /* AH of the BIOS call, 0 if none */
    u8 status;   /* AH it returned */
    u32 count;   /* sectors, tries or entries, as the code says */
    u64 at;      /* in the code's unit: quirk_at() names it */
};

struct boot_module {
    u64 phys; /* page-aligned */
    u64 bytes;
    char name[BOOT_NAME_BYTES]; /* NUL-terminated */
};

struct boot_info {
    u64 magic;
    u32 version;
    u32 info_bytes; /* sizeof(struct boot_info) as stage2 knew it */
    u32 crc32c;     /* over the struct with this field 0 */
    u32 e820_count;
    u32 e820_source;
    u32 e820_phys;

    u64 kernel_phys;  /* load base: p_paddr 0 of the ELF; 2 MiB-aligned */
    u64 kernel_bytes; /* memory span of all segments, whole 2 MiB */
    u64 entry_phys;
    u64 symbols_phys; /* page-aligned, behind the kernel; 0 when there are none */
    u64 symbols_bytes;
    u64 payload_end;  /* first byte after kernel, symbols and modules, page-aligned */

    u32 module_count;
    u32 quirk_count;  /* entries at quirk_phys; the oldest are kept */
    u32 quirks_lost;
    u32 quirk_phys;
    u32 config_phys;  /* NUL-terminated text */
    u32 config_bytes; /* without the NUL */
    u32 config_status;
    u32 a20_method;

    u32 int12_kib;    /* INT 12h */
    u32 bda_kib;      /* 40:13h */
    u32 ebda_segment; /* 40:0Eh */
    u32 low_top;      /* end of conventional memory the loader believes in, bytes */

    u32 sector_bytes;
    u32 int13_calls;
    u32 int13_sectors;
    u32 cpuid_max_basic;
    u8 drive;       /* in use */
    u8 drive_given; /* DL at entry */
    u8 base_marker; /* 0: the BIOS shows the whole disk; 1: it adds the partition's start */
    u8 edd;         /* 1: EDD reads, 0: CHS */
    u8 body_copy;     /* 0 first, 1 second copy of stage2's body was used */
    u8 manifest_copy; /* likewise */
    u8 serial_present;
    u8 reserved;

    u8 uuid[16];
    u8 build_id[20];
    u8 recorder_on;       /* 1: the flight recorder's range is usable and opened */
    u8 recorder_bank;     /* this boot's */
    u8 recorder_previous; /* 1: the other bank holds a valid earlier boot */
    u8 reserved2;

    u64 milestone_tsc[MILESTONE_SLOTS];
    struct boot_module modules[BOOT_MODULE_MAX];
};

#endif
