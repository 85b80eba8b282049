/* SPDX-License-Identifier: MIT
 *
 * CRC-32C (Castagnoli; polynomial 1EDC6F41h, reflected, initial and final value
 * FFFFFFFFh), the checksum of everything that the loader and the disk hand over
 * (kernel/boot/disk_format.h).
 *
 * A table of 16 words, four bits a step: about ten instructions a byte, for structs of
 * a few KiB. Pure, any context, usable before relocation. Bulk data is the loader's
 * work.
 */
#ifndef PLINTH_KERNEL_BASE_CRC32C_H
#define PLINTH_KERNEL_BASE_CRC32C_H

#include "kernel/base/types.h"

/* The checksum of bytes at data. */
u32 crc32c(const void *data, u64 bytes);

/* The same in pieces: start with 0, pass the result on; the last result is the
 * checksum. */
u32 crc32c_extend(u32 crc, const void *data, u64 bytes);

#endif
