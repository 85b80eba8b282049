/* SPDX-License-Identifier: MIT
 *
 * The numbers by which the loader speaks. Errors appear as "plinth: L-NN text: facts" on screen,
 * COM1 and port E9, and have a page each: docs/errors/L-NN.md. Quirks are anomalies that were met
 * and dealt with; they travel in the quirk ring (struct quirk in boot_info.h). Numbers are stable:
 * a meaning that goes leaves its number unused. Read by C and NASM.
 */
#ifndef PLINTH_KERNEL_BOOT_LOADER_CODES_H
#define PLINTH_KERNEL_BOOT_LOADER_CODES_H

/* Errors of stage2: the disk and stage2 itself. */
#define LOADER_BODY_DAMAGED      1 /* both copies of stage2's body fail their checksum */
#define LOADER_DRIVE_LOST        3 /* no drive carries the image's UUID */
#define LOADER_EXCEPTION_32      4 /* CPU exception in protected mode */
#define LOADER_EXCEPTION_64      5 /* CPU exception in long mode, before the kernel's handlers */
#define LOADER_DISK_READ         7 /* all tries failed; facts of the last one */
#define LOADER_READ_ELSEWHERE    8 /* a read's packet points elsewhere, or its sectors went there */

/* Errors: the processor. */
#define LOADER_NO_CPUID         10
#define LOADER_NO_LONG_MODE     11
#define LOADER_NO_NX            12
#define LOADER_CPU_FEATURE      13 /* the line names the feature */
#define LOADER_A20              14 /* no method opened the gate, or it is closed again */
#define LOADER_A20_LOST         15 /* a BIOS call closed it and nothing opened it again */
#define LOADER_PAGING           16 /* what long mode needs is not there; the line says what */

/* Errors: memory. */
#define LOADER_NO_MEMORY_MAP    20 /* E820h, E801h and 88h all failed */
#define LOADER_LOW_MEMORY       21 /* conventional memory ends below LOADER_END_PHYS */
#define LOADER_NO_ROOM          22 /* no usable run below 4 GiB holds kernel and modules */

/* Errors: what lies on the disk. */
#define LOADER_MANIFEST_DAMAGED 30 /* both copies */
#define LOADER_IMAGE_MIXED      31 /* parts of different images: UUID or format version */
#define LOADER_MANIFEST_FIELDS  32 /* checksum right, contents impossible */
#define LOADER_CHUNK_DAMAGED    33 /* checksum of a piece of kernel, symbols or module */
#define LOADER_KERNEL_ELF       34 /* kernel.elf breaks a rule; the line says which */
#define LOADER_PAYLOAD_CUT      35 /* less was loaded than the manifest lists */
#define LOADER_PAYLOAD_PLACE    36 /* a piece was not copied behind the one before */

/* Quirks. Each comment opens with what `at` is, the same wherever the code is noted; the report
 * prints the word, and tests/host/test_quirk_table.py compares it. `count` is as said, else 0.
 *   LBA      sector of the disk, in the drive's own size: the first one of the call
 *   byte     place on the disk, for contents that were read and not right
 *   address  physical
 *   drive    number for INT 13h
 *   call     vector << 8 | function
 *   BX, sectors, entries: a number of these; -: nothing, 0
 */

/* Quirks: drive and reads. function and status are those of the last call of INT 13h. */
#define QUIRK_DRIVE_REPAIRED     1 /* drive: the one used; count = DL given */
#define QUIRK_BASE_SHIFTED       2 /* byte: the partition's start, which the BIOS adds (USB-ZIP) */
#define QUIRK_SECTOR_BYTES       3 /* -: count = bytes a sector, measured, when not 512 */
#define QUIRK_NO_EDD             4 /* drive: AH=41h does not offer packet reads: CHS */
#define QUIRK_EDD_DROPPED        5 /* LBA: packet reads failed for good, CHS; count = sectors */
#define QUIRK_READ_RETRIED       6 /* LBA: count = sectors */
#define QUIRK_READ_HALVED        7 /* LBA: count = new limit in sectors */
#define QUIRK_READ_SHORT         8 /* LBA: count = sectors delivered */
#define QUIRK_READ_SUSPECT       9 /* LBA: CF and AH disagree; count = sectors */
#define QUIRK_READ_DAMAGED      10 /* byte: checksum wrong, again; count = sectors a call */
#define QUIRK_TICK_FROZEN       11 /* -: 40:6Ch did not move; count = ticks waited for */
#define QUIRK_BODY_SECOND       12 /* byte: stage2's body, the copy used; count = 1, its number */
#define QUIRK_MANIFEST_SECOND   13 /* byte: the copy used; count = 1, its number */
#define QUIRK_CONFIG_SECOND     14 /* byte: the copy used; count = 1, its number */
#define QUIRK_CONFIG_DEFAULTS   15 /* byte: the last copy; count = copies lost; empty text */
#define QUIRK_RECORDER_UNSAVED  16 /* byte: recorder=disk failed; count = bytes tried, or 0 */
#define QUIRK_NO_GEOMETRY       17 /* sectors: a track, nor geometry; count = heads found */
#define QUIRK_READ_EMPTY        18 /* LBA: said to be done, brought nothing; count = sectors */

/* Quirks: memory and A20. */
#define QUIRK_A20_WAS_OFF       20 /* -: count = A20_... method that opened it */
#define QUIRK_A20_LOST          21 /* -: closed by a BIOS call; count = method that opened it */
#define QUIRK_E820_FAILED       22 /* -: no usable answer; count = entries before; next service */
#define QUIRK_E820_CF_END       23 /* -: list ended by CF; count = entries */
#define QUIRK_E820_ENDLESS      24 /* -: it repeats, or too many entries; count = entries */
#define QUIRK_E801_FAILED       25 /* BX: nonsense, then count = AX; or refused, both 0 */
#define QUIRK_LOW_TOP_INSANE    26 /* address: as told by count = 1 INT 12h, 2 40:13h, 3 40:0Eh */
#define QUIRK_LOW_TOP_DISAGREES 27 /* address: the lowest of them */
#define QUIRK_MAP_SMALL         28 /* entries: added to a poor E820h; count = source asked too */
#define QUIRK_SAFE_MODE         29 /* -: Shift or Ctrl held at boot; count = bits of 40:17h */
#define QUIRK_HEAD_SECOND       30 /* byte: stage2's head, the second copy; count = tries */
#define QUIRK_HEAD_RETRIED      34 /* byte: stage1 needed several tries for it; count = tries */
#define QUIRK_E820_TWENTY       35 /* -: failed asked for 24 bytes, not for 20; count = entries */
#define QUIRK_LOW_TOP_MOVED     36 /* address: 40:13h or 40:0Eh shrank while loading, to here */

/* Quirks: what a BIOS call left behind, each kind noted once. */
#define QUIRK_CALL_REGISTERS    31 /* call: count = bits of EAX EBX ECX EDX ESI EDI EBP DS ES */
#define QUIRK_CALL_FLAGS        32 /* call: count = 1 IF off, 2 DF on */
#define QUIRK_CALL_TABLES       33 /* call: count = 1 GDTR, 2 IDTR, 4 caches off */

#endif
