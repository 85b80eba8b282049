/* SPDX-License-Identifier: MIT */
#include "kernel/early/reloc.h"

static bool rela_is_good(const struct elf_rela *rela, u64 image_bytes)
{
    return rela->info == R_X86_64_RELATIVE && IS_ALIGNED(rela->offset, 8) &&
           rela->offset <= image_bytes - 8 && rela->addend <= image_bytes;
}

enum status reloc_apply(u8 *image, u64 image_bytes, const struct elf_rela *rela, u64 count, u64 base,
                        u64 *bad_index)
{
    if (image_bytes < 8)
        return STATUS_INVALID;
    for (u64 i = 0; i < count; i++) {
        if (!rela_is_good(&rela[i], image_bytes)) {
            *bad_index = i;
            return STATUS_INVALID;
        }
        *(u64 *)(void *)(image + rela[i].offset) = base + rela[i].addend;
    }
    return STATUS_OK;
}
