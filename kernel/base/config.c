/* SPDX-License-Identifier: MIT
 *
 * The boot configuration's parser.
 */
#include "kernel/base/config.h"
#include "kernel/base/string.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool config_next(const char **at, struct config_word *word)
{
    const char *begin = *at;
    const char *end, *equals = NULL;

    while (is_blank(*begin))
        begin++;
    for (end = begin; *end != '\0' && !is_blank(*end); end++)
        if (*end == '=' && equals == NULL)
            equals = end;
    *at = end;
    if (end == begin)
        return false;
    word->has_value = equals != NULL;
    if (equals == NULL)
        equals = end;
    word->key.text = begin;
    word->key.bytes = (u64)(equals - begin);
    word->value.text = word->has_value ? equals + 1 : end;
    word->value.bytes = (u64)(end - word->value.text);
    return true;
}

bool config_is(const struct config_value *value, const char *text)
{
    return strlen(text) == value->bytes && memcmp(value->text, text, value->bytes) == 0;
}

bool config_find(const char *text, const char *key, struct config_value *out)
{
    struct config_word word;
    bool found = false;

    for (const char *at = text; config_next(&at, &word);) {
        if (config_is(&word.key, key)) {
            *out = word.value;
            found = true;
        }
    }
    return found;
}

/* The value of a digit, or 99. */
static u32 digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (u32)(c - '0');
    if (c >= 'a' && c <= 'f')
        return (u32)(c - 'a') + 10;
    if (c >= 'A' && c <= 'F')
        return (u32)(c - 'A') + 10;
    return 99;
}

bool config_parse_u64(const struct config_value *value, u64 *out)
{
    const char *at = value->text;
    const char *end = at + value->bytes;
    u64 base = 10, result = 0;

    if (value->bytes > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X')) {
        base = 16;
        at += 2;
    }
    if (at == end)
        return false;
    for (; at != end; at++) {
        u64 digit = digit_value(*at);

        if (digit >= base || result > (~(u64)0 - digit) / base)
            return false;
        result = result * base + digit;
    }
    *out = result;
    return true;
}

bool config_u64(const char *text, const char *key, u64 *out)
{
    struct config_value value;

    return config_find(text, key, &value) && config_parse_u64(&value, out);
}

bool config_flag(const char *text, const char *key)
{
    struct config_word word;
    bool on = false;

    for (const char *at = text; config_next(&at, &word);)
        if (config_is(&word.key, key))
            on = !word.has_value || config_is(&word.value, "1") ||
                 config_is(&word.value, "on") || config_is(&word.value, "yes") ||
                 config_is(&word.value, "true");
    return on;
}

bool config_list_has(const struct config_value *value, const char *item)
{
    const char *end = value->text + value->bytes;
    struct config_value part = {value->text, 0};

    for (const char *at = value->text;; at++) {
        if (at != end && *at != ',')
            continue;
        part.bytes = (u64)(at - part.text);
        if (part.bytes != 0 && config_is(&part, item))
            return true;
        if (at == end)
            return false;
        part.text = at + 1;
    }
}

void config_for_each(const char *text,
                     void (*visit)(const struct config_word *word, void *context),
                     void *context)
{
    struct config_word word;

    for (const char *at = text; config_next(&at, &word);)
        visit(&word, context);
}
