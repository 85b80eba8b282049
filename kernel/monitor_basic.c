/* SPDX-License-Identifier: MIT
 *
 * The commands that need nothing but the CPU and the log.
 */
#include "drivers/pic.h"
#include "drivers/pit.h"
#include "drivers/serial.h"
#include "kernel/arch/control.h"
#include "kernel/arch/cpu_features.h"
#include "kernel/arch/exit.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/percpu.h"
#include "kernel/arch/tsc.h"
#include "kernel/base/log.h"
#include "kernel/base/string.h"
#include "kernel/monitor_tables.h"
#include "kernel/recorder_hooks.h"
#include "kernel/trap.h"

#define HELP_COLUMNS 18

static void help_one(const struct monitor_command *command)
{
    u32 width = HELP_COLUMNS - 1 - (u32)MIN(strlen(command->name), HELP_COLUMNS - 1);

    log_print("  %s %-*s %s\n", command->name, (int)width, command->arguments,
              command->help);
}

static void run_help(u32 argc, const char *const argv[])
{
    const struct monitor_command *command;

    if (argc == 1) {
        for (u32 i = 0; (command = monitor_command_at(i)) != NULL; i++)
            help_one(command);
        return;
    }
    command = monitor_command_find(argv[1]);
    if (command == NULL)
        log_print("help: no command %s\n", argv[1]);
    else
        help_one(command);
}

static void cpu_words_print(void)
{
    char words[128];

    control_cr0_words(read_cr0(), words, sizeof(words));
    log_print("  CR0   %016lx %s\n", read_cr0(), words);
    control_cr4_words(read_cr4(), words, sizeof(words));
    log_print("  CR4   %016lx %s\n", read_cr4(), words);
    log_print("  CR3   %016lx  EFER %03lx  PAT %016lx\n", read_cr3(), rdmsr(MSR_EFER),
              rdmsr(MSR_PAT));
}

/* The list of features in lines that fit the screen. */
static void cpu_features_print(const struct cpu_features *features)
{
    u32 column = 0;

    for (u32 i = 0; i < FEATURE_COUNT; i++) {
        const char *name = cpu_feature_name((enum cpu_feature)i);

        if (!cpu_features_has(features, (enum cpu_feature)i))
            continue;
        if (column == 0 || column + 1 + strlen(name) > 78) {
            log_print(column == 0 ? " " : "\n ");
            column = 1;
        }
        log_print(" %s", name);
        column += 1 + (u32)strlen(name);
    }
    log_print("\n");
}

static void run_cpu(u32 argc, const char *const argv[])
{
    const struct cpu_features *features = cpu_features_boot();
    const struct percpu *cpu = percpu();

    (void)argc;
    (void)argv;
    log_print("  CPU %u: %s, family %u model %u stepping %u, %s\n", cpu->index,
              features->vendor, features->family, features->model, features->stepping,
              features->brand[0] == '\0' ? "no brand" : features->brand);
    if (features->hypervisor[0] != '\0')
        log_print("  under %s\n", features->hypervisor);
    log_print("  %u physical, %u virtual address bits; TSC %lu.%03lu MHz by %s\n",
              features->phys_bits, features->virt_bits, tsc_hz() / 1000000,
              tsc_hz() / 1000 % 1000, tsc_source_name(tsc_source_now()));
    cpu_features_print(features);
    cpu_words_print();
    log_print(
        "  %lu exceptions, %lu interrupts (%lu ticks, %lu spurious, %lu unserved)\n",
        cpu->exception_count, cpu->interrupt_count, pit_ticks(), pic_spurious_count(),
        irq_unhandled_count());
    if (serial_lost() != 0)
        log_print("  %lu characters lost on COM1\n", serial_lost());
}

/* Through log_echo: what is shown must not be added to what is being read. */
static void log_show(void)
{
    char text[LOG_LINE_BYTES];
    enum log_level level;
    u64 cursor = 0, bytes;

    while ((bytes = log_read(&cursor, text, sizeof(text), &level)) != 0)
        if (level != LOG_PLAIN)
            log_echo(text, bytes);
}

static void run_log(u32 argc, const char *const argv[])
{
    enum log_level level;

    if (argc == 1)
        log_show();
    else if (log_level_find(argv[1], strlen(argv[1]), &level))
        log_set_level(level);
    else
        log_print("log: %s is none of error, warn, info, debug\n", argv[1]);
}

static void run_reboot(u32 argc, const char *const argv[])
{
    (void)argc;
    (void)argv;
    recorder_end();
    log_print("rebooting\n");
    machine_reset();
}

static void run_halt(u32 argc, const char *const argv[])
{
    (void)argc;
    (void)argv;
    /* Before the words that let somebody reach for the switch. */
    recorder_end();
    log_print("halted; the machine can be switched off\n");
    halt_forever();
}

static const struct monitor_command commands[] = {
    {"help", "[NAME]", "this list, or one line of it", 0, 1, run_help},
    {"cpu", "", "processor, features, control registers, interrupts", 0, 0, run_cpu},
    {"log", "[LEVEL]", "the log so far; with error, warn, info, debug: the level", 0, 1,
     run_log},
    {"reboot", "", "restart the machine", 0, 0, run_reboot},
    {"halt", "", "stop for good", 0, 0, run_halt},
};

const struct monitor_table monitor_basic_table = {commands, ARRAY_COUNT(commands)};
