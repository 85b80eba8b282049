/* SPDX-License-Identifier: MIT
 *
 * Names and texts of the death codes.
 */
#include "kernel/base/codes.h"
#include "kernel/base/format.h"

struct code_entry {
    char prefix[3];
    u8 number;
    const char *text;
};

#define CODE_ENTRY(prefix, number, text) {#prefix, number, text},
static const struct code_entry entries[] = {CODE_LIST(CODE_ENTRY)};
#undef CODE_ENTRY

STATIC_ASSERT(ARRAY_COUNT(entries) == CODE_COUNT, "one entry for each code");

void code_name(enum code code, char out[CODE_NAME_BYTES])
{
    if ((u32)code < CODE_COUNT)
        format(out, CODE_NAME_BYTES, "%s-%02u", entries[code].prefix,
               entries[code].number);
    else
        format(out, CODE_NAME_BYTES, "XX-%02u", (u32)code % 100);
}

const char *code_text(enum code code)
{
    return (u32)code < CODE_COUNT ? entries[code].text : "an unknown code";
}
