/* SPDX-License-Identifier: MIT
 *
 * 8042 and PS/2 keyboard.
 */
#include "drivers/i8042.h"
#include "kernel/arch/instr.h"

#define PORT_DATA            0x60
#define PORT_STATUS          0x64 /* read */
#define PORT_COMMAND         0x64 /* write */
#define STATUS_OUTPUT_FULL   0x01
#define STATUS_INPUT_FULL    0x02
#define STATUS_FROM_MOUSE    0x20
#define STATUS_ABSENT        0xFF

#define COMMAND_READ_CONFIG  0x20
#define COMMAND_WRITE_CONFIG 0x60
#define COMMAND_MOUSE_OFF    0xA7
#define COMMAND_KEYBOARD_OFF 0xAD
#define COMMAND_KEYBOARD_ON  0xAE
#define CONFIG_KEYBOARD_IRQ  0x01
#define CONFIG_MOUSE_IRQ     0x02
#define CONFIG_KEYBOARD_LOCK 0x10
#define CONFIG_MOUSE_LOCK    0x20
#define CONFIG_TRANSLATE     0x40

#define WAITS_MAX            20000
#define FLUSH_MAX            32
#define RING_BYTES           64

#define SCAN_RELEASE         0x80
#define SCAN_EXTENDED        0xE0
#define SCAN_PAUSE           0xE1 /* five more bytes follow */
#define SCAN_LSHIFT          0x2A
#define SCAN_RSHIFT          0x36
#define SCAN_CTRL            0x1D
#define SCAN_CAPS            0x3A
#define SCAN_ENTER           0x1C
#define SCAN_SLASH           0x35
#define KEYS                 0x3A

static const char plain[KEYS + 1] =
    "\0\0001234567890-=\b\tqwertyuiop[]\n\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";
static const char shifted[KEYS + 1] =
    "\0\0!@#$%^&*()_+\b\tQWERTYUIOP{}\n\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

static struct {
    bool present;
    bool shift, ctrl, caps;
    bool extended;
    u8 skip; /* bytes of a Pause sequence still to come */
    char ring[RING_BYTES];
    u32 head, tail;
} keyboard;

static bool input_ready(void)
{
    for (u32 i = 0; i < WAITS_MAX; i++)
        if ((inb(PORT_STATUS) & STATUS_INPUT_FULL) == 0)
            return true;
    return false;
}

static bool command_send(u8 command)
{
    if (!input_ready())
        return false;
    outb(PORT_COMMAND, command);
    return true;
}

static bool data_send(u8 data)
{
    if (!input_ready())
        return false;
    outb(PORT_DATA, data);
    return true;
}

static bool data_receive(u8 *out)
{
    for (u32 i = 0; i < WAITS_MAX; i++) {
        if (inb(PORT_STATUS) & STATUS_OUTPUT_FULL) {
            *out = inb(PORT_DATA);
            return true;
        }
    }
    return false;
}

static void output_flush(void)
{
    for (u32 i = 0; i < FLUSH_MAX && (inb(PORT_STATUS) & STATUS_OUTPUT_FULL); i++) {
        (void)inb(PORT_DATA);
        io_delay();
    }
}

/* The keyboard itself is left as the firmware set it up: a reset of it takes half a
 * second and breaks the emulation of USB keyboards by some firmwares. */
static bool controller_setup(void)
{
    u8 config;

    if (!command_send(COMMAND_KEYBOARD_OFF) || !command_send(COMMAND_MOUSE_OFF))
        return false;
    output_flush();
    if (!command_send(COMMAND_READ_CONFIG) || !data_receive(&config))
        return false;
    config |= CONFIG_KEYBOARD_IRQ | CONFIG_TRANSLATE | CONFIG_MOUSE_LOCK;
    config &= (u8) ~(CONFIG_MOUSE_IRQ | CONFIG_KEYBOARD_LOCK);
    return command_send(COMMAND_WRITE_CONFIG) && data_send(config) &&
           command_send(COMMAND_KEYBOARD_ON);
}

bool i8042_init(void)
{
    if (inb(PORT_STATUS) == STATUS_ABSENT)
        return false;
    keyboard.present = controller_setup();
    return keyboard.present;
}

bool i8042_is_present(void)
{
    return keyboard.present;
}

static void ring_put(char c)
{
    if (keyboard.head - keyboard.tail < RING_BYTES)
        keyboard.ring[keyboard.head++ % RING_BYTES] = c;
}

static char character_of(u8 key)
{
    char c = keyboard.shift ? shifted[key] : plain[key];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

    if (keyboard.ctrl)
        return letter ? (char)(c & 0x1F) : '\0';
    if (keyboard.caps && letter)
        return (char)(c ^ 0x20);
    return c;
}

/* True when the key is one that changes what others mean. */
static bool modifier_take(u8 key, bool pressed)
{
    if (key == SCAN_CTRL) {
        keyboard.ctrl = pressed;
        return true;
    }
    if ((key == SCAN_LSHIFT || key == SCAN_RSHIFT) && !keyboard.extended) {
        keyboard.shift = pressed;
        return true;
    }
    if (key == SCAN_CAPS) {
        keyboard.caps ^= pressed;
        return true;
    }
    return false;
}

static void scan_take(u8 scan)
{
    u8 key = scan & (u8)~SCAN_RELEASE;
    bool pressed = (scan & SCAN_RELEASE) == 0;
    char c;

    if (keyboard.skip != 0) {
        keyboard.skip--;
        return;
    }
    if (scan == SCAN_PAUSE) {
        keyboard.skip = 5;
        return;
    }
    if (scan == SCAN_EXTENDED) {
        keyboard.extended = true;
        return;
    }
    if (!modifier_take(key, pressed) && pressed && key < KEYS) {
        /* Of the extended keys only the keypad's Enter and slash are characters. */
        c = !keyboard.extended || key == SCAN_ENTER || key == SCAN_SLASH
                ? character_of(key)
                : '\0';
        if (c != '\0')
            ring_put(c);
    }
    keyboard.extended = false;
}

void i8042_irq(void)
{
    for (u32 i = 0; i < FLUSH_MAX; i++) {
        u8 status = inb(PORT_STATUS);

        if ((status & STATUS_OUTPUT_FULL) == 0 || status == STATUS_ABSENT)
            return;
        if (status & STATUS_FROM_MOUSE)
            (void)inb(PORT_DATA);
        else
            scan_take(inb(PORT_DATA));
    }
}

int i8042_poll(void)
{
    u64 flags;
    int c = -1;

    if (!keyboard.present)
        return -1;
    flags = irq_save();
    i8042_irq();
    if (keyboard.head != keyboard.tail)
        c = keyboard.ring[keyboard.tail++ % RING_BYTES];
    irq_restore(flags);
    return c;
}
