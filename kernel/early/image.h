/* SPDX-License-Identifier: MIT
 *
 * The borders that kernel.ld draws. Their addresses are relative to RIP: before the
 * jump they come out as where the image was loaded, after it as where it runs. So early
 * code may subtract them from each other but never keep one.
 */
#ifndef PLINTH_KERNEL_EARLY_IMAGE_H
#define PLINTH_KERNEL_EARLY_IMAGE_H

#include "kernel/base/types.h"

extern u8 image_begin[], image_end[];
extern u8 text_begin[], text_end[];
extern u8 rodata_begin[], rodata_end[];
extern u8 data_begin[], data_end[], bss_begin[], bss_end[];
extern u8 rela_begin[], rela_end[], build_id_note[];

static inline u64 image_offset(const void *place)
{
    return (u64)((const u8 *)place - image_begin);
}

#endif
