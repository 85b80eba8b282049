/* SPDX-License-Identifier: MIT
 *
 * The flight recorder in the running kernel: its one mapping, and that what happens now
 * is in its bank now.
 */
#include "kernel/arch/instr.h"
#include "kernel/base/log.h"
#include "kernel/base/string.h"
#include "kernel/early/boot_recorder.h"
#include "kernel/early/handover.h"
#include "mm/kernel_space.h"
#include "tests/kernel/cases.h"

#define BENCH_LINE_BYTES 80 /* with its line end */
#define BENCH_ROUNDS     256

static bool recorder_is_off(struct selftest *t)
{
    if (boot_recorder.bank == NULL)
        selftest_skip(t, "the recorder's range is not usable memory here");
    return boot_recorder.bank == NULL;
}

struct mapping_count {
    u64 pages;
    u64 bad;
};

/* Any leaf of any size that reaches into the recorder. */
static bool mapping_look(const struct pt_leaf *leaf, void *context)
{
    struct mapping_count *count = context;
    u64 bytes = level_bytes(leaf->level);
    u64 phys = pte_phys((pte_t){leaf->entry}, leaf->level).raw;

    if (!(leaf->entry & PTE_P) || phys >= RECORDER_PHYS + RECORDER_BYTES ||
        phys + bytes <= RECORDER_PHYS)
        return true;
    count->pages++;
    if (leaf->virt != RECORDER_VIRT + (phys - RECORDER_PHYS) || !leaf->no_execute ||
        (leaf->entry & (PTE_G | PAGE_CACHE_UC)) != (PTE_G | PAGE_CACHE_UC))
        count->bad++;
    return true;
}

void test_recorder_map(struct selftest *t)
{
    struct mapping_count count = {0, 0};
    volatile void *device = NULL;
    const void *table = NULL;
    void *again = NULL;
    phys_t phys;

    page_table_for_each(read_cr3(), 0, ~0UL, mapping_look, &count);
    CHECK_EQUAL(t, count.bad, 0);
    CHECK_EQUAL(t, count.pages, boot_recorder.bank ? RECORDER_BYTES / PAGE_BYTES : 0);
    if (recorder_is_off(t))
        return;
    CHECK_EQUAL(t, recorder_map(&again), STATUS_EXISTS);
    CHECK_EQUAL(t,
                mmio_map(phys_make(RECORDER_PHYS), PAGE_BYTES, PAGE_CACHE_WB, &device),
                STATUS_INVALID);
    CHECK_EQUAL(t,
                firmware_map(phys_make(RECORDER_PHYS + RECORDER_BYTES - 1), 1, &table),
                STATUS_INVALID);
    CHECK_EQUAL(t, aperture_unmap((const volatile void *)RECORDER_VIRT),
                STATUS_NOT_FOUND);
    CHECK(t, aperture_find(virt_make(RECORDER_VIRT + 5), &phys));
    CHECK_EQUAL(t, phys.raw, RECORDER_PHYS + 5);
    CHECK(t, again == NULL && device == NULL && table == NULL);
}

/* This boot's head is the build's, its milestones are the handover's, in order. */
static void milestone_compare(const struct recorder_record *event, void *context)
{
    struct selftest *t = context;
    u64 stamp;

    if (event->kind != RECORD_MILESTONE)
        return;
    CHECK(t, event->value[0] < MILESTONE_COUNT);
    stamp = handover.info.milestone_tsc[event->value[0] % MILESTONE_SLOTS];
    if (event->value[0] >= MILESTONE_KERNEL_ENTRY)
        CHECK_EQUAL(t, event->value[1], stamp);
}

void test_recorder_story(struct selftest *t)
{
    struct recorder_story story;

    if (recorder_is_off(t))
        return;
    CHECK(t, recorder_tell(boot_recorder.bank, &story));
    CHECK(t, memcmp(story.build_id, handover.info.build_id, 20) == 0);
    CHECK(t, story.boot_count != 0);
    CHECK(t, story.has_image && story.image_virt == handover.image_virt);
    CHECK_EQUAL(t, story.kernel_phys, handover.info.kernel_phys);
    CHECK(t, story.has_milestone && story.milestone >= MILESTONE_REPORT);
    CHECK(t, !story.ended && !story.was_read && !story.has_death);
    CHECK(t, !story.has_exception);
    recorder_event_for_each(boot_recorder.bank, milestone_compare, t);
}

struct text_search {
    const char *text;
    u32 found;
};

static void text_look(const struct recorder_record *record, void *context)
{
    struct text_search *search = context;
    u64 bytes = strlen(search->text);

    search->found += record->length == bytes &&
                     memcmp(record->text, search->text, bytes) == 0;
}

/* A line that was logged is in the bank before log_print returns. */
void test_recorder_log(struct selftest *t)
{
    static char line[RECORDER_TEXT_BYTES + 1] =
        "# recorder_log looks for this line in it\n";
    struct text_search search = {line, 0};
    u32 before;

    if (recorder_is_off(t))
        return;
    recorder_log_for_each(boot_recorder.bank, text_look, &search);
    before = search.found;
    log_print("%s", line);
    search.found = 0;
    recorder_log_for_each(boot_recorder.bank, text_look, &search);
    CHECK_EQUAL(t, search.found, before + 1);
}

/* Takes the recorder's mapping away: the log faults in the recorder's sink, and so does
 * the record of that fault. The death must be told all the same. */
void test_die_recorder_gone(struct selftest *t)
{
    enum status status;

    if (recorder_is_off(t))
        return;
    status = page_table_unmap(&kernel_page_space, virt_make(RECORDER_VIRT),
                              RECORDER_BYTES, NULL, NULL);
    CHECK_EQUAL(t, status, STATUS_OK);
    log_print("# nothing is mapped where the recorder was\n");
    selftest_fail(t, __FILE__, __LINE__, "the test should have ended the kernel");
}

/* What a line of 80 characters costs the logger. */
void test_bench_recorder(struct selftest *t)
{
    char line[BENCH_LINE_BYTES];
    u64 least = ~0UL, cost = ~0UL;

    if (recorder_is_off(t))
        return;
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\n';
    for (u32 i = 0; i < BENCH_ROUNDS; i++) {
        u64 start = rdtsc();
        u64 ticks = rdtsc() - start;
        cost = MIN(cost, ticks);

        start = rdtsc();
        recorder_log(&boot_recorder, line, sizeof(line));
        ticks = rdtsc() - start;
        least = MIN(least, ticks);
    }
    selftest_note("bench recorder_line=%lu instructions", least - cost);
}
