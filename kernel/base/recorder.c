/* SPDX-License-Identifier: MIT
 *
 * Records of the flight recorder.
 *
 * A record is written as eight words in ascending order, the checksum with the last.
 * The bank is uncached, so the stores arrive in that order: until the last one has, the
 * slot holds a mixture that no checksum fits, and the record it replaces was the oldest
 * of its ring. The text is summed from the source, never read back: a read of uncached
 * memory costs a trip to it, a store does not.
 */
#include "kernel/base/recorder.h"
#include "kernel/base/atomic.h"

#define RECORD_WORDS 8
#define TEXT_WORDS   (RECORDER_TEXT_BYTES / 8)

STATIC_ASSERT(sizeof(struct recorder_record) == RECORDER_RECORD_BYTES, "one slot");
STATIC_ASSERT(RECORDER_VALUES == TEXT_WORDS, "values and text share their place");
STATIC_ASSERT((RECORDER_LOG_FIRST + RECORDER_LOG_COUNT) * RECORDER_RECORD_BYTES ==
                  RECORDER_BANK_BYTES,
              "head, events and log fill the bank");

static inline u32 rotate(u32 value, u32 bits)
{
    return value << bits | value >> (32 - bits);
}

static inline u64 word_load(const void *at)
{
    u64 word;

    __builtin_memcpy(&word, at, sizeof(word));
    return word;
}

static inline u32 sum_word(u32 sum, u64 word)
{
    sum = rotate(sum, 5) ^ (u32)word;
    return rotate(sum, 5) ^ (u32)(word >> 32);
}

static inline volatile u64 *slot_of(void *bank, u32 index)
{
    return (volatile u64 *)((u8 *)bank + (u64)index * RECORDER_RECORD_BYTES);
}

/* The first word: a sequence number of its own, the kind, the length. */
static inline u32 slot_begin(volatile u64 *slot, u32 sequence, u16 kind, u64 length)
{
    u64 word = sequence | (u64)kind << 32 | length << 48;

    slot[0] = word;
    return sum_word(RECORDER_SEED, word);
}

static inline u32 slot_add(volatile u64 *slot, u32 sum, u32 index, u64 word)
{
    slot[index] = word;
    return sum_word(sum, word);
}

/* The last word: a reserved zero below, the checksum above. */
static inline void slot_end(volatile u64 *slot, u32 sum)
{
    slot[RECORD_WORDS - 1] = (u64)rotate(sum, 5) << 32;
}

void recorder_event(struct recorder *recorder, u16 kind, const u64 *values, u32 count)
{
    u32 sequence, sum;
    volatile u64 *slot;

    if (recorder->bank == NULL)
        return;
    sequence = atomic_fetch_add_u32(&recorder->event_sequence, 1) + 1;
    slot = slot_of(recorder->bank,
                   RECORDER_EVENT_FIRST + sequence % RECORDER_EVENT_COUNT);
    sum = slot_begin(slot, sequence, kind, MIN(count, RECORDER_VALUES) * sizeof(u64));
    for (u32 i = 0; i < RECORDER_VALUES; i++)
        sum = slot_add(slot, sum, 1 + i, i < count ? values[i] : 0);
    slot_end(slot, sum);
}

static inline volatile u64 *log_slot(struct recorder *recorder, u32 *sequence)
{
    *sequence = atomic_fetch_add_u32(&recorder->log_sequence, 1) + 1;
    return slot_of(recorder->bank, RECORDER_LOG_FIRST + *sequence % RECORDER_LOG_COUNT);
}

/* A full record; written out, because a loop would cost as much as its body. */
static inline void log_whole(struct recorder *recorder, const char *text)
{
    u32 sequence, sum;
    volatile u64 *slot = log_slot(recorder, &sequence);

    sum = slot_begin(slot, sequence, RECORD_LOG, RECORDER_TEXT_BYTES);
    sum = slot_add(slot, sum, 1, word_load(text));
    sum = slot_add(slot, sum, 2, word_load(text + 8));
    sum = slot_add(slot, sum, 3, word_load(text + 16));
    sum = slot_add(slot, sum, 4, word_load(text + 24));
    sum = slot_add(slot, sum, 5, word_load(text + 32));
    sum = slot_add(slot, sum, 6, word_load(text + 40));
    slot_end(slot, sum);
}

/* Fewer than eight bytes as a word with zeros behind them. Never reads outside them. */
static inline u64 word_of(const char *text, u64 bytes)
{
    u64 word = 0;

    for (u64 i = 0; i < bytes; i++)
        word |= (u64)(u8)text[i] << 8 * i;
    return word;
}

/* The rest of a text, less than a record. */
static inline void log_rest(struct recorder *recorder, const char *text, u64 bytes)
{
    u32 sequence, sum, index = 1;
    volatile u64 *slot = log_slot(recorder, &sequence);
    const char *end = text + bytes;

    sum = slot_begin(slot, sequence, RECORD_LOG, bytes);
    for (; (u64)(end - text) >= 8; text += 8)
        sum = slot_add(slot, sum, index++, word_load(text));
    if (text != end)
        sum = slot_add(slot, sum, index++, word_of(text, (u64)(end - text)));
    for (; index <= TEXT_WORDS; index++)
        sum = slot_add(slot, sum, index, 0);
    slot_end(slot, sum);
}

void recorder_log(struct recorder *recorder, const char *text, u64 bytes)
{
    if (recorder->bank == NULL)
        return;
    for (; bytes >= RECORDER_TEXT_BYTES; bytes -= RECORDER_TEXT_BYTES) {
        log_whole(recorder, text);
        text += RECORDER_TEXT_BYTES;
    }
    if (bytes != 0)
        log_rest(recorder, text, bytes);
}

/* --- reading --- */

static bool belongs(const struct recorder_record *record, u32 index)
{
    if (index == 0)
        return record->kind == RECORD_HEAD && record->value[0] != 0 &&
               record->sequence == (u32)record->value[0];
    if (record->sequence == 0 || record->length > RECORDER_TEXT_BYTES)
        return false;
    if (index < RECORDER_LOG_FIRST)
        return record->kind >= RECORD_MILESTONE && record->kind <= RECORD_CLEAN &&
               record->sequence % RECORDER_EVENT_COUNT == index - RECORDER_EVENT_FIRST;
    return record->kind == RECORD_LOG && record->length != 0 &&
           record->sequence % RECORDER_LOG_COUNT == index - RECORDER_LOG_FIRST;
}

bool recorder_read(const void *bank, u32 index, struct recorder_record *out)
{
    const volatile u64 *slot =
        (const volatile u64 *)((const u8 *)bank + (u64)index * RECORDER_RECORD_BYTES);
    u32 sum = RECORDER_SEED;
    u64 word[RECORD_WORDS];

    if (index >= RECORDER_BANK_BYTES / RECORDER_RECORD_BYTES)
        return false;
    /* Once: what is checked is what is used, whatever happens to the bank meanwhile. */
    for (u32 i = 0; i < RECORD_WORDS; i++)
        word[i] = slot[i];
    for (u32 i = 0; i < RECORD_WORDS - 1; i++)
        sum = sum_word(sum, word[i]);
    sum = rotate(sum, 5) ^ (u32)word[RECORD_WORDS - 1];
    if (sum != (u32)(word[RECORD_WORDS - 1] >> 32))
        return false;
    __builtin_memcpy(out, word, sizeof(*out));
    return belongs(out, index);
}

static u32 newest_sequence(const void *bank, u32 first, u32 count)
{
    struct recorder_record record;
    u32 newest = 0;

    for (u32 i = 0; i < count; i++)
        if (recorder_read(bank, first + i, &record) && record.sequence > newest)
            newest = record.sequence;
    return newest;
}

void recorder_open(struct recorder *recorder, void *bank)
{
    struct recorder_record head;

    recorder->bank = NULL;
    if (!recorder_read(bank, 0, &head))
        return;
    recorder->event_sequence = newest_sequence(bank, RECORDER_EVENT_FIRST,
                                               RECORDER_EVENT_COUNT);
    recorder->log_sequence = newest_sequence(bank, RECORDER_LOG_FIRST,
                                             RECORDER_LOG_COUNT);
    recorder->bank = bank;
}

/* Calls each for a ring's records from the oldest to the newest. */
static void ring_for_each(const void *bank, u32 first, u32 count,
                          recorder_each_fn each, void *context)
{
    u32 newest = newest_sequence(bank, first, count);
    u32 sequence = newest > count ? newest - count + 1 : 1;
    struct recorder_record record;

    for (; newest != 0 && sequence <= newest && sequence != 0; sequence++)
        if (recorder_read(bank, first + sequence % count, &record) &&
            record.sequence == sequence)
            each(&record, context);
}

static void story_add(const struct recorder_record *event, void *context)
{
    struct recorder_story *story = context;

    switch (event->kind) {
    case RECORD_MILESTONE:
        story->has_milestone = true;
        story->milestone = (u32)event->value[0];
        break;
    case RECORD_IMAGE:
        story->has_image = true;
        story->image_virt = event->value[0];
        story->kernel_phys = event->value[1];
        break;
    case RECORD_EXCEPTION:
        if (!story->has_exception)
            story->exception = *event;
        story->has_exception = true;
        break;
    case RECORD_DEATH:
        if (!story->has_death)
            story->death = *event;
        story->has_death = true;
        break;
    case RECORD_CLEAN:
        if (event->value[0] == RECORD_CLEAN_READ)
            story->was_read = true;
        else
            story->ended = true;
        break;
    default:
        break;
    }
}

bool recorder_tell(const void *bank, struct recorder_story *out)
{
    struct recorder_record head;

    __builtin_memset(out, 0, sizeof(*out));
    if (!recorder_read(bank, 0, &head))
        return false;
    out->boot_count = head.value[0];
    __builtin_memcpy(out->build_id, &head.value[1], sizeof(out->build_id));
    recorder_event_for_each(bank, story_add, out);
    return true;
}

void recorder_event_for_each(const void *bank, recorder_each_fn each, void *context)
{
    ring_for_each(bank, RECORDER_EVENT_FIRST, RECORDER_EVENT_COUNT, each, context);
}

void recorder_log_for_each(const void *bank, recorder_each_fn each, void *context)
{
    ring_for_each(bank, RECORDER_LOG_FIRST, RECORDER_LOG_COUNT, each, context);
}
