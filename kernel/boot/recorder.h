/* SPDX-License-Identifier: MIT
 *
 * The flight recorder: 64 KiB at RECORDER_PHYS that survive a reset, shared by stage2, the
 * kernel, and whoever reads the slot on the disk (scripts/image.py lastboot).
 *
 *   bank 0 (32 KiB)                             bank 1: the same
 *   +0x0000 head           1 record             boots use the banks in turn, so the last
 *   +0x0040 events         127 records, a ring  words of one boot stay whole while the
 *   +0x2000 log            384 records, a ring  next one writes its own
 *
 * A record is 64 bytes, complete in itself: a sequence number and a checksum over the rest.
 * It is written sequence number last, to uncached memory (or followed by WBINVD where paging
 * is off), so that a triple fault between any two instructions leaves every older record valid.
 * Record n of a ring is at n modulo its size; the newest is the valid one with the highest
 * sequence number. Rubbish at power-on fails the checksum or the bank's number.
 *
 * Checksum: start with RECORDER_SEED; for each of the first 15 dwords: rotate left by 5,
 * exclusive-or with the dword. Not for secrets; for memory that lost power.
 *
 * The numbers are suffix-free so that NASM reads them too.
 */
#ifndef PLINTH_KERNEL_BOOT_RECORDER_H
#define PLINTH_KERNEL_BOOT_RECORDER_H

#include "kernel/boot/wire.h"

#define RECORDER_BANK_BYTES   0x8000
#define RECORDER_RECORD_BYTES 64
#define RECORDER_EVENT_FIRST  1   /* record index in its bank */
#define RECORDER_EVENT_COUNT  127
#define RECORDER_LOG_FIRST    128
#define RECORDER_LOG_COUNT    384
#define RECORDER_SEED         0x504C5243
#define RECORDER_TEXT_BYTES   48

/* recorder_record.kind */
#define RECORD_HEAD      0x4C50 /* value[0] boot count; value[1..3] first 24 bytes: build-id */
#define RECORD_MILESTONE 1      /* value[0] MILESTONE_..., value[1] TSC */
#define RECORD_IMAGE     2      /* value[0] where the image runs from now on: kernel_phys, later
                                   image_virt; value[1] kernel_phys */
#define RECORD_EXCEPTION 3      /* vector | error code << 32, RIP, CR2, CR3, RSP, TSC */
#define RECORD_DEATH     4      /* value[0] code as text, NUL-padded ("PF-03"); RIP, CR2, CR3,
                                   RSP, TSC */
#define RECORD_CLEAN     5      /* nothing left to tell: the boot ended on purpose (reboot,
                                   halt, exit); or value[0] is RECORD_CLEAN_READ: added by a
                                   later boot, which has shown what stands before it */
#define RECORD_LOG       6      /* length bytes of text */

#define RECORD_CLEAN_READ 1

struct recorder_record {
    u32 sequence; /* from 1 in each ring and bank; the head has its boot count's low half */
    u16 kind;
    u16 length;
    union {
        u64 value[6];
        u8 text[RECORDER_TEXT_BYTES];
    };
    u32 reserved;
    u32 check;
};

#endif
