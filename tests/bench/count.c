/* SPDX-License-Identifier: MIT
 *
 * A QEMU TCG plugin that counts guest instructions between stations, Plinth's own and
 * the firmware's. counter.py builds, steers and reads it. Plugin API version 1 (QEMU 6.1
 * to 8.2); distributions rarely ship the header: what is used of it is declared here.
 *
 *   out=FILE                 where results go, one tab-separated line each
 *   start=ADDR               counting begins when this instruction is first executed
 *   at=NAME:ADDR             a station: the first execution of the instruction at ADDR
 *   end=NAME:ADDR            the last station; writes the profile as well
 *   stamp=FIRST:END:TABLE:N  the first store by code in FIRST..END to slot i of a table
 *                            of N 64-bit slots is station "milestone i"
 *   wait=FIRST:END           code that only waits for a clock; counted apart
 *   fault=ENTRY:FIRST:END    a fault: from the instruction at ENTRY to an IRETQ in
 *                            FIRST..END
 *   zero=FIRST:END           the part of a fault that is told apart
 *
 *   station NAME own own-repeats own-waiting firmware firmware-repeats
 *                            executed before the instruction of an `at` or `end`
 *                            station, or up to the store of a milestone, included
 *   fault INSTRUCTIONS OF-IT-ZEROING       with the stub and the IRETQ
 *   pc ADDR EXECUTIONS                     own code only, behind the last station
 *
 * TCG executes a REP instruction once an element and once more to see the count at 0.
 * That is what is counted; "repeats" are the executions after the first, so that both
 * conventions can be told. An instruction that faults and is done again counts twice.
 * One CPU only.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- from QEMU's documented plugin API, version 1 --- */
typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_W = 2 };
void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
    void (*callback)(qemu_plugin_id_t id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
    void (*callback)(unsigned cpu, void *data), enum qemu_plugin_cb_flags flags,
    void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
    void (*callback)(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t address,
                     void *data),
    enum qemu_plugin_cb_flags flags, enum qemu_plugin_mem_rw rw, void *data);
void qemu_plugin_register_atexit_cb(qemu_plugin_id_t id,
    void (*callback)(qemu_plugin_id_t id, void *data), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb,
                                                 size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
                               char **argv);

/* Firmware runs between the end of conventional memory and 1 MiB, and in the ROM at the
 * top of 4 GiB. It runs elsewhere too before the first instruction at 7C00h. */
#define LOW_ROM_BEGIN  0x000A0000
#define LOW_ROM_END    0x00100000
#define HIGH_ROM_BEGIN 0xFFC00000
#define HIGH_ROM_END   0x100000000

#define NAME_BYTES   48
#define STATIONS_MAX 32
#define STAMPS_MAX   4
#define WAITS_MAX    64
#define SLOTS_MAX    64

enum who { OWN, FIRMWARE, WHO_COUNT };

/* One instruction address. */
struct site {
    uint64_t pc, count;
    enum who who;
    bool repeats, starts, enters_fault, leaves_fault, zeroes, waits;
    struct station *station;
};

struct station {
    char name[NAME_BYTES];
    uint64_t pc;
    bool passed, last;
};

struct stamp {
    uint64_t first, end, table, slots;
};

struct range {
    uint64_t first, end;
};

static FILE *out;
static bool started;
static uint64_t start_pc, fault_entry = UINT64_MAX;
static struct range fault_code, zero_code, wait_code[WAITS_MAX];
static struct station stations[STATIONS_MAX];
static struct stamp stamps[STAMPS_MAX];
static unsigned station_count, stamp_count, wait_count;
static bool slots_passed[SLOTS_MAX];

static uint64_t executed[WHO_COUNT], repeated[WHO_COUNT], waited, zeroing;
static struct { const struct site *site; uint64_t at; } last_repeat[WHO_COUNT];
static struct { bool open; uint64_t at, zeroing_at; } fault;

/* --- the table of sites: open addressing, grows by doubling, entries never move --- */
static struct site **sites;
static size_t sites_room, sites_used;

static bool in_range(const struct range *range, uint64_t pc)
{
    return pc >= range->first && pc < range->end;
}

static size_t slot_of(uint64_t pc)
{
    size_t slot = (pc * 0x9E3779B97F4A7C15) >> 20 & (sites_room - 1);
    while (sites[slot] && sites[slot]->pc != pc)
        slot = (slot + 1) & (sites_room - 1);
    return slot;
}

static void *zeroed(size_t count, size_t bytes)
{
    void *memory = calloc(count, bytes);
    if (!memory) {
        fprintf(stderr, "count: out of memory\n");
        abort();
    }
    return memory;
}

static void sites_grow(void)
{
    struct site **old = sites;
    size_t room = sites_room;
    sites_room = room ? room * 2 : 1 << 16;
    sites = zeroed(sites_room, sizeof(*sites));
    for (size_t i = 0; i < room; i++)
        if (old[i])
            sites[slot_of(old[i]->pc)] = old[i];
    free(old);
}

static enum who who_runs(uint64_t pc)
{
    bool rom = (pc >= LOW_ROM_BEGIN && pc < LOW_ROM_END) ||
               (pc >= HIGH_ROM_BEGIN && pc < HIGH_ROM_END);
    return rom ? FIRMWARE : OWN;
}

static struct site *site_get(uint64_t pc)
{
    if (sites_used * 2 >= sites_room)
        sites_grow();
    size_t slot = slot_of(pc);
    if (sites[slot])
        return sites[slot];
    struct site *site = zeroed(1, sizeof(*site));
    *site = (struct site){.pc = pc, .who = who_runs(pc), .starts = pc == start_pc,
                          .enters_fault = pc == fault_entry,
                          .zeroes = in_range(&zero_code, pc)};
    for (unsigned i = 0; i < station_count; i++)
        if (stations[i].pc == pc)
            site->station = &stations[i];
    for (unsigned i = 0; i < wait_count; i++)
        site->waits |= in_range(&wait_code[i], pc);
    sites[slot] = site;
    sites_used++;
    return site;
}

/* --- what happens when instructions run --- */

static void start(void)
{
    started = true;
    waited = 0;
    memset(executed, 0, sizeof(executed));
    memset(repeated, 0, sizeof(repeated));
    memset(last_repeat, 0, sizeof(last_repeat));
    for (size_t i = 0; i < sites_room; i++)
        if (sites[i])
            sites[i]->count = 0;
}

static void number_write(uint64_t number)
{
    fprintf(out, "\t%" PRIu64, number);
}

static void station_write(const char *name)
{
    fprintf(out, "station\t%s", name);
    number_write(executed[OWN]);
    number_write(repeated[OWN]);
    number_write(waited);
    number_write(executed[FIRMWARE]);
    number_write(repeated[FIRMWARE]);
    fprintf(out, "\n");
    fflush(out);
}

static void profile_write(void)
{
    for (size_t i = 0; i < sites_room; i++) {
        if (!sites[i] || sites[i]->who != OWN || !sites[i]->count)
            continue;
        fprintf(out, "pc");
        number_write(sites[i]->pc);
        number_write(sites[i]->count);
        fprintf(out, "\n");
    }
    fprintf(out, "end\n");
    fflush(out);
}

static void station_pass(struct station *station)
{
    if (!started || station->passed)
        return;
    station->passed = true;
    station_write(station->name);
    if (station->last)
        profile_write();
}

static void plain_execute(unsigned cpu, void *data)
{
    struct site *site = data;
    (void)cpu;
    site->count++;
    executed[site->who]++;
}

static void special_execute(unsigned cpu, void *data)
{
    struct site *site = data;
    if (site->starts && !started)
        start();
    if (site->station)
        station_pass(site->station);
    if (site->enters_fault && started) {
        fault.open = true;
        fault.at = executed[OWN];
        fault.zeroing_at = zeroing;
    }
    plain_execute(cpu, data);
    if (site->repeats) {
        /* Nothing of the same party ran since: the next element of the same REP. */
        if (last_repeat[site->who].site == site &&
            last_repeat[site->who].at == executed[site->who] - 1)
            repeated[site->who]++;
        last_repeat[site->who].site = site;
        last_repeat[site->who].at = executed[site->who];
    }
    zeroing += site->zeroes;
    waited += site->waits;
    if (site->leaves_fault && fault.open) {
        fault.open = false;
        fprintf(out, "fault");
        number_write(executed[OWN] - fault.at);
        number_write(zeroing - fault.zeroing_at);
        fprintf(out, "\n");
    }
}

static void stamp_store(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t address,
                        void *data)
{
    const struct stamp *stamp = data;
    uint64_t offset = address - stamp->table, slot = offset / 8;
    char name[NAME_BYTES];
    (void)cpu;
    (void)info;
    /* Stage2 stores halves: the second one of a slot is no station. */
    if (!started || slot >= stamp->slots || offset % 8 || slots_passed[slot])
        return;
    slots_passed[slot] = true;
    snprintf(name, sizeof(name), "milestone %u", (unsigned)slot);
    station_write(name);
}

/* --- what happens when instructions are translated --- */

/* INS, OUTS, MOVS, CMPS, STOS, LODS, SCAS behind a REP prefix (SDM vol. 2B, REP). */
static bool is_repeat(const uint8_t *bytes, size_t count)
{
    static const uint8_t prefixes[] = {0x26, 0x2E, 0x36, 0x3E, 0x64,
                                       0x65, 0x66, 0x67, 0xF2, 0xF3};
    bool rep = false;
    size_t i = 0;
    while (i < count && memchr(prefixes, bytes[i], sizeof(prefixes)))
        rep |= bytes[i++] >= 0xF2;
    if (i < count - 1 && bytes[i] >= 0x40 && bytes[i] <= 0x4F)
        i++;                            /* REX; below 64 bits INC and DEC, alone */
    return rep && i == count - 1 && ((bytes[i] >= 0x6C && bytes[i] <= 0x6F) ||
                                     (bytes[i] >= 0xA4 && bytes[i] <= 0xA7) ||
                                     (bytes[i] >= 0xAA && bytes[i] <= 0xAF));
}

static bool is_iretq(const uint8_t *bytes, size_t count)
{
    return count == 2 && bytes[0] == 0x48 && bytes[1] == 0xCF;
}

static void instruction_translate(struct qemu_plugin_insn *insn)
{
    uint64_t pc = qemu_plugin_insn_vaddr(insn);
    const uint8_t *bytes = qemu_plugin_insn_data(insn);
    size_t count = qemu_plugin_insn_size(insn);
    struct site *site = site_get(pc);
    site->repeats = is_repeat(bytes, count);
    site->leaves_fault = in_range(&fault_code, pc) && is_iretq(bytes, count);
    bool special = site->repeats || site->starts || site->station || site->zeroes ||
                   site->waits || site->enters_fault || site->leaves_fault;
    qemu_plugin_register_vcpu_insn_exec_cb(
        insn, special ? special_execute : plain_execute, QEMU_PLUGIN_CB_NO_REGS, site);
    for (unsigned i = 0; i < stamp_count; i++)
        if (pc >= stamps[i].first && pc < stamps[i].end)
            qemu_plugin_register_vcpu_mem_cb(insn, stamp_store, QEMU_PLUGIN_CB_NO_REGS,
                                             QEMU_PLUGIN_MEM_W, &stamps[i]);
}

static void block_translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    size_t count = qemu_plugin_tb_n_insns(tb);
    (void)id;
    for (size_t i = 0; i < count; i++)
        instruction_translate(qemu_plugin_tb_get_insn(tb, i));
}

static void finish(qemu_plugin_id_t id, void *data)
{
    (void)id;
    (void)data;
    fflush(out);
}

/* --- arguments --- */

/* So many numbers, colons between them, nothing behind. */
static bool numbers_parse(const char *text, uint64_t *values, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        char *end;
        values[i] = strtoull(text, &end, 0);
        if (end == text || *end != (i + 1 < count ? ':' : '\0'))
            return false;
        text = end + 1;
    }
    return true;
}

static bool station_parse(const char *text, bool last)
{
    const char *colon = strrchr(text, ':');
    if (!colon || colon - text >= NAME_BYTES || station_count == STATIONS_MAX)
        return false;
    struct station *station = &stations[station_count++];
    memcpy(station->name, text, (size_t)(colon - text));
    station->last = last;
    return numbers_parse(colon + 1, &station->pc, 1);
}

static bool argument_parse(const char *key, const char *value)
{
    uint64_t n[4];
    if (!strcmp(key, "out"))
        return !out && (out = fopen(value, "w"));
    if (!strcmp(key, "start"))
        return numbers_parse(value, &start_pc, 1);
    if (!strcmp(key, "at") || !strcmp(key, "end"))
        return station_parse(value, key[0] == 'e');
    if (!strcmp(key, "stamp")) {
        if (stamp_count == STAMPS_MAX || !numbers_parse(value, n, 4) || n[3] > SLOTS_MAX)
            return false;
        stamps[stamp_count++] = (struct stamp){n[0], n[1], n[2], n[3]};
        return true;
    }
    if (!strcmp(key, "fault") && numbers_parse(value, n, 3)) {
        fault_entry = n[0];
        fault_code = (struct range){n[1], n[2]};
        return true;
    }
    if (!strcmp(key, "zero") && numbers_parse(value, n, 2)) {
        zero_code = (struct range){n[0], n[1]};
        return true;
    }
    if (!strcmp(key, "wait") && wait_count < WAITS_MAX && numbers_parse(value, n, 2)) {
        wait_code[wait_count++] = (struct range){n[0], n[1]};
        return true;
    }
    return false;
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc, char **argv)
{
    (void)info;
    for (int i = 0; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (equals)
            *equals = '\0';
        if (!equals || !argument_parse(argv[i], equals + 1)) {
            fprintf(stderr, "count: bad argument %s=%s\n", argv[i],
                    equals ? equals + 1 : "");
            return -1;
        }
    }
    if (!out) {
        fprintf(stderr, "count: no out=FILE\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, block_translate);
    qemu_plugin_register_atexit_cb(id, finish, NULL);
    return 0;
}
