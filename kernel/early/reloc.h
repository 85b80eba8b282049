/* SPDX-License-Identifier: MIT
 *
 * Self-relocation (ELF-64 object file format; System V ABI, AMD64 supplement,
 * table 4.10): the kernel has relocations of one type only, R_X86_64_RELATIVE, *place =
 * base + addend.
 */
#ifndef PLINTH_KERNEL_EARLY_RELOC_H
#define PLINTH_KERNEL_EARLY_RELOC_H

#include "kernel/base/status.h"

#define R_X86_64_RELATIVE 8

struct elf_rela {
    u64 offset;
    u64 info;
    u64 addend;
};

/* Applies count relocations to the image of image_bytes at image, as if it stood at
 * base. Pure. STATUS_INVALID: entry *bad_index has another type, a place that is not
 * whole inside the image, or an addend outside it; nothing behind it was applied.
 * Places need not be aligned. */
MUST_USE enum status reloc_apply(u8 *image, u64 image_bytes,
                                 const struct elf_rela *rela, u64 count, u64 base,
                                 u64 *bad_index);

#endif
