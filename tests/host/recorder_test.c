/* SPDX-License-Identifier: MIT
 *
 * The flight recorder's records: what is written can be read, a write cut off at any
 * byte loses nothing else, rings keep their end, and rubbish is never believed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "kernel/base/recorder.h"
#include "tests/host/random.h"
#include "tests/host/recorder_hook.h"

#define RECORDS (RECORDER_BANK_BYTES / RECORDER_RECORD_BYTES)

static struct recorder_record *bank;
static struct recorder recorder;

/* The checksum as the format's header says it, dword by dword. */
static u32 sum_by_the_book(const struct recorder_record *record)
{
    u32 dword[16], sum = RECORDER_SEED;

    memcpy(dword, record, sizeof dword);
    for (u32 i = 0; i < 15; i++)
        sum = (sum << 5 | sum >> 27) ^ dword[i];
    return sum;
}

static void put(u32 index, struct recorder_record record)
{
    record.check = sum_by_the_book(&record);
    bank[index] = record;
}

static struct recorder_record head_make(u64 boot_count)
{
    struct recorder_record head = {.sequence = (u32)boot_count, .kind = RECORD_HEAD};

    head.value[0] = boot_count;
    memset(&head.value[1], 0xAB, 20);
    return head;
}

/* A bank as the loader leaves it: a head, two milestones, the rest empty. */
static int bank_setup(void **state)
{
    (void)state;
    bank = aligned_alloc(64, RECORDER_BANK_BYTES);
    assert_non_null(bank);
    memset(bank, 0, RECORDER_BANK_BYTES);
    put(0, head_make(7));
    put(RECORDER_EVENT_FIRST + 1, (struct recorder_record){.sequence = 1,
                                                           .kind = RECORD_MILESTONE,
                                                           .value = {0}});
    put(RECORDER_EVENT_FIRST + 2, (struct recorder_record){.sequence = 2,
                                                           .kind = RECORD_MILESTONE,
                                                           .value = {3}});
    recorder_open(&recorder, bank);
    assert_ptr_equal(recorder.bank, bank);
    return 0;
}

static int bank_teardown(void **state)
{
    (void)state;
    free(bank);
    return 0;
}

static void event(u16 kind, u64 first, u64 second)
{
    u64 values[] = {first, second};

    recorder_event(&recorder, kind, values, 2);
}

static u32 valid_count(u32 first, u32 count)
{
    struct recorder_record record;
    u32 valid = 0;

    for (u32 i = 0; i < count; i++)
        valid += recorder_read(bank, first + i, &record);
    return valid;
}

/* --- the log as text --- */

static char heard[RECORDER_BANK_BYTES + 1];
static u64 heard_bytes;

static void hear(const struct recorder_record *record, void *context)
{
    u32 *last = context;

    assert_true(record->length <= RECORDER_TEXT_BYTES);
    if (*last != 0)
        assert_int_equal(record->sequence, *last + 1);
    *last = record->sequence;
    memcpy(heard + heard_bytes, record->text, record->length);
    heard_bytes += record->length;
}

static const char *hear_all(void)
{
    u32 last = 0;

    heard_bytes = 0;
    recorder_log_for_each(bank, hear, &last);
    heard[heard_bytes] = '\0';
    return heard;
}

/* --- */

static void test_event(void **state)
{
    u64 values[] = {0x1122334455667788, 2, 3, 0xFFFFFFFFFFFFFFFF, 5, 6, 7};
    struct recorder_record record;
    u32 index = RECORDER_EVENT_FIRST + 3;

    (void)state;
    recorder_event(&recorder, RECORD_EXCEPTION, values, 7); /* one more than fits */
    assert_true(recorder_read(bank, index, &record));
    assert_int_equal(record.check, sum_by_the_book(&bank[index]));
    assert_int_equal(record.sequence, 3);
    assert_int_equal(record.kind, RECORD_EXCEPTION);
    assert_int_equal(record.length, sizeof record.value);
    assert_memory_equal(record.value, values, sizeof record.value);
    assert_int_equal(record.reserved, 0);

    recorder_event(&recorder, RECORD_CLEAN, values, 1);
    assert_true(recorder_read(bank, index + 1, &record));
    assert_int_equal(record.value[0], values[0]);
    for (u32 i = 1; i < RECORDER_VALUES; i++)
        assert_int_equal(record.value[i], 0);
    assert_int_equal(valid_count(0, RECORDS), 5);
}

/* Every length, in memory of exactly that length, at every alignment. */
static void test_log_lengths(void **state)
{
    struct recorder_record record;

    (void)state;
    for (u64 bytes = 1; bytes <= 5 * RECORDER_TEXT_BYTES; bytes++) {
        u64 shift = bytes % 8;
        char *room = malloc(shift + bytes + 1), *text = room + shift;
        u32 first = recorder.log_next;
        u64 at = 0;

        for (u64 i = 0; i < bytes; i++)
            text[i] = (char)('!' + (i * 7 + bytes) % 90);
        text = realloc(room, shift + bytes);
        text += shift;
        recorder_log(&recorder, text, bytes);
        for (u32 n = first; n != recorder.log_next; n++) {
            u32 index = RECORDER_LOG_FIRST + n % RECORDER_LOG_COUNT;

            assert_true(recorder_read(bank, index, &record));
            assert_int_equal(record.sequence, n);
            assert_memory_equal(record.text, text + at, record.length);
            for (u32 i = record.length; i < RECORDER_TEXT_BYTES; i++)
                assert_int_equal(record.text[i], 0);
            at += record.length;
        }
        assert_int_equal(at, bytes);
        assert_int_equal(recorder.log_next - first,
                         (bytes + RECORDER_TEXT_BYTES - 1) / RECORDER_TEXT_BYTES);
        free(text - shift);
    }
}

/* Both rings many times round: what is left is the end, in order, and no gap. */
static void test_wrap(void **state)
{
    static char said[4 * RECORDER_BANK_BYTES];
    struct random random = random_of(5);
    u64 said_bytes = 0;

    (void)state;
    for (u32 i = 0; i < 4000; i++)
        event(RECORD_MILESTONE, i, i);
    assert_int_equal(valid_count(RECORDER_EVENT_FIRST, RECORDER_EVENT_COUNT),
                     RECORDER_EVENT_COUNT);
    while (said_bytes < sizeof said - 600) {
        char text[600];
        u64 bytes = 1 + random_below(&random, sizeof text - 1);

        for (u64 i = 0; i < bytes; i++)
            text[i] = (char)('a' + random_below(&random, 26));
        recorder_log(&recorder, text, bytes);
        memcpy(said + said_bytes, text, bytes);
        said_bytes += bytes;
    }
    assert_int_equal(valid_count(RECORDER_LOG_FIRST, RECORDER_LOG_COUNT),
                     RECORDER_LOG_COUNT);
    hear_all();
    assert_true(heard_bytes > RECORDER_LOG_COUNT * RECORDER_TEXT_BYTES / 2);
    assert_memory_equal(heard, said + said_bytes - heard_bytes, heard_bytes);
    assert_int_equal(valid_count(0, RECORDS), RECORDS);
}

struct order {
    u32 next, count;
};

static void order_look(const struct recorder_record *record, void *context)
{
    struct order *order = context;

    if (order->count++ != 0)
        assert_int_equal(record->sequence, order->next);
    order->next = record->sequence + 1;
}

static void test_order_of_events(void **state)
{
    (void)state;
    for (u32 total = 0; total < 300; total++) {
        struct order order = {0, 0};

        recorder_event_for_each(bank, order_look, &order);
        assert_int_equal(order.count, MIN(total + 2, (u32)RECORDER_EVENT_COUNT));
        assert_int_equal(order.next, total + 3);
        event(RECORD_MILESTONE, 4, total);
    }
}

/* A later opening goes on behind the newest record that is whole. */
static void test_open_goes_on(void **state)
{
    struct recorder again;

    (void)state;
    for (u32 i = 0; i < 500; i++) {
        event(RECORD_MILESTONE, i, 0);
        recorder_log(&recorder, "x", 1);
        recorder_open(&again, bank);
        assert_int_equal(again.event_next, recorder.event_next);
        assert_int_equal(again.log_next, recorder.log_next);
    }
    bank[RECORDER_EVENT_FIRST + (recorder.event_next - 1) % RECORDER_EVENT_COUNT]
        .check ^= 1;
    recorder_open(&again, bank);
    assert_int_equal(again.event_next, recorder.event_next - 1);
}

/* Without a head there is no bank, and nothing is written anywhere. */
static void test_off(void **state)
{
    struct recorder off = {bank, 1, 1};
    u8 before[RECORDER_BANK_BYTES];

    (void)state;
    bank[0].value[1] ^= 1;
    memcpy(before, bank, sizeof before);
    recorder_open(&off, bank);
    assert_null(off.bank);
    recorder_event(&off, RECORD_CLEAN, NULL, 0);
    recorder_log(&off, "nobody hears this", 17);
    assert_memory_equal(bank, before, sizeof before);
}

/* A write that stops after any number of bytes: the slot holds the old record, the new
 * one or nothing, and no other record is touched. */
static void torn_check(u32 slot, const u8 *before, const u8 *after)
{
    struct recorder_record record;

    for (u32 cut = 0; cut <= RECORDER_RECORD_BYTES; cut++) {
        u8 *at = (u8 *)&bank[slot];

        memcpy(bank, before, RECORDER_BANK_BYTES);
        memcpy(at, after + slot * RECORDER_RECORD_BYTES, cut);
        for (u32 i = 0; i < RECORDS; i++)
            if (i != slot) {
                assert_memory_equal(&bank[i], before + i * RECORDER_RECORD_BYTES,
                                    RECORDER_RECORD_BYTES);
                assert_true(recorder_read(bank, i, &record));
            }
        if (recorder_read(bank, slot, &record))
            assert_true(memcmp(at, before + slot * RECORDER_RECORD_BYTES,
                               RECORDER_RECORD_BYTES) == 0 ||
                        memcmp(at, after + slot * RECORDER_RECORD_BYTES,
                               RECORDER_RECORD_BYTES) == 0);
        else
            assert_true(cut > 0 && cut < RECORDER_RECORD_BYTES);
    }
}

static void test_torn(void **state)
{
    static u8 before[RECORDER_BANK_BYTES], after[RECORDER_BANK_BYTES];

    (void)state;
    for (u32 i = 0; i < 400; i++) {
        event(RECORD_MILESTONE, i, i * 977);
        recorder_log(&recorder, "some text that fills more than half a slot", 42);
    }
    assert_int_equal(valid_count(0, RECORDS), RECORDS);
    for (u32 round = 0; round < 24; round++) {
        u32 event_slot = RECORDER_EVENT_FIRST +
                         recorder.event_next % RECORDER_EVENT_COUNT;
        u32 log_slot = RECORDER_LOG_FIRST + recorder.log_next % RECORDER_LOG_COUNT;

        memcpy(before, bank, sizeof before);
        event((u16)(RECORD_MILESTONE + round % 5), round, 0);
        memcpy(after, bank, sizeof after);
        torn_check(event_slot, before, after);
        memcpy(bank, after, sizeof after);
        memcpy(before, after, sizeof after);
        /* The same text again and again: only the sequence number differs. */
        recorder_log(&recorder, "some text that fills more than half a slot", 42);
        memcpy(after, bank, sizeof after);
        torn_check(log_slot, before, after);
        memcpy(bank, after, sizeof after);
    }
}

/* The same, behind each store as the writer makes them, over what an earlier boot left:
 * the loader empties a slot by its sequence number alone, and the new boot's numbers
 * are the old one's. Old records begin with an 'o' or a value of 0, new ones do not. */
static bool watching;
static u32 stores;

void recorder_hook(void)
{
    struct recorder_record record;

    stores++;
    for (u32 i = 1; watching && i < RECORDS; i++)
        if (recorder_read(bank, i, &record))
            assert_true(i < RECORDER_LOG_FIRST ? record.value[5] != 0
                                               : record.text[47] != 'o');
}

static void boot_write(char letter, u64 value)
{
    u64 values[RECORDER_VALUES] = {1, 2, 3, 4, 5, value};
    char line[RECORDER_TEXT_BYTES];

    memset(line, 's', sizeof line); /* as much of it as may be is the same */
    line[sizeof line - 1] = letter;
    for (u32 i = 0; i < 20; i++) {
        recorder_event(&recorder, RECORD_EXCEPTION, values, RECORDER_VALUES);
        recorder_log(&recorder, line, sizeof line);
    }
}

static void test_half_written(void **state)
{
    struct recorder_record record;

    (void)state;
    watching = false;
    bank[RECORDER_EVENT_FIRST + 1].sequence = 0;
    bank[RECORDER_EVENT_FIRST + 2].sequence = 0;
    recorder_open(&recorder, bank);
    boot_write('o', 0);
    for (u32 i = 0; i < RECORDS; i++) {
        bank[i].sequence = 0;
        assert_false(recorder_read(bank, i, &record));
    }
    put(0, head_make(8));
    recorder_open(&recorder, bank);
    assert_int_equal(recorder.event_next, 1);
    assert_int_equal(recorder.log_next, 1);
    stores = 0;
    watching = true;
    boot_write('n', 7);
    watching = false;
    assert_int_equal(stores, 40 * RECORDER_RECORD_BYTES / 8);
    assert_int_equal(valid_count(0, RECORDS), 41);
}

/* One bit anywhere. */
static void test_every_flipped_bit(void **state)
{
    static const u32 slots[] = {0, RECORDER_EVENT_FIRST + 1, RECORDER_LOG_FIRST + 1};
    struct recorder_record record;

    (void)state;
    recorder_log(&recorder, "text", 4);
    for (u32 s = 0; s < ARRAY_COUNT(slots); s++) {
        assert_true(recorder_read(bank, slots[s], &record));
        for (u32 bit = 0; bit < 8 * RECORDER_RECORD_BYTES; bit++) {
            u8 *byte = (u8 *)&bank[slots[s]] + bit / 8;

            *byte ^= (u8)(1 << bit % 8);
            /* The reserved dword is summed too. */
            assert_false(recorder_read(bank, slots[s], &record));
            *byte ^= (u8)(1 << bit % 8);
        }
    }
}

/* A whole record is believed in its own place only. */
static void check_one_place(u32 place)
{
    struct recorder_record record = bank[place], out;

    for (u32 i = 0; i < RECORDS; i++) {
        struct recorder_record kept = bank[i];

        bank[i] = record;
        assert_int_equal(recorder_read(bank, i, &out), i == place);
        bank[i] = kept;
    }
}

/* Records that are whole, but not where they stand or what they claim. */
static void test_wrong_place(void **state)
{
    struct recorder_record out;

    (void)state;
    event(RECORD_DEATH, 1, 2);
    recorder_log(&recorder, "text", 4);
    check_one_place(0);
    check_one_place(RECORDER_EVENT_FIRST + 3);
    check_one_place(RECORDER_LOG_FIRST + 1);
    assert_false(recorder_read(bank, RECORDS, &out));
    assert_false(recorder_read(bank, 0xFFFFFFFF, &out));
#define REFUSED(index, ...)                            \
    put(index, (struct recorder_record){__VA_ARGS__}); \
    assert_false(recorder_read(bank, index, &out))
    REFUSED(0, .sequence = 1, .kind = RECORD_MILESTONE, .value = {1});
    REFUSED(0, .sequence = 8, .kind = RECORD_HEAD, .value = {7});
    REFUSED(0, .sequence = 0, .kind = RECORD_HEAD, .value = {0});
    REFUSED(RECORDER_EVENT_FIRST, .sequence = 0, .kind = RECORD_MILESTONE);
    REFUSED(RECORDER_EVENT_FIRST + 5, .sequence = 5, .kind = RECORD_LOG, .length = 1);
    REFUSED(RECORDER_EVENT_FIRST + 5, .sequence = 5, .kind = RECORD_HEAD);
    REFUSED(RECORDER_EVENT_FIRST + 5, .sequence = 5, .kind = 0);
    REFUSED(RECORDER_EVENT_FIRST + 5, .sequence = 5, .kind = 2, .length = 49);
    REFUSED(RECORDER_LOG_FIRST + 5, .sequence = 5, .kind = RECORD_LOG, .length = 49);
    REFUSED(RECORDER_LOG_FIRST + 5, .sequence = 5, .kind = RECORD_LOG, .length = 0);
    REFUSED(RECORDER_LOG_FIRST + 5, .sequence = 5, .kind = RECORD_CLEAN, .length = 8);
#undef REFUSED
}

/* Memory as it comes at power-on: noise, one value all over, ramps, text. */
static void test_rubbish(void **state)
{
    struct random random = random_of(11);
    struct recorder_story story;
    u8 *bytes = (u8 *)bank;

    (void)state;
    for (u32 round = 0; round < 256; round++) {
        memset(bank, (int)round, RECORDER_BANK_BYTES);
        assert_int_equal(valid_count(0, RECORDS), 0);
        for (u32 i = 0; i < RECORDER_BANK_BYTES; i++)
            bytes[i] = (u8)(i * round);
        assert_int_equal(valid_count(0, RECORDS), 0);
        for (u32 i = 0; i < RECORDER_BANK_BYTES; i++)
            bytes[i] = (u8)random_below(&random, 256);
        assert_int_equal(valid_count(0, RECORDS), 0);
        assert_false(recorder_tell(bank, &story));
        assert_string_equal(hear_all(), "");
    }
    /* Rubbish with a right sum, in every record: nothing may go wild. */
    for (u32 round = 0; round < 64; round++) {
        for (u32 i = 0; i < RECORDER_BANK_BYTES; i++)
            bytes[i] = (u8)random_below(&random, 256);
        put(0, head_make(round + 1));
        for (u32 i = 1; i < RECORDS; i++) {
            bank[i].kind = (u16)random_below(&random, 8);
            bank[i].length = (u16)random_below(&random, 50);
            put(i, bank[i]);
        }
        assert_true(recorder_tell(bank, &story));
        hear_all();
        recorder_open(&recorder, bank);
        event(RECORD_CLEAN, 0, 0);
        recorder_log(&recorder, "still alive", 11);
    }
}

static struct recorder_story tell(void)
{
    struct recorder_story story;

    assert_true(recorder_tell(bank, &story));
    return story;
}

static void test_story(void **state)
{
    struct recorder_story story = tell();

    (void)state;
    assert_int_equal(story.boot_count, 7);
    assert_int_equal(story.build_id[0], 0xAB);
    assert_int_equal(story.build_id[19], 0xAB);
    assert_true(story.has_milestone && story.milestone == 3);
    assert_false(story.has_image || story.has_exception || story.has_death);
    assert_false(story.ended || story.was_read);

    event(RECORD_IMAGE, 0xFFFFFFFF80200000, 0x200000);
    event(RECORD_MILESTONE, 9, 1);
    event(RECORD_EXCEPTION, 14, 0x1234);
    event(RECORD_DEATH, 0x36302D4650, 0x1234);
    event(RECORD_EXCEPTION, 13, 0x5678);
    event(RECORD_DEATH, 0x32302D4E50, 0x5678);
    story = tell();
    assert_int_equal(story.milestone, 9);
    assert_int_equal(story.image_virt, 0xFFFFFFFF80200000);
    assert_int_equal(story.kernel_phys, 0x200000);
    /* The first of each is the cause, the others are what it led to. */
    assert_int_equal(story.exception.value[1], 0x1234);
    assert_memory_equal(story.death.text, "PF-06\0\0\0", 8);
    assert_false(story.ended || story.was_read);
    event(RECORD_CLEAN, RECORD_CLEAN_READ, 0);
    story = tell();
    assert_true(story.was_read && !story.ended && story.has_death);
    event(RECORD_CLEAN, 0, 0);
    assert_true(tell().ended);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, bank_setup, bank_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_event),
        TEST(test_log_lengths),
        TEST(test_wrap),
        TEST(test_order_of_events),
        TEST(test_open_goes_on),
        TEST(test_off),
        TEST(test_torn),
        TEST(test_half_written),
        TEST(test_every_flipped_bit),
        TEST(test_wrong_place),
        TEST(test_rubbish),
        TEST(test_story),
    };

    return cmocka_run_group_tests_name("recorder", tests, NULL, NULL);
}
