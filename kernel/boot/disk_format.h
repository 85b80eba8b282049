/* SPDX-License-Identifier: MIT
 *
 * What lies on the disk besides code: the head of stage2, the boot configuration, the manifest.
 * Written by scripts/image.py seal, read by stage2. Little-endian, no padding beyond what is named.
 * All checksums are CRC-32C (polynomial 1EDC6F41h reflected, initial and final value FFFFFFFFh).
 *
 * Boot sector fields (byte offsets in layout.h, MBR_...): CRC-32C and length of stage2's head, base
 * marker, format version, image UUID; then disk signature, partition table, 55 AA.
 */
#ifndef PLINTH_KERNEL_BOOT_DISK_FORMAT_H
#define PLINTH_KERNEL_BOOT_DISK_FORMAT_H

#include "kernel/boot/boot_info.h"

#define DISK_FORMAT_VERSION 1
#define STAGE2_HEAD_MAGIC   0x32534C50         /* "PLS2" */
#define CONFIG_MAGIC        0x4643544E494C5000 /* 00 "PLINTCF" */
#define MANIFEST_MAGIC      0x464D544E494C5000 /* 00 "PLINTMF" */

/* At STAGE2_PHYS. The first four bytes are a jump over this structure. */
struct stage2_head {
    u8 jump[4];
    u32 magic;
    u32 version;
    u32 body_bytes; /* whole 512; the rest of the slot is zero and not loaded */
    u32 body_crc32c;
    u32 reserved;
    u64 image_bytes;
    u8 uuid[16];
    u8 build_id[20];
    u32 reserved2;
};

/* At DISK_CONFIG, CONFIG_BYTES long: this head, then the text, then zeros. */
struct config_head {
    u64 magic;
    u32 text_bytes; /* at most CONFIG_BYTES - sizeof(struct config_head) - 1 */
    u32 text_crc32c;
};

/* At DISK_MANIFEST, MANIFEST_BYTES long: head, entries, then one u32 CRC-32C per chunk. */
struct manifest_head {
    u64 magic;
    u32 version;
    u32 crc32c;         /* over manifest_bytes with this field 0 */
    u32 manifest_bytes; /* head + entries + chunk CRCs */
    u32 entry_count;
    u32 chunk_count;
    u32 chunk_bytes;    /* CHUNK_BYTES */
    u64 image_bytes;
    u8 uuid[16];
};

#define MANIFEST_KERNEL  1
#define MANIFEST_SYMBOLS 2
#define MANIFEST_MODULE  3

/* Chunk i of an entry covers its bytes [i * CHUNK_BYTES, ...), the last one may be shorter. */
struct manifest_entry {
    u32 kind;        /* MANIFEST_...; the kernel first, exactly once */
    u32 first_chunk; /* index into the CRC table */
    u64 disk_offset; /* multiple of DISK_ALIGN */
    u64 bytes;
    u64 memory_bytes; /* kernel: span of its segments in memory; else 0 */
    char name[BOOT_NAME_BYTES];
};

#endif
