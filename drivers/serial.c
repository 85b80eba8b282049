/* SPDX-License-Identifier: MIT
 *
 * The 16550 UART (National Semiconductor PC16550D data sheet).
 */
#include "drivers/serial.h"
#include "kernel/arch/instr.h"
#include "kernel/boot/layout.h"

/* Registers */
#define UART_DATA      0
#define UART_DIVISOR   0 /* with LCR_DLAB: low byte; high byte one further */
#define UART_IER       1
#define UART_FCR       2 /* write */
#define UART_IIR       2 /* read */
#define UART_LCR       3
#define UART_MCR       4
#define UART_LSR       5
#define UART_SCRATCH   7

#define IER_RECEIVED   0x01
#define FCR_ENABLE     0x07 /* FIFOs on and cleared, interrupt at one character */
#define IIR_FIFO_ON    0xC0
#define LCR_8N1        0x03
#define LCR_DLAB       0x80
#define MCR_DTR_RTS    0x03
#define MCR_OUT2       0x08 /* on a PC: lets the interrupt through */
#define MCR_LOOP_TEST  0x1E
#define LSR_RECEIVED   0x01
#define LSR_OVERRUN    0x02
#define LSR_THR_EMPTY  0x20
#define LSR_IDLE       0x40 /* FIFO and shift register empty */

#define DIVISOR_115200 1
#define FIFO_BYTES     16
/* One read of a port takes about a microsecond on old buses; a character takes 87. */
#define WAITS_MAX      50000
#define LOOP_WAITS_MAX 2000
#define RING_BYTES     2048

static struct {
    bool present;
    bool stuck; /* the transmitter did not become empty in time, at the last try */
    bool fifo;
    bool irq_wanted;
    u8 ring[RING_BYTES];
    u32 head, tail;
    u64 lost;
} serial;

static u8 uart_read(u16 reg)
{
    return inb(PORT_COM1 + reg);
}

static void uart_write(u16 reg, u8 value)
{
    outb(PORT_COM1 + reg, value);
}

static bool scratch_holds(u8 value)
{
    uart_write(UART_SCRATCH, value);
    return uart_read(UART_SCRATCH) == value;
}

/* In loop-back a sent byte must come back as it went, which no empty bus does. */
static bool loop_back_works(void)
{
    u8 sent = 0xAE;
    bool came_back = false;

    uart_write(UART_MCR, MCR_LOOP_TEST);
    uart_write(UART_DATA, sent);
    for (u32 i = 0; i < LOOP_WAITS_MAX && !came_back; i++)
        came_back = (uart_read(UART_LSR) & LSR_RECEIVED) != 0;
    return came_back && uart_read(UART_DATA) == sent;
}

/* What the loader sent may still be on its way; changing the speed under it would
 * garble it. */
static void transmitter_drain(void)
{
    for (u32 i = 0; i < WAITS_MAX; i++)
        if (uart_read(UART_LSR) & LSR_IDLE)
            return;
}

bool serial_init(void)
{
    if (!scratch_holds(0x5A) || !scratch_holds(0xA5))
        return false;
    transmitter_drain();
    uart_write(UART_IER, 0);
    uart_write(UART_LCR, LCR_DLAB);
    uart_write(UART_DIVISOR, DIVISOR_115200);
    uart_write(UART_DIVISOR + 1, 0);
    uart_write(UART_LCR, LCR_8N1);
    uart_write(UART_FCR, FCR_ENABLE);
    serial.present = loop_back_works();
    uart_write(UART_MCR, MCR_DTR_RTS | MCR_OUT2);
    serial.fifo = (uart_read(UART_IIR) & IIR_FIFO_ON) == IIR_FIFO_ON;
    return serial.present;
}

bool serial_is_present(void)
{
    return serial.present;
}

/* How many bytes the chip takes now without being asked again; 0: it hangs. */
static u32 transmitter_room(void)
{
    for (u32 i = 0; i < WAITS_MAX; i++)
        if (uart_read(UART_LSR) & LSR_THR_EMPTY)
            return serial.fifo ? FIFO_BYTES : 1;
    return 0;
}

static void put(u8 byte, u32 *room)
{
    if (*room == 0) {
        *room = transmitter_room();
        if (*room == 0) {
            serial.stuck = true;
            return;
        }
    }
    uart_write(UART_DATA, byte);
    --*room;
}

void serial_write(const char *text, u64 bytes)
{
    u32 room = 0;

    if (!serial.present)
        return;
    /* The other side may have held the line for a while: one look costs nothing, and what
     * was written meanwhile is lost, not waited for. */
    if (serial.stuck && !(uart_read(UART_LSR) & LSR_THR_EMPTY))
        return;
    serial.stuck = false;
    for (u64 i = 0; i < bytes && !serial.stuck; i++) {
        if (text[i] == '\n')
            put('\r', &room);
        if (!serial.stuck)
            put((u8)text[i], &room);
    }
}

void serial_drain(void)
{
    if (!serial.present || serial.stuck)
        return;
    for (u32 i = 0; i < WAITS_MAX && !(uart_read(UART_LSR) & LSR_IDLE); i++)
        continue;
}

static void sink_write(enum log_level level, const char *text, u64 bytes)
{
    (void)level;
    serial_write(text, bytes);
}

const struct log_sink serial_sink = {"serial", LOG_DEBUG, sink_write};

static bool ring_is_full(void)
{
    return serial.head - serial.tail == RING_BYTES;
}

/* Takes what the chip has, as far as there is room; the rest waits in the chip, and
 * whoever sends is held up where the line knows how to. */
static void chip_drain(void)
{
    /* Bounded: a chip that claims input for ever must not hold the CPU. */
    for (u32 i = 0; i < RING_BYTES && !ring_is_full(); i++) {
        u8 status = uart_read(UART_LSR);

        if ((status & LSR_RECEIVED) == 0 || status == 0xFF)
            return;
        if (status & LSR_OVERRUN)
            serial.lost++;
        serial.ring[serial.head++ % RING_BYTES] = uart_read(UART_DATA);
    }
}

void serial_irq(void)
{
    chip_drain();
    /* The chip would go on asking for what cannot be taken now. */
    if (ring_is_full())
        uart_write(UART_IER, 0);
}

void serial_irq_enable(void)
{
    serial.irq_wanted = serial.present;
    if (serial.present)
        uart_write(UART_IER, IER_RECEIVED);
}

int serial_poll(void)
{
    u64 flags;
    int byte = -1;

    if (!serial.present)
        return -1;
    flags = irq_save();
    if (ring_is_full() && serial.irq_wanted) {
        byte = serial.ring[serial.tail++ % RING_BYTES];
        uart_write(UART_IER, IER_RECEIVED);
    }
    chip_drain();
    if (byte < 0 && serial.head != serial.tail)
        byte = serial.ring[serial.tail++ % RING_BYTES];
    irq_restore(flags);
    return byte;
}

u64 serial_lost(void)
{
    return serial.lost;
}
