/* SPDX-License-Identifier: MIT
 *
 * libFuzzer target of the map cleaner: bytes become raw entries and punches; the map is
 * compared with the oracle around every border, and every explanation is asked for.
 *
 * Input: one byte chooses the limit, then records. The first byte of a record is its
 * kind: 0..127    a small entry, 6 bytes: type, base and length in units of 256 bytes,
 * so that the
 *             fuzzer finds borders inside pages and overlaps without luck
 *   128..239  a wide entry, 21 bytes: type, base and length as they are
 *   240..255  a punch in small units, 6 bytes, applied after all entries
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/host/memmap_oracle.h"

#define FUZZ_PUNCHES 8

static struct memmap map;
static struct e820_raw raw[E820_RAW_MAX];
static struct oracle_punch punches[FUZZ_PUNCHES];

struct input {
    const u8 *bytes;
    size_t left;
};

static u64 take(struct input *input, size_t bytes)
{
    u64 value = 0;

    bytes = MIN(bytes, input->left);
    memcpy(&value, input->bytes, bytes);
    input->bytes += bytes;
    input->left -= bytes;
    return value;
}

static struct oracle_punch take_small(struct input *input)
{
    struct oracle_punch piece;

    piece.type = (u32)take(input, 1) & 15;
    piece.base = take(input, 2) << 8;
    piece.bytes = take(input, 2) << 8;
    return piece;
}

static struct oracle take_map(struct input *input)
{
    struct oracle oracle = {.raw = raw, .punches = punches};

    while (input->left > 0 && oracle.count < E820_RAW_MAX) {
        u64 kind = take(input, 1);
        struct e820_raw *entry = &raw[oracle.count];

        if (kind >= 240) {
            if (oracle.punch_count < FUZZ_PUNCHES)
                punches[oracle.punch_count++] = take_small(input);
            continue;
        }
        memset(entry, 0, sizeof *entry);
        if (kind < 128) {
            struct oracle_punch small = take_small(input);

            entry->type = small.type;
            entry->base = small.base;
            entry->bytes = small.bytes;
        } else {
            entry->type = (u32)take(input, 4);
            entry->base = take(input, 8);
            entry->bytes = take(input, 8);
        }
        oracle.count++;
    }
    return oracle;
}

static void demand(const char *difference)
{
    if (difference != NULL) {
        fprintf(stderr, "memmap: %s\n", difference);
        abort();
    }
}

/* libFuzzer takes any text for -runs= and keeps of it what it can read. */
static void demand_runs(const char *text)
{
    errno = 0;
    long long runs = strtoll(text, NULL, 10);

    if (*text == 0 || text[strspn(text, "0123456789")] != 0 || errno != 0 || runs < 1 ||
        runs > INT_MAX) {
        fprintf(stderr, "fuzz: FUZZ_RUNS=%s: a number from 1 to %d\n", text, INT_MAX);
        exit(2);
    }
}

int LLVMFuzzerInitialize(int *count, char ***words);

int LLVMFuzzerInitialize(int *count, char ***words)
{
    for (int i = 1; i < *count; i++)
        if (strncmp((*words)[i], "-runs=", 6) == 0)
            demand_runs((*words)[i] + 6);
    return 0;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static const u64 limits[] = {(u64)1 << 52, (u64)1 << 24, 0x800000, PAGE_BYTES,
                                 (u64)1 << 36, 0 - (u64)PAGE_BYTES};
    struct input input = {data, size};
    u64 limit = limits[take(&input, 1) % ARRAY_COUNT(limits)];
    struct oracle all = take_map(&input);
    struct oracle plain = all;

    plain.punch_count = 0;
    if (memmap_clean(raw, all.count, limit, &map) != STATUS_OK)
        demand("memmap_clean refuses");
    demand(oracle_compare_borders(&plain, &map));
    if (map.count > 0 && map.count > 2 * all.count - 1)
        demand("more ranges than 2n - 1");
    for (u32 i = 0; i < all.punch_count; i++) {
        const struct oracle_punch *punch = &punches[i];

        if (memmap_punch(&map, punch->base, punch->bytes, punch->type) != STATUS_OK)
            demand("memmap_punch refuses");
    }
    if (all.punch_count > 0)
        demand(oracle_compare_borders(&all, &map));
    for (u32 i = 0; i < all.count; i++) {
        u32 notes = memmap_explain(raw, i, &map);

        if (notes == 0 || notes >> MEMMAP_NOTE_BITS != 0)
            demand("an entry without an explanation");
    }
    return 0;
}
