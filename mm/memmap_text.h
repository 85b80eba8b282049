/* SPDX-License-Identifier: MIT
 *
 * Names for what mm/memmap.h knows as numbers. Apart from it, because a table of names
 * is a table of pointers: only after the kernel has moved and its relocations are
 * applied.
 */
#ifndef PLINTH_MM_MEMMAP_TEXT_H
#define PLINTH_MM_MEMMAP_TEXT_H

#include "mm/memmap.h"

/* A short word for an E820 type; "unknown" for a number that ACPI does not know. */
const char *memmap_type_name(u32 type);

/* A few words for one MEMMAP_... bit of memmap_explain; "" for anything else. */
const char *memmap_note_text(u32 note);

#endif
