/* SPDX-License-Identifier: MIT */
#include "kernel/early/reloc.h"

#include "kernel/base/string.h"

static bool rela_is_good(const struct elf_rela *rela, u64 image_bytes)
{
    return rela->info == R_X86_64_RELATIVE &&
           rela->offset <= image_bytes - sizeof(u64) && rela->addend <= image_bytes;
}

enum status reloc_apply(u8 *image, u64 image_bytes, const struct elf_rela *rela,
                        u64 count, u64 base, u64 *bad_index)
{
    if (image_bytes < sizeof(u64)) {
        *bad_index = 0;
        return STATUS_INVALID;
    }
    for (u64 i = 0; i < count; i++) {
        if (!rela_is_good(&rela[i], image_bytes)) {
            *bad_index = i;
            return STATUS_INVALID;
        }
        /* A pointer in a packed structure need not be aligned. */
        u64 value = base + rela[i].addend;
        memcpy(image + rela[i].offset, &value, sizeof(value));
    }
    return STATUS_OK;
}
