/* SPDX-License-Identifier: MIT
 *
 * Names of the kernel's functions, from the blob that the loader put behind the kernel
 * (kernel/boot/symbols.h). Constant after symbols_init; any context, the path of death
 * included.
 */
#ifndef PLINTH_KERNEL_SYMBOLS_H
#define PLINTH_KERNEL_SYMBOLS_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"

/* "name+0x1c", cut to this; with the file behind it, to that. */
#define SYMBOL_TEXT_BYTES  72
#define SYMBOL_PLACE_BYTES 112

/* Takes the blob, which must stay mapped for ever. image_base: address of the image's
 * first byte. Everything in it is checked before anything is believed. STATUS_INVALID:
 * damaged; STATUS_NOT_FOUND: of another build. Then there are simply no names. */
MUST_USE enum status symbols_init(const void *blob, u64 bytes, u64 image_base,
                                  const u8 build_id[20]);

u32 symbols_count(void);

/* The function that holds virt and how far into it. False: none, or no names. */
bool symbol_find(u64 virt, const char **name, u64 *offset);

/* The source file of the function that holds virt, or NULL. */
const char *symbol_file(u64 virt);

/* "memset+0x1c" into out, or "V:ffffffff80001234" where there is no name. Returns out.
 */
const char *symbol_text(u64 virt, char out[SYMBOL_TEXT_BYTES]);

/* "memset+0x1c (kernel/base/string.c)"; without the file where that is not known. */
const char *symbol_place(u64 virt, char out[SYMBOL_PLACE_BYTES]);

#endif
