/* SPDX-License-Identifier: MIT
 *
 * The configuration's first reading: what it holds that nobody knows, that means
 * nothing or that is said twice. Each key's reader takes its default then.
 */
#include "kernel/config_start.h"
#include "kernel/base/break.h"
#include "kernel/base/log.h"
#include "kernel/base/string.h"
#include "kernel/early/handover.h"

#define SHOWN_BYTES 60 /* of a word that somebody mistyped */

static int shown(const struct config_value *value)
{
    return (int)MIN(value->bytes, (u64)SHOWN_BYTES);
}

/* Of all words with this key, of which there are *count. */
static bool config_is_last(const struct config_word *word, u32 *count)
{
    struct config_word other, last = *word;

    *count = 0;
    for (const char *at = handover.config; config_next(&at, &other);)
        if (other.key.bytes == word->key.bytes &&
            memcmp(other.key.text, word->key.text, word->key.bytes) == 0) {
            last = other;
            ++*count;
        }
    return last.key.text == word->key.text;
}

/* The last one wins, for every key: config_find. */
static void config_check_again(const struct config_word *word)
{
    u32 count;

    if (config_is_last(word, &count) && count > 1)
        log_warn(
            "configuration: '%.*s' is given %u times; the last one, '%.*s', is used",
            shown(&word->key), word->key.text, count,
            (int)MIN((u64)(word->value.text + word->value.bytes - word->key.text),
                     (u64)SHOWN_BYTES),
            word->key.text);
}

static void config_word(const struct config_word *word, void *context)
{
    static const char *const known[] = {"kaslr",  "log",   "test",     "nonce",
                                        "report", "exit",  "recorder", "break",
                                        "colour", "check", "heap",     "soak",
                                        "seed",   "fail",  "pcid"};
    u32 count;

    (void)context;
    for (u32 i = 0; i < ARRAY_COUNT(known); i++)
        if (config_is(&word->key, known[i])) {
            config_check_again(word);
            return;
        }
    if (config_is_last(word, &count))
        log_warn("configuration: unknown key '%.*s' is ignored", shown(&word->key),
                 word->key.text);
}

bool config_heap_mode(const struct config_value *value, enum heap_mode *out)
{
    for (enum heap_mode mode = 0; mode < HEAP_MODE_COUNT; mode++)
        if (config_is(value, heap_mode_name(mode))) {
            *out = mode;
            return true;
        }
    return false;
}

static void config_refuse(const char *key, const struct config_value *value,
                          const char *why)
{
    log_warn("configuration: %s=%.*s is %s", key, shown(value), value->text, why);
}

/* Keys whose reader takes its default without a word. A bare `exit` is a flag. */
static void config_check_quiet_values(void)
{
    const char *text = handover.config;
    struct config_value value;
    u64 number;
    if (config_find(text, "soak", &value) &&
        (!config_parse_u64(&value, &number) || number == 0))
        config_refuse("soak", &value, "no number above 0; the default is used");
    if (config_find(text, "seed", &value) && !config_parse_u64(&value, &number))
        config_refuse("seed", &value, "not a number; 1 is used");
    if (config_find(text, "recorder", &value) && !config_is(&value, "disk"))
        config_refuse("recorder", &value, "not disk; ignored");
    if (config_find(text, "exit", &value) && value.bytes != 0 &&
        !config_flag(text, "exit") && !config_is(&value, "0"))
        config_refuse("exit", &value, "not 1; ignored");
}

/* A value that means nothing is said aloud; what happens then stands behind it. */
static void config_check_values(void)
{
    struct config_value value;
    enum heap_mode mode;
    u64 number;
    if (config_find(handover.config, "kaslr", &value) && !config_is(&value, "off") &&
        !config_is(&value, "max") && !config_parse_u64(&value, &number))
        config_refuse("kaslr", &value, "not off, max or a number; random is used");
    if (config_find(handover.config, "nonce", &value) &&
        !config_parse_u64(&value, &number))
        config_refuse("nonce", &value, "not a number; 0 is used");
    if (config_find(handover.config, "pcid", &value) && !config_is(&value, "off"))
        config_refuse("pcid", &value, "not off; PCIDs are used where present");
    if (break_find_unknown(handover.config, &value))
        config_refuse("break", &value, "no break; ignored");
    if (config_find(handover.config, "report", &value) && !config_is(&value, "json"))
        config_refuse("report", &value, "not json; ignored");
    if (config_find(handover.config, "heap", &value) &&
        !config_heap_mode(&value, &mode))
        config_refuse("heap", &value, "not plain, guard or poison; plain is used");
}

void config_start(void)
{
    struct config_value value;
    enum log_level level;
    if (handover.info.config_status == CONFIG_DEFAULTS)
        log_warn(
            "configuration: both copies on the disk are damaged, defaults are used");
    else if (handover.info.config_status == CONFIG_SECOND_COPY)
        log_warn(
            "configuration: the first copy on the disk is damaged, the second is used");
    if (config_find(handover.config, "log", &value)) {
        if (log_level_find(value.text, value.bytes, &level))
            log_set_level(level);
        else
            config_refuse("log", &value, "no level; error, warn, info or debug");
    }
    config_for_each(handover.config, config_word, NULL);
    config_check_values();
    config_check_quiet_values();
}
