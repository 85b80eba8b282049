/* SPDX-License-Identifier: MIT
 *
 * The kernel's first high instruction and everything up to the prompt: a flat list, one
 * line a step, each step naming what it needs. Interrupts stay off until the input
 * step.
 */
#include "drivers/port_e9.h"
#include "drivers/serial.h"
#include "drivers/vga_text.h"
#include "kernel/arch/control.h"
#include "kernel/arch/cpu_features.h"
#include "kernel/arch/exit.h"
#include "kernel/arch/gdt.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/percpu.h"
#include "kernel/arch/tsc.h"
#include "kernel/base/assert.h"
#include "kernel/base/break.h"
#include "kernel/base/config.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/base/site.h"
#include "kernel/base/string.h"
#include "kernel/boot/symbols.h"
#include "kernel/config_start.h"
#include "kernel/death.h"
#include "kernel/early/handover.h"
#include "kernel/early/image.h"
#include "kernel/frames_open.h"
#include "kernel/high_check.h"
#include "kernel/init_order.h"
#include "kernel/lastboot.h"
#include "kernel/modules.h"
#include "kernel/monitor.h"
#include "kernel/monitor_input.h"
#include "kernel/monitor_memory.h"
#include "kernel/recorder_hooks.h"
#include "kernel/registers_check.h"
#include "kernel/report.h"
#include "kernel/selftest.h"
#include "kernel/symbols.h"
#include "kernel/trap.h"
#include "mm/audit.h"
#include "mm/heap.h"
#include "mm/kernel_space.h"
#include "mm/kernel_stack.h"
#include "mm/pmm.h"
#include "mm/pmm_fail.h"
#include "mm/ram.h"
#include "mm/tlb.h"

NORETURN void kernel_main(void);

static const struct boot_info *boot_info(void)
{
    return &handover.info;
}

static void pcid_choose(void)
{
    struct config_value value;
    if (config_find(handover.config, "pcid", &value) && config_is(&value, "off"))
        control_pcid_off();
}

/* CPU 0's own block: stacks first, so that no trap ever runs on a stack without a
 * guard. */
static void cpu_start(void)
{
    struct percpu *cpu = &percpu_boot;
    pcid_choose();
    tss_set_ist(cpu, IST_DOUBLE_FAULT, stack_slot_top(STACK_SLOT_DOUBLE_FAULT));
    tss_set_ist(cpu, IST_NMI, stack_slot_top(STACK_SLOT_NMI));
    tss_set_ist(cpu, IST_MACHINE_CHECK, stack_slot_top(STACK_SLOT_MACHINE_CHECK));
    tss_set_ist(cpu, IST_DEBUG, stack_slot_top(STACK_SLOT_DEBUG));
    cpu->death_stack_top = stack_slot_top(STACK_SLOT_DEATH);
    cpu->stack_top = stack_slot_top(STACK_SLOT_BOOT);
    cpu->stack_bottom = cpu->stack_top - STACK_BYTES;
    percpu_init(cpu, 0);
    cpu_features_init();
    control_init();
    gdt_init(cpu);
    high_check_ist(cpu);
    trap_init();
    init_done(INIT_CPU);
}

/* Reads where the kernel was loaded, which the CPU has just translated: only a flush
 * makes this fault. */
static void identity_prove_gone(void)
{
    static struct trap_expectation e;
    e.vector = VECTOR_PAGE_FAULT;
    e.address = handover.info.kernel_phys;
    if (trap_expect_begin(&e))
        (void)*(volatile u8 *)handover.info.kernel_phys;
    trap_expect_end(&e);
    if (!e.seen)
        panic_code(CODE_ID_01, "P:%#lx can still be read as if it were an address",
                   handover.info.kernel_phys);
}

/* The borrowed entry goes, and a walk that still finds the lower half is a death. */
static void identity_drop(void)
{
    init_needs(INIT_HIGH, INIT_RAM);
    init_needs(INIT_HIGH, INIT_CPU);
    u64 *root = phys_to_ptr(phys_make(handover.root_phys));
    high_check_tables();
    registers_check(); /* the first traps: what they need has just been looked at */
    /* One last look through it, so that a forgotten flush would be seen below. */
    (void)*(volatile u8 *)handover.info.kernel_phys;
    root[0] = 0;
    tlb_flush_all();
    for (u32 i = 0; i < TABLE_ENTRIES / 2; i++)
        if (root[i] != 0)
            panic_code(CODE_ID_01,
                       "PML4[%u] of the kernel's tables is %#lx, expected 0", i,
                       root[i]);
    if (read_cr3() != handover.root_phys)
        panic_code(CODE_ID_01, "CR3 is P:%#lx, expected the kernel's tables at P:%#lx",
                   read_cr3(), handover.root_phys);
    identity_prove_gone();
    for (u32 i = TABLE_ENTRIES / 2; i < TABLE_ENTRIES; i++)
        handover.upper_half[i - TABLE_ENTRIES / 2] = root[i];
    init_done(INIT_HIGH);
    milestone_reach(MILESTONE_IDENTITY_GONE);
    BREAK(IDENTITY_GONE);
}

static void ram_start(void)
{
    init_needs(INIT_RAM, INIT_CPU);
    ram_init(&handover.map);
    ram_numbers_prove();
    init_done(INIT_RAM);
}

static void frames_start(void)
{
    init_needs(INIT_FRAMES, INIT_RAM);
    frames_open();
    init_done(INIT_FRAMES);
    milestone_reach(MILESTONE_FRAMES);
}

/* Frames are there, nothing else needs the processor yet. */
static void page_ops_start(void)
{
    init_needs(INIT_PAGE_OPS, INIT_FRAMES);
    page_ops_choose();
    init_done(INIT_PAGE_OPS);
}

static void space_start(void)
{
    init_needs(INIT_SPACE, INIT_FRAMES);
    kernel_space_init(phys_make(handover.root_phys));
    kernel_stack_init();
    enum status status = screen_map();
    if (status != STATUS_OK)
        log_warn("text screen: its mapping is not as it should be (%s)",
                 status_name(status));
    recorder_claim();
    init_done(INIT_SPACE);
}

/* What a death needs, before anything that can die: kernel/early has mapped the
 * screen, the ports need nothing. */
static void console_start(void)
{
    if (serial_init())
        log_sink_add(&serial_sink);
    if (port_e9_is_present())
        log_sink_add(&port_e9_sink);
    vga_text_init((volatile u16 *)VGA_TEXT_VIRT);
    log_sink_add(&vga_text_sink);
    death_init();
    death_set_exit(config_flag(handover.config, "exit"));
    init_done(INIT_CONSOLE);
}

/* As many digits of a build id as tell builds apart, in the order of other tools. */
static u64 id_begin(const u8 *id)
{
    u64 word;
    memcpy(&word, id, sizeof(word));
    return __builtin_bswap64(word);
}

static void symbols_start(void)
{
    init_needs(INIT_SYMBOLS, INIT_RAM);
    const struct boot_info *info = boot_info();
    const void *blob = info->symbols_bytes ? phys_to_ptr(phys_make(info->symbols_phys))
                                           : NULL;
    enum status status = symbols_init(blob, info->symbols_bytes, handover.image_virt,
                                      build_id_note + 16);
    if (info->symbols_bytes == 0)
        log_warn("no function names: the image carries no symbols");
    else if (status == STATUS_NOT_FOUND)
        log_warn("no function names: the symbols are of another build, with build id "
                 "%016lx..., the kernel has %016lx...",
                 id_begin(((const struct symbols_head *)blob)->build_id),
                 id_begin(build_id_note + 16));
    else if (status != STATUS_OK)
        log_warn("no function names: the symbols are damaged");
    site_set_namer(symbol_text);
    init_done(INIT_SYMBOLS);
}

static void time_start(void)
{
    init_needs(INIT_TIME, INIT_CPU);
    tsc_init();
    log_set_clock(tsc_hz());
    init_done(INIT_TIME);
}

/* Nothing points into the loader's memory any more: boot_info was copied, its tables
 * are dead. */
static void heap_start(void)
{
    struct config_value value;
    enum heap_mode mode = HEAP_PLAIN;
    init_needs(INIT_HEAP, INIT_FRAMES);
    init_needs(INIT_HEAP, INIT_SPACE);
    init_needs(INIT_HEAP, INIT_HIGH);
    pmm_loader_reclaim();
    if (config_find(handover.config, "heap", &value))
        (void)config_heap_mode(&value, &mode);
    heap_init(mode);
    init_done(INIT_HEAP);
    milestone_reach(MILESTONE_HEAP);
    BREAK(HEAP);
}

/* What the auditor cannot find out by walking: what was frozen and what is read-only. */
static void audit_start(void)
{
    static struct audit_facts facts;
    init_needs(INIT_AUDIT, INIT_HEAP);
    facts = (struct audit_facts){
        .upper_half = handover.upper_half,
        .image_virt = handover.image_virt,
        .image_phys = boot_info()->kernel_phys,
        .image_bytes = boot_info()->kernel_bytes,
        .rodata_offset = image_offset(rodata_begin),
        .data_offset = image_offset(data_begin),
        .payload_phys = boot_info()->kernel_phys + boot_info()->kernel_bytes,
        .payload_end = boot_info()->payload_end,
    };
    audit_init(&facts);
    init_done(INIT_AUDIT);
}

static void input_start(void)
{
    init_needs(INIT_INPUT, INIT_CPU);
    init_needs(INIT_INPUT, INIT_CONSOLE);
    monitor_input_init();
    init_done(INIT_INPUT);
}

/* The N-th request for memory from here on fails. */
static void failure_order(void)
{
    struct config_value value;
    u64 n;
    if (!config_find(handover.config, "fail", &value))
        return;
    if (config_parse_u64(&value, &n) && n != 0)
        pmm_fail_after(n);
    else
        log_warn("configuration: fail=%.*s is no number above 0; ignored",
                 (int)MIN(value.bytes, 60UL), value.text);
}

/* Tests named by the configuration; leaves the emulator when told to. */
static void tests_run(void)
{
    struct config_value choice;
    u64 nonce = 0;
    bool good = true;
    bool asked = config_find(handover.config, "test", &choice);
    config_u64(handover.config, "nonce", &nonce);
    if (asked)
        good = selftest_run(&choice, nonce);
    if (config_find(handover.config, "report", &choice) && config_is(&choice, "json"))
        report_json();
    if (asked && config_flag(handover.config, "exit")) {
        audit_or_die(AUDIT_FULL, "before the exit", NULL);
        serial_drain();
        recorder_end();
        emulator_exit(good);
    }
}

NORETURN void kernel_main(void)
{
    static struct monitor_table tables[3];
    milestone_reach(MILESTONE_MOVED);
    BREAK(MOVED);
    recorder_start();
    console_start();
    high_check_stack(__builtin_frame_address(0));
    cpu_start();
    ram_start();
    identity_drop();
    symbols_start();
    milestone_reach(MILESTONE_TRAPS);
    lastboot_report();
    config_start();
    frames_start();
    page_ops_start();
    space_start();
    time_start();
    modules_init();
    heap_start();
    audit_start();
    input_start();
    log_info("Plinth is up: %lu MiB of RAM, image at V:%#lx", ram_bytes() >> 20,
             handover.image_virt);
    report_boot();
    milestone_reach(MILESTONE_REPORT);
    failure_order();
    tests_run();
    milestone_reach(MILESTONE_PROMPT);
    BREAK(PROMPT);
    tables[0] = monitor_basic_table;
    tables[1] = monitor_memory_table;
    tables[2] = lastboot_table;
    monitor_run(tables, ARRAY_COUNT(tables));
}
