/* SPDX-License-Identifier: MIT
 *
 * VGA text mode. The cursor is at "where the next character goes"; a line end at the
 * bottom scrolls only when another character follows, so that 25 lines fit 25 rows.
 */
#include "drivers/vga_text.h"
#include "kernel/arch/instr.h"
#include "kernel/base/string.h"

#define PORT_CRTC_INDEX  0x3D4
#define PORT_CRTC_DATA   0x3D5
#define CRTC_START_HIGH  0x0C
#define CRTC_START_LOW   0x0D
#define CRTC_CURSOR_HIGH 0x0E
#define CRTC_CURSOR_LOW  0x0F

#define CELLS            (VGA_COLUMNS * VGA_ROWS)
#define CELLS_PER_WORD   4
#define TAB_COLUMNS      8

#define COLOUR_GREY      0x0700
#define COLOUR_WHITE     0x0F00
#define COLOUR_DARK      0x0800
#define COLOUR_RED       0x0C00
#define COLOUR_YELLOW    0x0E00

static struct {
    volatile u64 *screen;
    u32 column;
    u32 row;
    u16 colour;
    u64 cells[CELLS / CELLS_PER_WORD]; /* what is on the screen */
    u64 next[CELLS / CELLS_PER_WORD];  /* what shall be there */
} vga;

static u8 crtc_read(u8 index)
{
    outb(PORT_CRTC_INDEX, index);
    return inb(PORT_CRTC_DATA);
}

static void crtc_write(u8 index, u8 value)
{
    outb(PORT_CRTC_INDEX, index);
    outb(PORT_CRTC_DATA, value);
}

static u16 colour_of(enum log_level level)
{
    switch (level) {
    case LOG_PLAIN:
        return COLOUR_WHITE;
    case LOG_ERROR:
        return COLOUR_RED;
    case LOG_WARN:
        return COLOUR_YELLOW;
    case LOG_INFO:
        return COLOUR_GREY;
    case LOG_DEBUG:
        return COLOUR_DARK;
    }
    return COLOUR_GREY;
}

static u16 *cell_at(u32 row, u32 column)
{
    return (u16 *)(void *)vga.next + row * VGA_COLUMNS + column;
}

static void row_clear(u32 row)
{
    for (u32 column = 0; column < VGA_COLUMNS; column++)
        *cell_at(row, column) = COLOUR_GREY | ' ';
}

static void scroll(void)
{
    memmove(cell_at(0, 0), cell_at(1, 0), (VGA_ROWS - 1) * VGA_COLUMNS * 2);
    row_clear(VGA_ROWS - 1);
    vga.row = VGA_ROWS - 1;
}

static void cell_put(u8 byte)
{
    if (vga.column == VGA_COLUMNS) {
        vga.column = 0;
        vga.row++;
    }
    if (vga.row == VGA_ROWS)
        scroll();
    *cell_at(vga.row, vga.column++) = vga.colour | byte;
}

static void character_put(char c)
{
    switch (c) {
    case '\n':
        /* Two line ends in a row at the bottom: the first is still owed. */
        if (vga.row == VGA_ROWS)
            scroll();
        vga.column = 0;
        vga.row++;
        break;
    case '\r':
        vga.column = 0;
        break;
    case '\b':
        if (vga.column != 0)
            vga.column--;
        break;
    case '\t':
        do
            cell_put(' ');
        while (vga.column % TAB_COLUMNS != 0);
        break;
    case '\a':
        break;
    default:
        /* Code page 437 beyond ASCII is nobody's text here. */
        cell_put(c >= ' ' && c <= '~' ? (u8)c : '?');
    }
}

static void screen_update(void)
{
    /* A line end that is owed at the bottom leaves the cursor in the last cell. */
    u32 cursor = MIN(vga.row * VGA_COLUMNS + vga.column, CELLS - 1);

    for (u32 i = 0; i < ARRAY_COUNT(vga.cells); i++) {
        if (vga.cells[i] != vga.next[i]) {
            vga.cells[i] = vga.next[i];
            vga.screen[i] = vga.next[i];
        }
    }
    crtc_write(CRTC_CURSOR_HIGH, (u8)(cursor >> 8));
    crtc_write(CRTC_CURSOR_LOW, (u8)cursor);
}

static void sink_write(enum log_level level, const char *text, u64 bytes)
{
    if (vga.screen == NULL)
        return;
    vga.colour = colour_of(level);
    for (u64 i = 0; i < bytes; i++)
        character_put(text[i]);
    screen_update();
}

const struct log_sink vga_text_sink = {"vga", LOG_INFO, sink_write};

void vga_text_init(volatile u16 *buffer)
{
    u32 cursor = (u32)crtc_read(CRTC_CURSOR_HIGH) << 8 | crtc_read(CRTC_CURSOR_LOW);

    crtc_write(CRTC_START_HIGH, 0);
    crtc_write(CRTC_START_LOW, 0);
    vga.screen = (volatile u64 *)(volatile void *)buffer;
    for (u32 i = 0; i < ARRAY_COUNT(vga.cells); i++)
        vga.next[i] = vga.cells[i] = vga.screen[i];
    /* A cursor off the screen is hidden or rubbish: begin at the bottom and keep the
     * most. */
    vga.row = cursor < CELLS ? cursor / VGA_COLUMNS : VGA_ROWS;
    vga.column = cursor < CELLS ? cursor % VGA_COLUMNS : 0;
    if (vga.column != 0) {
        vga.column = 0;
        vga.row++;
    }
}
