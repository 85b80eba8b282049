/* SPDX-License-Identifier: MIT
 *
 * The memory map: from what the firmware says to ranges that can be believed.
 *
 * Owns:     the rules of cleaning; nothing else. The caller brings all storage.
 * Does not: allocate, log, call anything outside mm/memmap.c, keep a static buffer,
 *           hold a pointer in data (kernel/early runs it before relocations are
 *           applied; names for people are in mm/memmap_text.h, for use after the move).
 * Locking:  none; pure functions of their arguments.
 * Cost:     memmap_clean is O(n * ranges): about 3 000 instructions for QEMU's eight
 *           entries, 20 million for 1024 in the worst order. Frames below 256 bytes.
 *           Compilers may turn loops into memset, memcpy, memmove: have them at hand.
 *
 * A clean map is sorted, disjoint, made of whole pages, ends at or below phys_limit,
 * and has no two neighbours of the same type and origin. What no entry speaks about is
 * a hole: it is not in the map, and is neither memory nor device.
 *
 * The rules, in the order of their strength:
 *   - a page with one byte of a type other than usable has that type; the worst wins:
 *     bad > reserved > NVS > ACPI > persistent > usable
 *   - a page is usable when every byte of it is called usable, by one entry or several
 *   - unknown types are reserved (ACPI 6.5, chapter 15 demands it of types not known)
 *   - the attributes of an entry are not looked at: firmware fills them with rubbish
 */
#ifndef PLINTH_MM_MEMMAP_H
#define PLINTH_MM_MEMMAP_H

#include "kernel/base/status.h"
#include "kernel/base/types.h"
#include "kernel/boot/boot_info.h"
#include "kernel/boot/layout.h"

/* Cleaning starts with one segment, and each entry splits at most two of them: never
 * more than 2n + 1 for n entries, while it works and after it (merging and dropping
 * holes only make them fewer). The rest is for MEMMAP_PUNCH_MAX punch-outs, which split
 * at most two ranges each. */
#define MEMMAP_PUNCH_MAX 64
#define MEMMAP_RANGE_MAX (2 * E820_RAW_MAX + 1 + 2 * MEMMAP_PUNCH_MAX)

/* memmap_range.flags */
#define MEMMAP_PUNCHED   1 /* made so by memmap_punch, not by the firmware */

struct memmap_range {
    u64 base;
    u64 bytes;
    u32 type; /* E820_... of kernel/boot/boot_info.h, never an unknown one */
    u32 flags;
};

/* About 52 KiB: never on a stack. */
struct memmap {
    u32 count;
    u32 reserved;
    u64 phys_limit;
    struct memmap_range ranges[MEMMAP_RANGE_MAX];
};

/* What became of one raw entry: the result of memmap_explain. */
#define MEMMAP_KEPT              0x0001 /* all of it, and no more, has its type */
#define MEMMAP_ZERO_LENGTH       0x0002 /* skipped */
#define MEMMAP_WRAPPED           0x0004 /* ran past 2^64, cut */
#define MEMMAP_ABOVE_LIMIT       0x0008 /* ran past phys_limit or lay above it, cut */
#define MEMMAP_UNKNOWN_TYPE      0x0010 /* taken as reserved */
#define MEMMAP_SHRUNK            0x0020 /* usable: lost bytes of pages usable in part */
#define MEMMAP_GROWN             0x0040 /* not usable: took the rest of a page */
#define MEMMAP_OVERRIDDEN        0x0080 /* some of it got a worse type of another */
#define MEMMAP_OVERRIDDEN_WHOLLY 0x0100 /* nothing is left under its type */
#define MEMMAP_TAKEN             0x0200 /* some of it was punched out by our own rules */
#define MEMMAP_MERGED            0x0400 /* one range with a neighbour of the same type */
#define MEMMAP_OUT_OF_ORDER      0x0800 /* starts below the entry before it */
#define MEMMAP_OVERLAPS          0x1000 /* names bytes that an earlier entry named */
#define MEMMAP_NOTE_BITS         13

/* Order of types, worst highest: usable 1 .. bad 6; unknown types rank as reserved. */
u32 memmap_rank(u32 type);

/* Cleans count raw entries into map; phys_limit is 2^MAXPHYADDR. No entries give an
 * empty map. STATUS_INVALID: phys_limit is 0 or not whole pages. STATUS_TOO_BIG: count
 * is above E820_RAW_MAX. In both cases map is empty afterwards. */
MUST_USE enum status memmap_clean(const struct e820_raw *raw, u32 count, u64 phys_limit,
                                  struct memmap *map);

/* Gives what the map has within base..base+bytes (grown to pages, cut at phys_limit)
 * the given type, where that is worse than what is there. Holes stay holes, worse types
 * stay as they are, bytes == 0 does nothing. STATUS_NO_SPACE: the table is full,
 * nothing was changed (only after MEMMAP_PUNCH_MAX punches of a map as bad as
 * E820_RAW_MAX entries can be). */
MUST_USE enum status memmap_punch(struct memmap *map, u64 base, u64 bytes, u32 type);

/* Says what became of raw[index]: MEMMAP_... bits. Reads raw[0..index], O(index +
 * ranges). In mm/memmap_explain.c, which early code does not carry. */
u32 memmap_explain(const struct e820_raw *raw, u32 index, const struct memmap *map);

/* Sum of the bytes of a type. */
u64 memmap_bytes(const struct memmap *map, u32 type);

/* The range that holds phys, NULL in a hole. O(log ranges). */
const struct memmap_range *memmap_find(const struct memmap *map, u64 phys);

/* Whether every byte of base..base+bytes has the type. False if bytes == 0 or it wraps.
 */
bool memmap_covers(const struct memmap *map, u64 base, u64 bytes, u32 type);

/* The first invariant that the map does not keep (sorted, disjoint, whole pages,
 * merged, below the limit, known types), in words about ranges[*index]; NULL: it keeps
 * them all. O(ranges). */
const char *memmap_broken_rule(const struct memmap *map, u32 *index);

/* Whether it keeps them all. For asserts and tests. */
bool memmap_verify(const struct memmap *map);

#endif
