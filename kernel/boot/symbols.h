/* SPDX-License-Identifier: MIT
 *
 * The symbols blob: names of the kernel's functions for backtraces. scripts/symbols.py makes it
 * from kernel.elf, stage2 loads it behind the kernel (boot_info.symbols_phys), the kernel
 * believes it only after magic, version, borders and build-id were compared with its own.
 *
 *   0              struct symbols_head
 *   48             count x struct symbol, ascending by offset, no offset twice
 *                  file_count x struct symbol: source files, each from the offset of its first
 *                  function on; an empty name where the file is not known
 *   strings_offset names and files, NUL-terminated, none twice, then NULs to a multiple of four
 *                  bytes: total_bytes
 *
 * The function of an address is the last entry whose offset is not above the address's distance
 * from the image's first byte. The last entry of all has an empty name and the offset of text's
 * end, so that an address behind the code gets no name. Little-endian, 4-byte aligned.
 */
#ifndef PLINTH_KERNEL_BOOT_SYMBOLS_H
#define PLINTH_KERNEL_BOOT_SYMBOLS_H

#include "kernel/boot/wire.h"

#define SYMBOLS_MAGIC    0x005953544E494C50 /* "PLINTSY" and a NUL in memory order */
#define SYMBOLS_VERSION  2
#define SYMBOLS_MAX      65536
#define SYMBOL_NAME_MAX  255 /* longer names are cut */

struct symbols_head {
    u64 magic;
    u32 version;
    u32 count;        /* with the empty last one; at least 1 */
    u8 build_id[20];  /* GNU build-id note of the kernel it was made from */
    u32 file_count;
    u32 strings_offset;
    u32 total_bytes;
};

struct symbol {
    u32 offset;      /* from the image's first byte (address 0 of kernel.elf) */
    u32 name_offset; /* from strings_offset */
};

#endif
