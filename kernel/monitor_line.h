/* SPDX-License-Identifier: MIT
 *
 * The line editor: a pure state machine from typed characters to a line and its echo.
 *
 * Backspace and Delete take a character back, ^U the whole line, ^C gives the line up.
 * Escape sequences (arrow keys), other control characters and what is not ASCII are
 * ignored. What goes beyond the line's room is counted and dropped.
 */
#ifndef PLINTH_KERNEL_MONITOR_LINE_H
#define PLINTH_KERNEL_MONITOR_LINE_H

#include "kernel/monitor.h"

enum line_escape { LINE_PLAIN, LINE_ESCAPE, LINE_SEQUENCE };

struct line {
    char text[MONITOR_LINE_BYTES + 1];
    u32 length;
    u64 dropped;
    enum line_escape escape;
    bool after_return; /* a line feed right after a carriage return is part of it */
};

enum line_event {
    LINE_NOTHING, /* go on typing */
    LINE_DONE,    /* text is a line, NUL-terminated */
    LINE_GIVEN_UP,
};

/* Empties the line for the next one; keeps what a split CR LF needs to know. */
void line_clear(struct line *line);

/* Takes one character. Every change on the screen goes to echo. */
enum line_event line_take(struct line *line, char c,
                          void (*echo)(const char *text, u64 bytes));

#endif
