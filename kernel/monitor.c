/* SPDX-License-Identifier: MIT
 *
 * The monitor's loop, its words and its numbers.
 */
#include "kernel/monitor.h"
#include "kernel/base/config.h"
#include "kernel/base/log.h"
#include "kernel/base/string.h"
#include "kernel/monitor_input.h"
#include "kernel/monitor_line.h"
#include "kernel/monitor_tables.h"

static struct {
    const struct monitor_table *tables;
    u32 count;
} monitor;

const struct monitor_command *monitor_command_at(u32 index)
{
    for (u32 i = 0; i < monitor.count; i++) {
        if (index < monitor.tables[i].count)
            return &monitor.tables[i].commands[index];
        index -= monitor.tables[i].count;
    }
    return NULL;
}

const struct monitor_command *monitor_command_find(const char *name)
{
    const struct monitor_command *command;

    for (u32 i = 0; (command = monitor_command_at(i)) != NULL; i++)
        if (strcmp(command->name, name) == 0)
            return command;
    return NULL;
}

/* Cuts the line at its blanks. Returns the number of words, or one more than fit. */
static u32 words_split(char *line, const char *words[MONITOR_ARGUMENTS_MAX])
{
    u32 count = 0;

    for (;;) {
        while (*line == ' ')
            *line++ = '\0';
        if (*line == '\0')
            return count;
        if (count == MONITOR_ARGUMENTS_MAX)
            return count + 1;
        words[count++] = line;
        while (*line != '\0' && *line != ' ')
            line++;
    }
}

void monitor_execute(char *line)
{
    const char *words[MONITOR_ARGUMENTS_MAX];
    u32 count = words_split(line, words);
    const struct monitor_command *command;

    if (count == 0)
        return;
    command = monitor_command_find(words[0]);
    if (command == NULL)
        log_print("%s: no such command; `help` lists them\n", words[0]);
    else if (count > MONITOR_ARGUMENTS_MAX || count - 1 < command->arguments_least ||
             count - 1 > command->arguments_most)
        log_print("usage: %s%s%s\n", command->name, command->arguments[0] ? " " : "",
                  command->arguments);
    else
        command->run(count, words);
}

void monitor_run(const struct monitor_table *tables, u32 table_count)
{
    static struct line line;

    monitor.tables = tables;
    monitor.count = table_count;
    for (;;) {
        enum line_event event = LINE_NOTHING;

        line_clear(&line);
        log_echo(MONITOR_PROMPT, strlen(MONITOR_PROMPT));
        while (event == LINE_NOTHING)
            event = line_take(&line, monitor_input_wait(), log_echo);
        if (event == LINE_GIVEN_UP)
            continue;
        if (line.dropped != 0)
            log_print("(the line was cut at %u characters, %lu are lost)\n",
                      MONITOR_LINE_BYTES, line.dropped);
        monitor_execute(line.text);
    }
}

bool monitor_parse_number(const char *text, u64 *out)
{
    struct config_value value = {text, strlen(text)};

    return config_parse_u64(&value, out);
}

bool monitor_parse_address(const char *text, u64 *out)
{
    char hex[24] = "0x";
    struct config_value value = {hex, 0};

    if ((text[0] == 'V' || text[0] == 'P') && text[1] == ':')
        text += 2;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        text += 2;
    value.bytes = 2 + strlen(text);
    if (value.bytes == 2 || value.bytes >= sizeof(hex))
        return false;
    memcpy(hex + 2, text, value.bytes - 2);
    return config_parse_u64(&value, out);
}
