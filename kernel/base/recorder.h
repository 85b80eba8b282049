/* SPDX-License-Identifier: MIT
 *
 * The flight recorder's records (kernel/boot/recorder.h): writing them into a bank and
 * reading them back, whoever the bank belongs to.
 *
 * Owns:     nothing; a bank is memory given by pointer, mapped uncached.
 * Does not: know where the bank lies, or what a death is.
 * Locking:  none. Each record has a slot of its own, taken by one atomic step: a trap
 *           or another CPU in the middle of a record spoils nothing.
 * Context:  any: early code, NMI, the path of death. Nothing is called.
 * Cost:     about 70 instructions and eight stores to uncached memory a record.
 */
#ifndef PLINTH_KERNEL_BASE_RECORDER_H
#define PLINTH_KERNEL_BASE_RECORDER_H

#include "kernel/base/types.h"
#include "kernel/boot/recorder.h"

#define RECORDER_VALUES 6

/* A bank that is being written. With bank NULL every function does nothing. */
struct recorder {
    void *bank;
    u32 event_next; /* sequence numbers of the records to come, from 1 */
    u32 log_next;
};

/* Goes on where the records of the bank end. The bank's head must be valid, else the
 * recorder stays off: then it is no bank. 8-byte aligned. */
void recorder_open(struct recorder *recorder, void *bank);

/* One event with up to RECORDER_VALUES values; the others are 0. */
void recorder_event(struct recorder *recorder, u16 kind, const u64 *values, u32 count);

/* Text of one byte or more, in as many log records as it takes. */
void recorder_log(struct recorder *recorder, const char *text, u32 bytes);

/* Copies the record at an index of its bank (0: the head). False: what lies there is
 * not a record, or one that does not belong there; then *out means nothing. */
MUST_USE bool recorder_read(const void *bank, u32 index, struct recorder_record *out);

/* What a bank tells of the boot that wrote it. */
struct recorder_story {
    u64 boot_count;
    u8 build_id[20];
    bool has_milestone, has_image, has_exception, has_death;
    bool ended; /* on purpose */
    bool was_read;
    u32 milestone; /* the last one */
    u64 image_virt, kernel_phys;
    /* The first fatal exception and the first death: later ones came while it was being
     * reported. */
    struct recorder_record exception, death;
};

/* False: no valid head. Nothing outside the bank is touched. */
MUST_USE bool recorder_tell(const void *bank, struct recorder_story *out);

/* Calls each for the bank's events, or its log records, oldest first. */
typedef void (*recorder_each_fn)(const struct recorder_record *record, void *context);
void recorder_event_for_each(const void *bank, recorder_each_fn each, void *context);
void recorder_log_for_each(const void *bank, recorder_each_fn each, void *context);

#endif
