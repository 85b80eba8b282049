/* SPDX-License-Identifier: MIT
 *
 * Every border that people chose: physical memory while the loader runs, the disk, the virtual
 * address space. One home, read by C, by NASM (scripts/gen-inc.sh makes the include) and by ld
 * (cpp -P). So: hex or decimal without suffix, only + - << | and parentheses, one name a line.
 */
#ifndef PLINTH_KERNEL_BOOT_LAYOUT_H
#define PLINTH_KERNEL_BOOT_LAYOUT_H

/* Physical memory while the loader runs. Nothing of the loader lies at or above 512 KiB, so that
 * no EBDA is near, and nothing of ours ever lies in 0xA0000..0x100000.
 *
 *   0x00000500 +--------------------+ disk address packet, E820 buffer, stage1 milestones
 *              |                    |   (reachable with DS=40h; copied before paging)
 *   0x00001000 +--------------------+ real-mode stack, grows down from 0x7C00
 *   0x00007C00 +--------------------+ stage1, 512 bytes
 *   0x00007E00 +--------------------+ stage2 head (3.5 KiB), body (28 KiB) up to 0xFC00
 *   0x00010000 +--------------------+ bounce buffer, 64 KiB: one BIOS read of at most 32 KiB in the
 *              |                    |   lower half; CRC tables in the upper half
 *   0x00020000 +--------------------+ boot_info 4 KiB, quirk ring 4 KiB, raw E820 32 KiB,
 *              |                    |   configuration 4 KiB, manifest 16 KiB
 *   0x00030000 +--------------------+ boot page tables, 28 KiB
 *   0x00037000 +--------------------+ boot fault stack, 4 KiB (IST1 of stage2's TSS)
 *   0x00038000 +--------------------+ guard page, absent in the boot tables
 *   0x00039000 +--------------------+ early C stack, 32 KiB
 *   0x00041000 +--------------------+ free up to the end of conventional memory
 *   0x000A0000 +--------------------+ VGA, ROMs: never ours
 *   0x00100000 +--------------------+ touched only by the A20 test
 *   0x00110000 +--------------------+ flight recorder, 64 KiB, uncached
 *   0x00120000 +--------------------+
 *   kernel image: lowest usable 2 MiB-aligned run below 4 GiB, then symbols and boot modules
 */
#define LOW_BLOCK_PHYS          0x00000500
#define LOW_BLOCK_END           0x00001000
#define REAL_STACK_BOTTOM       0x00001000
#define REAL_STACK_TOP          0x00007C00
#define STAGE1_PHYS             0x00007C00
#define STAGE1_BYTES            512
#define STAGE2_PHYS             0x00007E00
#define STAGE2_HEAD_BYTES       0x00000E00
#define STAGE2_BODY_PHYS        0x00008C00
#define STAGE2_BODY_BYTES       0x00007000
#define STAGE2_END_PHYS         0x0000FC00
#define BOUNCE_PHYS             0x00010000
#define BOUNCE_BYTES            0x00010000
#define BOOT_INFO_PHYS          0x00020000
#define BOOT_INFO_BYTES         0x00001000
#define QUIRK_RING_PHYS         0x00021000
#define QUIRK_RING_BYTES        0x00001000
#define E820_RAW_PHYS           0x00022000
#define E820_RAW_BYTES          0x00008000
#define E820_RAW_MAX            1024
#define CONFIG_PHYS             0x0002A000
#define CONFIG_BYTES            0x00001000
#define MANIFEST_PHYS           0x0002B000
#define MANIFEST_BYTES          0x00004000
#define BOOT_DATA_END           0x00030000
#define BOOT_PML4_PHYS          0x00030000
#define BOOT_PDPT_PHYS          0x00031000
#define BOOT_PD_PHYS            0x00032000
#define BOOT_PT_PHYS            0x00036000
#define BOOT_TABLES_END         0x00037000
#define BOOT_FAULT_STACK_PHYS   0x00037000
#define BOOT_FAULT_STACK_TOP    0x00038000
#define EARLY_GUARD_PHYS        0x00038000
#define EARLY_STACK_PHYS        0x00039000
#define EARLY_STACK_TOP         0x00041000
#define LOADER_END_PHYS         0x00041000
#define LOADER_LIMIT_PHYS       0x00080000
#define VGA_HOLE_PHYS           0x000A0000
#define HIGH_MEMORY_PHYS        0x00100000
#define VGA_TEXT_PHYS           0x000B8000
#define VGA_TEXT_BYTES          0x00001000 /* 80 x 25 cells and a little more */
#define RECORDER_PHYS           0x00110000
#define RECORDER_BYTES          0x00010000
#define KERNEL_LOWEST_PHYS      0x00200000
#define BOOT_MAP_END            0x100000000

/* The disk, as byte offsets on 4 KiB borders, so that one image fits 512- and 4096-byte sectors.
 *
 *   0x000000 stage1 (MBR)                 0x009000 boot configuration
 *   0x000200 stage2 head, to 0x1000       0x00A000 manifest, to 0xE000
 *   0x001000 stage2 body, to 0x8000       0x010000 flight recorder's slot, 64 KiB
 *   0x008000 reserved                     0x100000 partition: copies of 0..0x10000, same offsets
 *                                         0x120000 kernel.elf, symbols, boot modules
 * The copies differ from the originals in one byte: the base marker in the boot sector.
 */
#define DISK_STAGE1             0x000000
#define DISK_STAGE2_HEAD        0x000200
#define DISK_STAGE2_BODY        0x001000
#define DISK_RESERVED           0x008000
#define DISK_CONFIG             0x009000
#define DISK_MANIFEST           0x00A000
#define DISK_COPY_END           0x010000
#define DISK_RECORDER           0x010000
#define DISK_PARTITION          0x100000
#define DISK_PAYLOAD            0x120000
#define DISK_ALIGN              0x001000
#define DISK_UNIT_BYTES         0x100000
/* Firmware wants one whole cylinder: 16 x 63 sectors of 4096 bytes are 4.1 MB. */
#define DISK_LEAST_BYTES        0x800000
#define CHUNK_BYTES             0x008000

/* Boot sector fields, byte offsets (struct boot_sector_fields in boot_info.h). */
#define MBR_BPB_BEGIN           0x003
#define MBR_BPB_END             0x05A
#define MBR_STAMP_BEGIN         0x0DA
#define MBR_STAMP_END           0x0E0
#define MBR_FIELDS              0x1A0
#define MBR_HEAD_CRC            0x1A0
#define MBR_HEAD_BYTES          0x1A4
#define MBR_BASE_MARKER         0x1A6
#define MBR_VERSION             0x1A7
#define MBR_UUID                0x1A8
#define MBR_DISK_SIGNATURE      0x1B8
#define MBR_PARTITIONS          0x1BE
#define MBR_SIGNATURE           0x1FE

/* stage1 hands over how many tries at the head it had left: with STAGE1_COPY_BIT in an even
 * number the head came from the second copy; STAGE1_TRIES means that none was needed. */
#define STAGE1_TRIES            11
#define STAGE1_COPY_BIT         4

/* Virtual memory, 48 bits, four levels.
 *
 *   0x0000000000000000  64 KiB never mapped; programs above
 *   0xFFFF800000000000  kernel heap, 1 GiB, demand-paged          PML4[256]
 *   0xFFFF880000000000  direct map of RAM, 64 TiB                 PML4[272..399]
 *   0xFFFFC90000000000  kernel stacks, a guard page under each    PML4[402]
 *   0xFFFFD00000000000  device apertures, firmware tables         PML4[416]
 *   0xFFFFEA0000000000  frame table                               PML4[468]
 *   0xFFFFF00000000000  boot modules, read-only                   PML4[480]
 *   0xFFFFFFFF80000000  kernel image, slid by up to 1 GiB         PML4[511]
 */
#define NULL_GUARD_BYTES        0x0000000000010000
#define USER_END                0x00007FFFFFFFF000
#define HEAP_BASE               0xFFFF800000000000
#define HEAP_BYTES              0x0000000040000000
#define HEAP_SLOT               256
#define DIRECT_MAP_BASE         0xFFFF880000000000
#define DIRECT_MAP_BYTES        0x0000400000000000
#define DIRECT_MAP_FIRST_SLOT   272
#define DIRECT_MAP_END_SLOT     400
#define STACKS_BASE             0xFFFFC90000000000
#define STACKS_BYTES            0x0000000040000000
#define STACKS_SLOT             402
#define APERTURE_BASE           0xFFFFD00000000000
#define APERTURE_BYTES          0x0000008000000000
#define APERTURE_SLOT           416
#define RECORDER_VIRT           0xFFFFD00000000000
#define VGA_TEXT_VIRT           0xFFFFD00000011000 /* a free page behind the recorder */
#define FRAME_TABLE_BASE        0xFFFFEA0000000000
#define FRAME_TABLE_BYTES       0x0000008000000000
#define FRAME_TABLE_SLOT        468
#define MODULES_BASE            0xFFFFF00000000000
#define MODULES_BYTES           0x0000000040000000
#define MODULES_SLOT            480
#define IMAGE_BASE              0xFFFFFFFF80000000
#define IMAGE_SLIDE_BYTES       0x0000000040000000
#define IMAGE_SEGMENT_BYTES     0x0000000000200000
#define IMAGE_SLOT              511
/* The last word of each of the image's segments, as far as the file carries them. */
#define IMAGE_MARK              0x4B52414D544E4C50

/* Kernel stacks: one slot each, the lower half absent (guard), the upper half the stack. */
#define STACK_SLOT_BYTES        0x8000
#define STACK_BYTES             0x4000
#define STACK_SLOT_BOOT         0
#define STACK_SLOT_DOUBLE_FAULT 1
#define STACK_SLOT_NMI          2
#define STACK_SLOT_MACHINE_CHECK 3
#define STACK_SLOT_DEBUG        4
#define STACK_SLOT_DEATH        5 /* where a death is reported */
#define STACK_SLOTS_AT_BOOT     6

/* Page sizes and table geometry (SDM vol. 3A, 4.5). */
#define PAGE_BYTES              0x1000
#define PAGE_SHIFT              12
#define PAGE_2M_BYTES           0x200000
#define PAGE_2M_SHIFT           21
#define PAGE_1G_BYTES           0x40000000
#define PAGE_1G_SHIFT           30
#define PML4_SLOT_SHIFT         39
#define TABLE_ENTRIES           512

/* Segment selectors of stage2's 64-bit GDT and of the kernel's (order: the one SYSRET needs). */
#define SEL_KERNEL_CODE         0x08
#define SEL_KERNEL_DATA         0x10
#define SEL_USER_DATA           0x18
#define SEL_USER_CODE           0x20
#define SEL_TSS                 0x28

/* Ports that tools listen on. */
#define PORT_COM1               0x3F8
#define PORT_E9                 0xE9
#define PORT_QEMU_EXIT          0xF4
#define PORT_BOCHS_SHUTDOWN     0x8900

#endif
