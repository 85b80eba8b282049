/* SPDX-License-Identifier: MIT
 *
 * The symbols blob, checked once and searched by halving.
 */
#include "kernel/symbols.h"
#include "kernel/base/format.h"
#include "kernel/base/string.h"
#include "kernel/boot/symbols.h"

static struct {
    const struct symbol *list;
    const struct symbol *files;
    const char *strings;
    u32 count;
    u32 file_count;
    u64 image_base;
} symbols;

static bool head_is_good(const struct symbols_head *head, u64 bytes)
{
    u64 list_end = sizeof(*head) +
                   ((u64)head->count + head->file_count) * sizeof(struct symbol);

    return head->magic == SYMBOLS_MAGIC && head->version == SYMBOLS_VERSION &&
           head->count >= 1 && head->count <= SYMBOLS_MAX &&
           head->file_count <= SYMBOLS_MAX && head->total_bytes <= bytes &&
           head->strings_offset >= list_end && head->strings_offset < head->total_bytes;
}

/* Ascending, and every name begins inside the strings, which end with a NUL. */
static bool list_is_good(const struct symbol *list, u32 count, u32 strings_bytes)
{
    for (u32 i = 0; i < count; i++)
        if (list[i].name_offset >= strings_bytes ||
            (i != 0 && list[i].offset <= list[i - 1].offset))
            return false;
    return true;
}

enum status symbols_init(const void *blob, u64 bytes, u64 image_base,
                         const u8 build_id[20])
{
    const struct symbols_head *head = blob;
    const struct symbol *list;
    const char *strings;

    if (blob == NULL || bytes < sizeof(*head) || !head_is_good(head, bytes))
        return STATUS_INVALID;
    list = (const struct symbol *)(head + 1);
    strings = (const char *)blob + head->strings_offset;
    u32 strings_bytes = head->total_bytes - head->strings_offset;
    if (strings[strings_bytes - 1] != '\0' ||
        !list_is_good(list, head->count, strings_bytes) ||
        !list_is_good(list + head->count, head->file_count, strings_bytes))
        return STATUS_INVALID;
    if (memcmp(head->build_id, build_id, sizeof(head->build_id)) != 0)
        return STATUS_NOT_FOUND;
    symbols.list = list;
    symbols.files = list + head->count;
    symbols.file_count = head->file_count;
    symbols.strings = strings;
    symbols.image_base = image_base;
    symbols.count = head->count;
    return STATUS_OK;
}

u32 symbols_count(void)
{
    return symbols.count;
}

/* The last entry at or below a distance from the image's first byte, or NULL. */
static const struct symbol *entry_find(const struct symbol *list, u32 count, u64 virt)
{
    u64 distance = virt - symbols.image_base;
    u32 low = 0, high = count;

    if (count == 0 || virt < symbols.image_base || distance < list[0].offset)
        return NULL;
    /* list[low].offset <= distance, and list[high] is above it or beyond the end. */
    while (high - low > 1) {
        u32 middle = low + (high - low) / 2;

        if (list[middle].offset <= distance)
            low = middle;
        else
            high = middle;
    }
    return &list[low];
}

bool symbol_find(u64 virt, const char **name, u64 *offset)
{
    const struct symbol *entry = entry_find(symbols.list, symbols.count, virt);

    if (entry == NULL)
        return false;
    *name = symbols.strings + entry->name_offset;
    *offset = virt - symbols.image_base - entry->offset;
    return **name != '\0';
}

const char *symbol_file(u64 virt)
{
    const struct symbol *entry = entry_find(symbols.files, symbols.file_count, virt);
    const char *name = entry == NULL ? "" : symbols.strings + entry->name_offset;

    return *name == '\0' ? NULL : name;
}

const char *symbol_text(u64 virt, char out[SYMBOL_TEXT_BYTES])
{
    const char *name;
    u64 offset;

    if (symbol_find(virt, &name, &offset))
        format(out, SYMBOL_TEXT_BYTES, "%.56s+0x%lx", name, offset);
    else
        format(out, SYMBOL_TEXT_BYTES, "V:%016lx", virt);
    return out;
}

const char *symbol_place(u64 virt, char out[SYMBOL_PLACE_BYTES])
{
    const char *file = symbol_file(virt);
    char name[SYMBOL_TEXT_BYTES];

    symbol_text(virt, name);
    if (file != NULL)
        format(out, SYMBOL_PLACE_BYTES, "%s (%s)", name, file);
    else
        format(out, SYMBOL_PLACE_BYTES, "%s", name);
    return out;
}
