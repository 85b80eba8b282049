/* SPDX-License-Identifier: MIT
 *
 * The 8259A pair (Intel 8259A data sheet; ICW = initialisation command word, OCW =
 * operation).
 */
#include "drivers/pic.h"
#include "kernel/arch/instr.h"

#define PORT_MASTER_COMMAND 0x20
#define PORT_MASTER_DATA    0x21
#define PORT_SLAVE_COMMAND  0xA0
#define PORT_SLAVE_DATA     0xA1

#define ICW1_START          0x11 /* edge triggered, cascaded, ICW4 follows */
#define ICW3_MASTER         0x04 /* the slave hangs on line 2 */
#define ICW3_SLAVE          0x02
#define ICW4_8086           0x01
#define OCW2_END            0x20
#define OCW3_READ_ISR       0x0B
#define CASCADE_LINE        2
#define SPURIOUS_LINE       7
#define LINES_PER_CHIP      8

static u16 masks = 0xFFFF;
static u64 spurious;

static void masks_write(void)
{
    outb(PORT_MASTER_DATA, (u8)masks);
    outb(PORT_SLAVE_DATA, (u8)(masks >> 8));
}

static void command(u16 port, u8 value)
{
    outb(port, value);
    io_delay();
}

void pic_init(void)
{
    command(PORT_MASTER_DATA, 0xFF);
    command(PORT_SLAVE_DATA, 0xFF);
    command(PORT_MASTER_COMMAND, ICW1_START);
    command(PORT_SLAVE_COMMAND, ICW1_START);
    command(PORT_MASTER_DATA, PIC_VECTOR_FIRST);
    command(PORT_SLAVE_DATA, PIC_VECTOR_FIRST + LINES_PER_CHIP);
    command(PORT_MASTER_DATA, ICW3_MASTER);
    command(PORT_SLAVE_DATA, ICW3_SLAVE);
    command(PORT_MASTER_DATA, ICW4_8086);
    command(PORT_SLAVE_DATA, ICW4_8086);
    masks = 0xFFFF;
    masks_write();
}

void pic_unmask(u32 irq)
{
    u64 flags = irq_save();

    masks &= (u16) ~(1u << irq);
    if (irq >= LINES_PER_CHIP)
        masks &= (u16) ~(1u << CASCADE_LINE);
    masks_write();
    irq_restore(flags);
}

void pic_mask(u32 irq)
{
    u64 flags = irq_save();

    masks |= (u16)(1u << irq);
    if ((masks & 0xFF00) == 0xFF00)
        masks |= 1u << CASCADE_LINE;
    masks_write();
    irq_restore(flags);
}

bool pic_is_masked(u32 irq)
{
    return (masks >> irq & 1) != 0;
}

static u8 service_read(u16 port)
{
    outb(port, OCW3_READ_ISR);
    return inb(port);
}

static bool in_service(u16 port, u32 line)
{
    return (service_read(port) >> line & 1) != 0;
}

u16 pic_in_service(void)
{
    return (u16)(service_read(PORT_MASTER_COMMAND) | service_read(PORT_SLAVE_COMMAND)
                                                         << LINES_PER_CHIP);
}

bool pic_begin(u32 irq)
{
    if (irq == SPURIOUS_LINE && !in_service(PORT_MASTER_COMMAND, SPURIOUS_LINE)) {
        spurious++;
        return false;
    }
    if (irq == LINES_PER_CHIP + SPURIOUS_LINE &&
        !in_service(PORT_SLAVE_COMMAND, SPURIOUS_LINE)) {
        spurious++;
        /* The master did see a real request on its cascade line. */
        outb(PORT_MASTER_COMMAND, OCW2_END);
        return false;
    }
    return true;
}

void pic_end(u32 irq)
{
    if (irq >= LINES_PER_CHIP)
        outb(PORT_SLAVE_COMMAND, OCW2_END);
    outb(PORT_MASTER_COMMAND, OCW2_END);
}

u64 pic_spurious_count(void)
{
    return spurious;
}
