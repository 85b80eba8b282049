/* SPDX-License-Identifier: MIT
 *
 * Records of the flight recorder.
 *
 * A record is written as eight words, the one with sequence number and kind last. The
 * bank is uncached, so the stores arrive in that order, and a slot holds the old
 * record, none, or the new one. With the number first, a slot that the loader has
 * emptied (by a sequence number of 0 alone) would come to life with what an earlier
 * boot left in it, until the next store. The text is summed from the source, never read
 * back: a read of uncached memory costs a trip to it, a store does not.
 *
 * RECORDER_HOOK runs behind each store. A host program that looks into half-written
 * records defines it; in the kernel it is nothing.
 */
#include "kernel/base/recorder.h"
#include "kernel/base/atomic.h"

#ifndef RECORDER_HOOK
#define RECORDER_HOOK() ((void)0)
#endif

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

static inline void slot_store(volatile u64 *slot, u32 index, u64 word)
{
    slot[index] = word;
    RECORDER_HOOK();
}

/* The first word: a sequence number of its own, the kind, the length. */
static inline u64 head_word(u32 sequence, u16 kind, u64 length)
{
    return sequence | (u64)kind << 32 | length << 48;
}

static inline u32 slot_add(volatile u64 *slot, u32 sum, u32 index, u64 word)
{
    slot_store(slot, index, word);
    return sum_word(sum, word);
}

/* The last word, a reserved zero below, the checksum above; then the first. */
static inline void slot_end(volatile u64 *slot, u32 sum, u64 head)
{
    slot_store(slot, RECORD_WORDS - 1, (u64)rotate(sum, 5) << 32);
    slot_store(slot, 0, head);
}

void recorder_event(struct recorder *recorder, u16 kind, const u64 *values, u32 count)
{
    u32 sequence, sum;
    volatile u64 *slot;
    u64 head;

    if (recorder->bank == NULL)
        return;
    sequence = atomic_fetch_add_u32(&recorder->event_next, 1);
    slot = slot_of(recorder->bank,
                   RECORDER_EVENT_FIRST + sequence % RECORDER_EVENT_COUNT);
    head = head_word(sequence, kind, MIN(count, RECORDER_VALUES) * sizeof(u64));
    sum = sum_word(RECORDER_SEED, head);
    for (u32 i = 0; i < RECORDER_VALUES; i++)
        sum = slot_add(slot, sum, 1 + i, i < count ? values[i] : 0);
    slot_end(slot, sum, head);
}

/* Eight bytes of text. Summed from the text itself, not from the loaded word: a memory
 * operand costs no instruction of its own. */
static inline u32 slot_add_text(volatile u64 *slot, u32 sum, u32 index,
                                const char *text)
{
    u32 low, high;

    __builtin_memcpy(&low, text, sizeof(low));
    __builtin_memcpy(&high, text + 4, sizeof(high));
    sum = rotate(sum, 5) ^ low;
    sum = rotate(sum, 5) ^ high;
    slot_store(slot, index, word_load(text));
    return sum;
}

/* The last bytes of a piece, fewer than eight, as a word with zeros behind them. Reads
 * what stands before them when there is enough of it, but nothing outside the piece. */
static inline u64 word_of_end(const char *end, u64 bytes, u64 piece_bytes)
{
    u64 word = 0;

    if (piece_bytes >= 8)
        return word_load(end - 8) >> (64 - 8 * bytes);
    for (u64 i = 1; i <= bytes; i++)
        word = word << 8 | (u8)end[-(int)i];
    return word;
}

static inline u32 slot_add_piece(volatile u64 *slot, u32 sum, u32 index,
                                 const char *text, u64 bytes)
{
    u64 before = (index - 1) * sizeof(u64);

    if (bytes >= before + sizeof(u64))
        return slot_add_text(slot, sum, index, text + before);
    if (bytes <= before)
        return slot_add(slot, sum, index, 0);
    return slot_add(slot, sum, index, word_of_end(text + bytes, bytes - before, bytes));
}

/* At most a record's text. Written out, because a loop would cost as much as its body;
 * with a constant length the comparisons go away. */
static inline void log_piece(volatile u64 *slot, u32 sequence, const char *text,
                             u64 bytes)
{
    u64 head = head_word(sequence, RECORD_LOG, bytes);
    u32 sum = sum_word(RECORDER_SEED, head);

    sum = slot_add_piece(slot, sum, 1, text, bytes);
    sum = slot_add_piece(slot, sum, 2, text, bytes);
    sum = slot_add_piece(slot, sum, 3, text, bytes);
    sum = slot_add_piece(slot, sum, 4, text, bytes);
    sum = slot_add_piece(slot, sum, 5, text, bytes);
    sum = slot_add_piece(slot, sum, 6, text, bytes);
    slot_end(slot, sum, head);
}

void recorder_log(struct recorder *recorder, const char *text, u32 bytes)
{
    u8 *bank = recorder->bank;
    u32 count = (bytes + RECORDER_TEXT_BYTES - 1) / RECORDER_TEXT_BYTES, sequence;
    volatile u64 *slot;

    if (bank == NULL)
        return;
    sequence = atomic_fetch_add_u32(&recorder->log_next, count);
    slot = slot_of(bank, RECORDER_LOG_FIRST) +
           sequence % RECORDER_LOG_COUNT * RECORD_WORDS;
    for (; bytes > RECORDER_TEXT_BYTES; bytes -= RECORDER_TEXT_BYTES) {
        log_piece(slot, sequence++, text, RECORDER_TEXT_BYTES);
        text += RECORDER_TEXT_BYTES;
        slot += RECORD_WORDS;
        if (slot == slot_of(bank, RECORDER_LOG_FIRST + RECORDER_LOG_COUNT))
            slot = slot_of(bank, RECORDER_LOG_FIRST);
    }
    log_piece(slot, sequence, text, bytes);
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
    recorder->event_next = 1 + newest_sequence(bank, RECORDER_EVENT_FIRST,
                                               RECORDER_EVENT_COUNT);
    recorder->log_next = 1 +
                         newest_sequence(bank, RECORDER_LOG_FIRST, RECORDER_LOG_COUNT);
    recorder->bank = bank;
}

/* Calls each for a ring's records from the oldest to the newest. */
static void ring_for_each(const void *bank, u32 first, u32 count, recorder_each_fn each,
                          void *context)
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
