/* SPDX-License-Identifier: MIT
 *
 * Telling what the previous boot left in its bank. Its addresses are those of its own
 * slide: a name is looked up by the distance from the image's first byte, and only when
 * both boots ran the same build.
 */
#include "kernel/lastboot.h"
#include "kernel/arch/idt.h"
#include "kernel/arch/instr.h"
#include "kernel/arch/tsc.h"
#include "kernel/base/format.h"
#include "kernel/base/log.h"
#include "kernel/base/recorder.h"
#include "kernel/base/string.h"
#include "kernel/boot/layout.h"
#include "kernel/early/handover.h"
#include "kernel/recorder_hooks.h"
#include "kernel/report_sums.h"
#include "kernel/symbols.h"

#define TAIL_LINES 3

static struct {
    void *bank; /* NULL: no earlier boot on record */
    struct recorder_story story;
    bool same_build;
} last;

static bool is_quiet(void)
{
    return last.story.was_read ||
           (last.story.ended && !last.story.has_death && !last.story.has_exception);
}

/* How far into the image an address of that boot lies, before or after its move. */
static bool image_distance(u64 address, u64 *out)
{
    const struct recorder_story *story = &last.story;
    u64 bytes = last.same_build ? handover.info.kernel_bytes : IMAGE_SLIDE_BYTES;
    u64 phys = story->has_image ? story->kernel_phys : handover.info.kernel_phys;

    *out = address - story->image_virt;
    if (story->has_image && *out < bytes)
        return true;
    *out = address - phys;
    return last.same_build && *out < bytes;
}

/* "memset+0x1c", "image+0x1234" or "V:...". is_return: the address behind a call, which
 * belongs to the next function already when the call never returns. */
static const char *place_text(u64 address, bool is_return, char out[SYMBOL_TEXT_BYTES])
{
    const char *name;
    u64 distance, offset;

    if (!image_distance(address, &distance))
        format(out, SYMBOL_TEXT_BYTES, "V:%016lx", address);
    else if (last.same_build &&
             symbol_find(handover.image_virt + distance - is_return, &name, &offset))
        format(out, SYMBOL_TEXT_BYTES, "%.56s+0x%lx", name, offset + is_return);
    else
        format(out, SYMBOL_TEXT_BYTES, "image+0x%lx", distance);
    return out;
}

/* The record that says where it ended, or NULL. */
static const struct recorder_record *end_record(void)
{
    return last.story.has_exception ? &last.story.exception
           : last.story.has_death   ? &last.story.death
                                    : NULL;
}

/* Code or vector: "PF-03", "exception 14". */
static const char *cause_text(char out[24])
{
    char code[sizeof(u64) + 1] = "";

    memcpy(code, last.story.death.text, sizeof(u64));
    if (last.story.has_death)
        format(out, 24, "%s", code);
    else
        format(out, 24, "exception %u", (u32)last.story.exception.value[0]);
    return out;
}

/* "died: PF-03 at 'heap ready', RIP memset+0x1c" */
static void headline_format(char *out, u64 out_bytes)
{
    const struct recorder_record *end = end_record();
    const char *where = last.story.has_milestone ? milestone_name(last.story.milestone)
                                                 : "the start";
    char place[SYMBOL_TEXT_BYTES], cause[24];

    if (end != NULL)
        format(out, out_bytes, "died: %s at '%s', RIP %s", cause_text(cause), where,
               place_text(end->value[1], !last.story.has_exception, place));
    else if (last.story.ended)
        format(out, out_bytes, "ended on purpose at '%s'", where);
    else
        format(out, out_bytes, "ended without a word at '%s'", where);
}

/* --- its log, line by line --- */

/* Records cut lines where they are full; a line longer than this is cut for good. */
#define LINE_BYTES 240

struct lines {
    void (*each)(struct lines *lines);
    u32 number; /* of this line, from 1 */
    u32 tail_first;
    u32 used;
    char text[LINE_BYTES];
};

static void line_end(struct lines *lines)
{
    lines->text[lines->used] = '\0';
    lines->number++;
    lines->each(lines);
    lines->used = 0;
}

static void lines_take(const struct recorder_record *record, void *context)
{
    struct lines *lines = context;

    for (u32 i = 0; i < record->length; i++) {
        u8 c = record->text[i];

        if (c == '\n')
            line_end(lines);
        else if (lines->used < LINE_BYTES - 1)
            lines->text[lines->used++] = c >= ' ' && c <= '~' ? (char)c : '.';
    }
}

static void lines_for_each(struct lines *lines, void (*each)(struct lines *lines))
{
    lines->each = each;
    lines->number = lines->used = 0;
    recorder_log_for_each(last.bank, lines_take, lines);
    if (lines->used != 0)
        line_end(lines);
}

/* Each line gets a mark: one that says how that boot died must not look like one of
 * this boot. Through log_echo, as the command `log` does: what is old does not enter
 * the new log. */
static void line_show(struct lines *lines)
{
    char out[LINE_BYTES + 8];
    int bytes = format(out, sizeof(out), "  | %s\n", lines->text);

    log_echo(out, (u64)bytes);
}

static void line_count(struct lines *lines)
{
    (void)lines;
}

static bool line_is_headline(const struct lines *lines)
{
    char cause[24], start[40];
    int bytes = format(start, sizeof(start), "plinth: %s ", cause_text(cause));

    return memcmp(lines->text, start, MIN((u64)bytes, LINE_BYTES)) == 0;
}

/* Of a death its sentence; of an end without a word what came last. */
static void line_tell(struct lines *lines)
{
    if (last.story.has_death ? line_is_headline(lines)
                             : lines->number >= lines->tail_first)
        log_warn("  | %s", lines->text);
}

static void last_words_tell(void)
{
    static struct lines lines;

    lines_for_each(&lines, line_count);
    lines.tail_first = lines.number < TAIL_LINES ? 1 : lines.number - TAIL_LINES + 1;
    lines_for_each(&lines, line_tell);
}

static void mark_as_read(void)
{
    u64 values[] = {RECORD_CLEAN_READ, rdtsc()};
    struct recorder previous;

    recorder_open(&previous, last.bank);
    recorder_event(&previous, RECORD_CLEAN, values, ARRAY_COUNT(values));
}

void lastboot_report(void)
{
    const struct boot_info *info = &handover.info;
    char headline[160];
    u8 *other = (u8 *)RECORDER_VIRT + (info->recorder_bank ? 0 : RECORDER_BANK_BYTES);

    if (!info->recorder_on) {
        log_info("flight recorder: off, P:%#x is not usable memory", RECORDER_PHYS);
        return;
    }
    if (!info->recorder_previous || !recorder_tell(other, &last.story)) {
        log_info("flight recorder: on, no earlier boot is on record");
        return;
    }
    last.bank = other;
    last.same_build = memcmp(last.story.build_id, info->build_id,
                             sizeof(info->build_id)) == 0;
    if (is_quiet()) {
        log_info("flight recorder: on, boot %lu", last.story.boot_count + 1);
        return;
    }
    headline_format(headline, sizeof(headline));
    log_warn("previous boot %s", headline);
    last_words_tell();
    log_info("the command `lastboot` shows the rest and its log");
    mark_as_read();
}

/* --- the command --- */

/* Time since the first one, by this boot's clock: the same machine's counter. */
static void milestone_print(const struct recorder_record *event, void *context)
{
    u64 *first = context, per_micro = MAX(tsc_hz() / 1000000, 1UL);

    if (event->kind != RECORD_MILESTONE)
        return;
    if (*first == 0)
        *first = event->value[1];
    log_print("  %10lu us  %s\n", (event->value[1] - *first) / per_micro,
              milestone_name((u32)event->value[0]));
}

static void facts_print(void)
{
    const struct recorder_record *end = end_record();
    const struct recorder_story *story = &last.story;

    if (story->has_exception)
        log_print("  exception %u %s, error code %#x\n", (u32)story->exception.value[0],
                  vector_mnemonic((u32)story->exception.value[0]),
                  (u32)(story->exception.value[0] >> 32));
    if (end != NULL)
        log_print("  RIP V:%016lx  CR2 V:%016lx\n  RSP V:%016lx  CR3 P:%lx\n",
                  end->value[1], end->value[2], end->value[4], end->value[3]);
    if (story->has_image)
        log_print("  image at V:%016lx, loaded at P:%lx\n", story->image_virt,
                  story->kernel_phys);
    log_print("  %s build\n", last.same_build ? "this same" : "another");
}

static void run_lastboot(u32 argc, const char *const argv[])
{
    static struct lines lines;
    char headline[160];
    u64 first = 0;

    (void)argc;
    (void)argv;
    if (last.bank == NULL) {
        log_print("no earlier boot is on record\n");
        return;
    }
    recorder_mute(true);
    headline_format(headline, sizeof(headline));
    log_print("boot %lu %s\n", last.story.boot_count, headline);
    facts_print();
    recorder_event_for_each(last.bank, milestone_print, &first);
    log_print("its log:\n");
    lines_for_each(&lines, line_show);
    recorder_mute(false);
}

static const struct monitor_command commands[] = {
    {"lastboot", "", "how the boot before this one ended, and its log", 0, 0,
     run_lastboot},
};

const struct monitor_table lastboot_table = {commands, ARRAY_COUNT(commands)};
