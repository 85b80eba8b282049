/* SPDX-License-Identifier: MIT
 *
 * TSC calibration. The PIT's channel 2 counts down from FFFFh at 1.193182 MHz with its
 * gate on and the speaker off; the counter is latched and read at both ends of the
 * window, each reading between two stamps, so that the length of the window is known to
 * the length of one reading.
 */
#include "kernel/arch/tsc.h"
#include "kernel/arch/cpu_features.h"
#include "kernel/arch/instr.h"

#define PIT_HZ           1193182
#define PORT_PIT_2       0x42
#define PORT_PIT_COMMAND 0x43
#define PORT_SYSTEM_B    0x61
#define SYSTEM_B_GATE    0x01
#define SYSTEM_B_SPEAKER 0x02
#define PIT_2_MODE_0     0xB0 /* channel 2, low then high byte, mode 0, binary */
#define PIT_2_LATCH      0x80

#define WINDOW_PIT_TICKS 1200
#define READINGS         3
/* A PIT that does not count is given up after so many ticks of the TSC: 10 ms of the
 * slowest CPU in question; after so many readings should the TSC stand still as well.
 */
#define POLL_TICKS_MAX   10000000
#define POLLS_MAX        100000

/* Emulators that count instructions as ticks are slow. */
#define HZ_LEAST         1000000UL
#define HZ_MOST          20000000000UL
#define HZ_GUESS         1000000000UL

static u64 hz_now = HZ_GUESS;
static enum tsc_source source_now = TSC_GUESS;

/* One reading of the counter and the stamp in its middle. */
struct reading {
    u64 tsc;
    u64 width;
    u16 count;
};

static struct reading reading_take(void)
{
    struct reading reading;
    u64 before = rdtsc();

    outb(PORT_PIT_COMMAND, PIT_2_LATCH);
    reading.width = rdtsc() - before;
    reading.tsc = before + reading.width / 2;
    reading.count = inb(PORT_PIT_2);
    reading.count = (u16)(reading.count | inb(PORT_PIT_2) << 8);
    return reading;
}

/* The one of some readings that was interrupted least, by an SMI or a hypervisor for
 * example. */
static struct reading reading_best(void)
{
    struct reading best = reading_take();

    for (u32 i = 1; i < READINGS; i++) {
        struct reading next = reading_take();

        if (next.width <= best.width)
            best = next;
    }
    return best;
}

static u64 window_measure(void)
{
    struct reading first = reading_best(), now;
    u64 ticks;

    for (u32 polls = 0;; polls++) {
        now = reading_take();
        if ((u16)(first.count - now.count) >= WINDOW_PIT_TICKS)
            break;
        if (polls == POLLS_MAX || now.tsc - first.tsc > POLL_TICKS_MAX)
            return 0;
    }
    now = reading_best();
    ticks = (u16)(first.count - now.count);
    return (now.tsc - first.tsc) * PIT_HZ / ticks;
}

static u64 hz_of_pit(void)
{
    u8 port = inb(PORT_SYSTEM_B);
    u64 hz;

    outb(PORT_SYSTEM_B, (u8)((port & ~SYSTEM_B_SPEAKER) | SYSTEM_B_GATE));
    outb(PORT_PIT_COMMAND, PIT_2_MODE_0);
    outb(PORT_PIT_2, 0xFF);
    outb(PORT_PIT_2, 0xFF);
    /* The count is taken over with the next clock of the chip. */
    for (u32 i = 0; i < 4; i++)
        io_delay();
    hz = window_measure();
    outb(PORT_SYSTEM_B, port & (SYSTEM_B_GATE | SYSTEM_B_SPEAKER));
    return hz;
}

static bool is_sane(u64 hz)
{
    return hz >= HZ_LEAST && hz <= HZ_MOST;
}

/* Crystal times ratio, SDM vol. 3B, 19.7.3; 0 when the CPU does not say all three. */
static u64 hz_of_leaf_15(void)
{
    struct cpuid_result r;

    if (cpu_features_boot()->max_basic < 0x15)
        return 0;
    r = cpuid(0x15, 0);
    return r.eax == 0 ? 0 : (u64)r.ecx * r.ebx / r.eax;
}

/* The base frequency in MHz, which is the TSC's on the CPUs that have this leaf. */
static u64 hz_of_leaf_16(void)
{
    if (cpu_features_boot()->max_basic < 0x16)
        return 0;
    return (u64)(cpuid(0x16, 0).eax & 0xFFFF) * 1000000;
}

static bool agree(u64 a, u64 b)
{
    u64 difference = a > b ? a - b : b - a;

    return difference < a / 100;
}

void tsc_init(void)
{
    u64 pit = hz_of_pit(), exact = hz_of_leaf_15(), base = hz_of_leaf_16();

    if (is_sane(exact) && (!is_sane(pit) || agree(exact, pit))) {
        hz_now = exact;
        source_now = TSC_CPUID_15;
    } else if (is_sane(pit)) {
        hz_now = pit;
        source_now = TSC_PIT;
    } else if (is_sane(base)) {
        hz_now = base;
        source_now = TSC_CPUID_16;
    }
}

u64 tsc_hz(void)
{
    return hz_now;
}

enum tsc_source tsc_source_now(void)
{
    return source_now;
}

const char *tsc_source_name(enum tsc_source source)
{
    switch (source) {
    case TSC_PIT:
        return "PIT";
    case TSC_CPUID_15:
        return "CPUID 15h";
    case TSC_CPUID_16:
        return "CPUID 16h";
    case TSC_GUESS:
        break;
    }
    return "a guess";
}

u64 tsc_to_ns(u64 ticks)
{
    u64 seconds = ticks / hz_now, rest = ticks % hz_now;

    if (seconds >= ~(u64)0 / 1000000000)
        return ~(u64)0;
    /* rest is below 2^35, so the product needs the scale halved twice for the fastest
     * CPUs. */
    return seconds * 1000000000 + (rest >> 2) * 1000000000 / (hz_now >> 2);
}

void tsc_wait_us(u64 microseconds)
{
    u64 begin = rdtsc();
    u64 ticks = hz_now / 1000000 * microseconds;

    while (rdtsc() - begin < ticks)
        cpu_pause();
}
