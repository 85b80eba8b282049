/* SPDX-License-Identifier: MIT
 *
 * The words of the boot report for types and for what cleaning did to an entry.
 */
#include "mm/memmap_text.h"

static const char *const type_names[] = {
    [E820_USABLE] = "usable",
    [E820_RESERVED] = "reserved",
    [E820_ACPI] = "ACPI tables",
    [E820_NVS] = "ACPI NVS",
    [E820_BAD] = "bad",
    [E820_PERSISTENT] = "persistent",
};

static const char *const note_texts[MEMMAP_NOTE_BITS] = {
    "kept",
    "zero length, skipped",
    "runs past 2^64, cut",
    "above what the CPU can address, cut",
    "unknown type, taken as reserved",
    "shrunk to whole pages",
    "grown to whole pages",
    "partly overridden by a worse type",
    "wholly overridden by a worse type",
    "partly taken by the kernel's own rules",
    "merged with a neighbour",
    "out of order",
    "overlaps an earlier entry",
};

const char *memmap_type_name(u32 type)
{
    if (type >= ARRAY_COUNT(type_names) || type_names[type] == NULL)
        return "unknown";
    return type_names[type];
}

const char *memmap_note_text(u32 note)
{
    for (u32 bit = 0; bit < MEMMAP_NOTE_BITS; bit++) {
        if (note == (u32)1 << bit)
            return note_texts[bit];
    }
    return "";
}
