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
    const char *strings;
    u32 count;
    u64 image_base;
} symbols;

static bool head_is_good(const struct symbols_head *head, u64 bytes)
{
    u64 list_end = sizeof(*head) + (u64)head->count * sizeof(struct symbol);

    return head->magic == SYMBOLS_MAGIC && head->version == SYMBOLS_VERSION &&
           head->count >= 1 && head->count <= SYMBOLS_MAX &&
           head->total_bytes <= bytes && head->strings_offset >= list_end &&
           head->strings_offset < head->total_bytes;
}

/* Ascending, and every name begins inside the strings, which end with a NUL. */
static bool list_is_good(const struct symbols_head *head, const struct symbol *list,
                         const char *strings)
{
    u32 strings_bytes = head->total_bytes - head->strings_offset;

    if (strings[strings_bytes - 1] != '\0')
        return false;
    for (u32 i = 0; i < head->count; i++)
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
    if (!list_is_good(head, list, strings))
        return STATUS_INVALID;
    if (memcmp(head->build_id, build_id, sizeof(head->build_id)) != 0)
        return STATUS_NOT_FOUND;
    symbols.list = list;
    symbols.strings = strings;
    symbols.image_base = image_base;
    symbols.count = head->count;
    return STATUS_OK;
}

u32 symbols_count(void)
{
    return symbols.count;
}

bool symbol_find(u64 virt, const char **name, u64 *offset)
{
    u64 distance = virt - symbols.image_base;
    u32 low = 0, high = symbols.count;

    if (symbols.count == 0 || virt < symbols.image_base ||
        distance < symbols.list[0].offset)
        return false;
    /* list[low].offset <= distance, and list[high] is above it or beyond the end. */
    while (high - low > 1) {
        u32 middle = low + (high - low) / 2;

        if (symbols.list[middle].offset <= distance)
            low = middle;
        else
            high = middle;
    }
    *name = symbols.strings + symbols.list[low].name_offset;
    *offset = distance - symbols.list[low].offset;
    return **name != '\0';
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
