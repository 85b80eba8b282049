/* SPDX-License-Identifier: MIT
 *
 * The line editor.
 */
#include "kernel/monitor_line.h"

#define KEY_CTRL_C    3
#define KEY_BACKSPACE 8
#define KEY_CTRL_U    21
#define KEY_ESCAPE    27
#define KEY_DELETE    127

void line_clear(struct line *line)
{
    line->length = 0;
    line->dropped = 0;
    line->text[0] = '\0';
}

static void erase_one(struct line *line, void (*echo)(const char *text, u64 bytes))
{
    /* What was dropped never was on the screen, and goes first. */
    if (line->dropped != 0) {
        line->dropped--;
    } else if (line->length != 0) {
        line->text[--line->length] = '\0';
        echo("\b \b", 3);
    }
}

/* True when the character belongs to an escape sequence: ESC, or ESC [ parameters
 * final. */
static bool escape_take(struct line *line, char c)
{
    switch (line->escape) {
    case LINE_PLAIN:
        if (c == KEY_ESCAPE)
            line->escape = LINE_ESCAPE;
        return c == KEY_ESCAPE;
    case LINE_ESCAPE:
        line->escape = c == '[' || c == 'O' ? LINE_SEQUENCE : LINE_PLAIN;
        /* A lone Escape before a control character does not swallow it. */
        return c >= ' ';
    case LINE_SEQUENCE:
        if (c >= '@' || c < ' ')
            line->escape = LINE_PLAIN;
        return c >= ' ';
    }
    return false;
}

static void character_add(struct line *line, char c,
                          void (*echo)(const char *text, u64 bytes))
{
    if (line->length == MONITOR_LINE_BYTES) {
        line->dropped++;
        return;
    }
    line->text[line->length++] = c;
    line->text[line->length] = '\0';
    echo(&c, 1);
}

enum line_event line_take(struct line *line, char c,
                          void (*echo)(const char *text, u64 bytes))
{
    bool after_return = line->after_return;

    line->after_return = c == '\r';
    if (escape_take(line, c))
        return LINE_NOTHING;
    switch (c) {
    case '\n':
        if (after_return)
            return LINE_NOTHING;
        echo("\n", 1);
        return LINE_DONE;
    case '\r':
        echo("\n", 1);
        return LINE_DONE;
    case KEY_BACKSPACE:
    case KEY_DELETE:
        erase_one(line, echo);
        return LINE_NOTHING;
    case KEY_CTRL_U:
        line->dropped = 0;
        while (line->length != 0)
            erase_one(line, echo);
        return LINE_NOTHING;
    case KEY_CTRL_C:
        echo("^C\n", 3);
        return LINE_GIVEN_UP;
    default:
        if (c >= ' ' && c <= '~')
            character_add(line, c, echo);
        return LINE_NOTHING;
    }
}
