/* SPDX-License-Identifier: MIT
 *
 * The boot configuration: words `key=value` or `key`, separated by blanks, tabs or line
 * ends. A later word with the same key wins. Nothing is stored: each call reads the
 * text again, which is at most a few KiB. A value is a slice of the text, not
 * NUL-terminated.
 *
 * Pure, any context, usable before relocation, built for the host.
 */
#ifndef PLINTH_KERNEL_BASE_CONFIG_H
#define PLINTH_KERNEL_BASE_CONFIG_H

#include "kernel/base/types.h"

struct config_value {
    const char *text;
    u64 bytes;
};

/* One word of the configuration. A bare `key` has a value of 0 bytes and has_value
 * false. */
struct config_word {
    struct config_value key;
    struct config_value value;
    bool has_value;
};

/* The value of the last word with this key. False, out untouched, when there is none.
 */
bool config_find(const char *text, const char *key, struct config_value *out);

/* As config_find, read as an unsigned number: decimal, or hex after 0x. False, out
 * untouched, when the key is missing or the value is not a whole number below 2^64. */
bool config_u64(const char *text, const char *key, u64 *out);

/* True for `key`, `key=1`, `key=on`, `key=yes`, `key=true`; false for anything else. */
bool config_flag(const char *text, const char *key);

/* True when the value equals the NUL-terminated text. */
bool config_is(const struct config_value *value, const char *text);

/* The number in value, under the rules of config_u64. */
bool config_parse_u64(const struct config_value *value, u64 *out);

/* True when item is one of the comma-separated parts of value. */
bool config_list_has(const struct config_value *value, const char *item);

/* Visits every word in order. *at starts as the text; false at its end. For example:
 *     for (const char *at = text; config_next(&at, &word);) ...        */
bool config_next(const char **at, struct config_word *word);

/* The same with a function. */
void config_for_each(const char *text,
                     void (*visit)(const struct config_word *word, void *context),
                     void *context);

#endif
