/* SPDX-License-Identifier: MIT
 *
 * Which magic breakpoints are live. Part of early code: no table of pointers, nothing
 * called that is not part of it too.
 */
#include "kernel/base/break.h"
#include "kernel/base/string.h"
#include "kernel/boot/layout.h"

#define NAME_BYTES             16

/* Arrays of characters, not pointers: these would want relocations before they work. */
#define BREAK_NAME(name, text) text,
static const char names[][NAME_BYTES] = {BREAK_LIST(BREAK_NAME)};
/* "stage2" and "protected" come before the configuration is read: scripts/bochs.py sets
 * ordinary breakpoints there. */
static const char others[][NAME_BYTES] = {BREAK_LIST_LOADER(BREAK_NAME) "stage2",
                                          "protected", "all", "off"};
#undef BREAK_NAME

STATIC_ASSERT(BREAK_COUNT <= 32, "break_live has one bit for each");

u32 break_live;

void break_init(const char *config)
{
    struct config_value chosen;

    break_live = 0;
    if (!config_find(config, "break", &chosen))
        return;
    for (u32 i = 0; i < ARRAY_COUNT(names); i++)
        if (config_list_has(&chosen, names[i]) || config_list_has(&chosen, "all"))
            break_live |= 1u << i;
}

static bool is_known(const struct config_value *name)
{
    for (u32 i = 0; i < ARRAY_COUNT(names); i++)
        if (config_is(name, names[i]))
            return true;
    for (u32 i = 0; i < ARRAY_COUNT(others); i++)
        if (config_is(name, others[i]))
            return true;
    return false;
}

bool break_find_unknown(const char *config, struct config_value *out)
{
    struct config_value chosen;
    const char *at, *end;

    if (!config_find(config, "break", &chosen))
        return false;
    end = chosen.text + chosen.bytes;
    for (at = chosen.text; at < end; at += out->bytes + 1) {
        out->text = at;
        out->bytes = 0;
        while (at + out->bytes < end && at[out->bytes] != ',')
            out->bytes++;
        if (out->bytes != 0 && !is_known(out))
            return true;
    }
    return false;
}

static void say(const char *text)
{
    for (; *text != '\0'; text++)
        __asm__ volatile("outb %0, %1" : : "a"(*text), "Nd"((u16)PORT_E9));
}

void break_say(enum break_point which)
{
    say("break: ");
    say(names[which]);
    say("\n");
}
