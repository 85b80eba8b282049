/* SPDX-License-Identifier: MIT
 *
 * The log's ring.
 *
 * A record is an 8-byte head and its text, both at positions counted for ever and
 * masked into the ring, so that a record may wrap. A reader checks each head, because a
 * writer in an NMI may have cut into a half-written record.
 */
#include "kernel/base/log_ring.h"
#include "kernel/base/string.h"

#define RECORD_MAGIC 0xA51D
#define RING_MASK    (LOG_RING_BYTES - 1)

STATIC_ASSERT((LOG_RING_BYTES & RING_MASK) == 0, "ring positions are masked");

struct record {
    u16 magic;
    u16 level;
    u32 bytes;
};

static struct {
    u64 head; /* where the next record goes */
    u64 tail; /* the oldest record */
    u8 bytes[LOG_RING_BYTES] ALIGNED(8);
} ring;

static void ring_copy_in(u64 position, const void *data, u64 bytes)
{
    u64 at = position & RING_MASK;
    u64 first = MIN(bytes, LOG_RING_BYTES - at);

    memcpy(ring.bytes + at, data, first);
    memcpy(ring.bytes, (const u8 *)data + first, bytes - first);
}

static void ring_copy_out(u64 position, void *data, u64 bytes)
{
    u64 at = position & RING_MASK;
    u64 first = MIN(bytes, LOG_RING_BYTES - at);

    memcpy(data, ring.bytes + at, first);
    memcpy((u8 *)data + first, ring.bytes, bytes - first);
}

/* The record at position. False when there is no whole record there. */
static bool ring_record(u64 position, struct record *record)
{
    if (ring.head - position < sizeof(*record) || ring.head - position > LOG_RING_BYTES)
        return false;
    ring_copy_out(position, record, sizeof(*record));
    return record->magic == RECORD_MAGIC &&
           record->bytes <= ring.head - position - sizeof(*record);
}

u64 log_ring_head(void)
{
    return ring.head;
}

void log_ring_append(enum log_level level, const char *text, u64 bytes)
{
    struct record record = {RECORD_MAGIC, (u16)level, (u32)bytes};
    struct record oldest;

    while (ring.head + sizeof(record) + bytes - ring.tail > LOG_RING_BYTES)
        if (ring_record(ring.tail, &oldest))
            ring.tail += sizeof(oldest) + oldest.bytes;
        else
            ring.tail = ring.head;
    ring_copy_in(ring.head, &record, sizeof(record));
    ring_copy_in(ring.head + sizeof(record), text, bytes);
    ring.head += sizeof(record) + bytes;
}

u64 log_ring_take(u64 *cursor, char *out, u64 out_bytes, enum log_level *level)
{
    struct record record;
    u64 bytes;

    /* A cursor that was overtaken starts again at the oldest record. */
    if (ring.head - *cursor > ring.head - ring.tail)
        *cursor = ring.tail;
    if (!ring_record(*cursor, &record)) {
        *cursor = ring.head;
        return 0;
    }
    bytes = MIN((u64)record.bytes, out_bytes - 1);
    ring_copy_out(*cursor + sizeof(record), out, bytes);
    out[bytes] = '\0';
    *level = (enum log_level)record.level;
    *cursor += sizeof(record) + record.bytes;
    return bytes;
}

/* Moves on to the next whole record that ends before a position. What a torn one has
 * left is passed byte by byte. */
static bool record_before(u64 end, u64 *position, struct record *record)
{
    for (; (int64_t)(end - *position) > 0; (*position)++)
        if (ring_record(*position, record) && record->level <= LOG_DEBUG &&
            record->bytes <= LOG_LINE_BYTES &&
            record->bytes <= end - *position - sizeof(*record))
            return true;
    return false;
}

void log_ring_visit(u64 end, u32 most,
                    void (*visit)(enum log_level level, const char *text))
{
    char text[LOG_LINE_BYTES + 1];
    struct record record;
    u32 count = 0;

    for (u64 at = ring.tail; record_before(end, &at, &record); count++)
        at += sizeof(record) + record.bytes;
    for (u64 at = ring.tail; record_before(end, &at, &record); count--) {
        if (count <= most) {
            ring_copy_out(at + sizeof(record), text, record.bytes);
            text[record.bytes] = '\0';
            visit((enum log_level)record.level, text);
        }
        at += sizeof(record) + record.bytes;
    }
}
