/* SPDX-License-Identifier: MIT
 *
 * Random work for all of mm at once, the same for the same seed: objects, blocks of
 * frames, mappings of a program's space and of devices come and go in no order, each
 * holds what it must hold until it goes, and after every thousand steps memory is
 * audited as a whole.
 *
 *   test=soak soak=OPERATIONS seed=N
 */
#include "kernel/arch/cpu_features.h"
#include "kernel/base/string.h"
#include "kernel/early/handover.h"
#include "mm/audit.h"
#include "mm/heap.h"
#include "mm/kernel_space.h"
#include "mm/pmm.h"
#include "mm/ram.h"
#include "tests/kernel/cases.h"
#include "tests/kernel/program_space.h"

#define OPERATIONS  20000
#define AUDIT_EVERY 1000
#define SLOTS       64
#define DEVICES     8
#define SLOT_BYTES  (4 * PAGE_2M_BYTES) /* of addresses, for one block's mapping */

struct object {
    u8 *at;
    u64 bytes;
    u8 pattern;
};

/* A block, and what of it is mapped: from its first frame on, at its slot's address. */
struct block {
    pfn_t pfn;
    u32 order;
    bool taken;
    u64 mapped_bytes;
};

static struct soak {
    struct selftest *t;
    u64 random;
    u64 refused; /* requests that memory could not meet */
    struct object object[SLOTS];
    struct block block[SLOTS];
    volatile void *device[DEVICES];
    struct program_space program;
} soak;

static u64 next(void)
{
    soak.random ^= soak.random << 13;
    soak.random ^= soak.random >> 7;
    soak.random ^= soak.random << 17;
    return soak.random;
}

static u64 below(u64 bound)
{
    return (next() >> 11) % bound;
}

/* --- objects --- */

static void object_check(const struct object *object)
{
    u64 last = object->bytes - 1;
    CHECK_MSG(soak.t,
              object->at[0] == object->pattern && object->at[last] == object->pattern &&
                  object->at[last / 2] == object->pattern,
              "object V:%p of %lu bytes changed", (void *)object->at, object->bytes);
}

static void object_fill(struct object *object, u64 bytes)
{
    object->bytes = bytes;
    object->pattern = (u8)(next() | 1);
    object->at[0] = object->at[bytes / 2] = object->at[bytes - 1] = object->pattern;
    object->at[(bytes - 1) / 2] = object->pattern;
}

/* Mostly small, sometimes of many pages; their touched bytes are few. */
static u64 object_bytes(void)
{
    u64 kind = below(16);
    return 1 + below(kind < 10 ? 300 : kind < 14 ? 5000 : 400000);
}

static void object_step(void)
{
    struct object *object = &soak.object[below(SLOTS)];
    if (!object->at) {
        u64 bytes = object_bytes();
        object->at = heap_alloc(bytes);
        soak.refused += !object->at;
        if (object->at)
            object_fill(object, bytes);
        return;
    }
    object_check(object);
    if (below(3) != 0) {
        heap_free(object->at);
        object->at = NULL;
        return;
    }
    u64 bytes = object_bytes();
    u8 *moved = heap_resize(object->at, bytes);
    soak.refused += !moved;
    if (!moved)
        return;
    CHECK(soak.t, moved[0] == object->pattern);
    memset(moved, 0, MIN(object->bytes, bytes)); /* what was in it, at most */
    object->at = moved;
    object_fill(object, bytes);
}

/* --- blocks of frames --- */

static void block_step(void)
{
    struct block *block = &soak.block[below(SLOTS)];
    if (!block->taken) {
        u32 order = below(4) ? (u32)below(4) : (u32)below(FRAME_ORDER_MAX + 1);
        bool raw = below(2);
        enum status status = raw ? pmm_alloc_raw(order, OWNER_TEST, &block->pfn)
                                 : pmm_alloc(order, OWNER_TEST, &block->pfn);
        soak.refused += status != STATUS_OK;
        block->taken = status == STATUS_OK;
        block->order = order;
        if (!block->taken)
            return;
        u64 *word = pfn_to_ptr(block->pfn);
        CHECK_MSG(soak.t, raw || word[below(512UL << order)] == 0, "P:%#lx is not zero",
                  pfn_to_phys(block->pfn).raw);
        word[0] = block->pfn.raw;
        return;
    }
    if (block->mapped_bytes != 0)
        return;
    CHECK(soak.t, *(u64 *)pfn_to_ptr(block->pfn) == block->pfn.raw);
    enum status status = below(2) ? pmm_free(block->pfn, block->order, OWNER_TEST)
                                  : pmm_free_raw(block->pfn, block->order, OWNER_TEST);
    CHECK_EQUAL(soak.t, status, STATUS_OK);
    block->taken = false;
}

/* --- mappings in a program's space --- */

static u64 block_virt(const struct block *block)
{
    return 0x40000000 + (u64)(block - soak.block) * SLOT_BYTES;
}

static void mapping_add(struct block *block)
{
    u64 bytes = PAGE_BYTES << block->order;
    enum status status = page_table_map(&soak.program.space,
                                        virt_make(block_virt(block)),
                                        pfn_to_phys(block->pfn), bytes,
                                        PTE_W | PTE_U | PTE_NX);
    soak.refused += status == STATUS_NO_MEMORY;
    CHECK(soak.t, status == STATUS_OK || status == STATUS_NO_MEMORY);
    if (status == STATUS_OK)
        block->mapped_bytes = bytes;
}

static void mapping_remove(struct block *block)
{
    enum status status = page_table_unmap(&soak.program.space,
                                          virt_make(block_virt(block)),
                                          block->mapped_bytes, NULL, NULL);
    CHECK(soak.t, status == STATUS_OK);
    block->mapped_bytes = 0;
}

/* Some pages in the middle get other rights, or large pages are cut or made. */
static void mapping_change(struct block *block)
{
    u64 pages = block->mapped_bytes >> PAGE_SHIFT, first = below(pages);
    u64 bytes = (1 + below(pages - first)) << PAGE_SHIFT;
    virt_t virt = virt_make(block_virt(block) + (first << PAGE_SHIFT));
    struct page_space *space = &soak.program.space;
    enum status status;
    switch (below(3)) {
    case 0:
        status = page_table_protect(space, virt, bytes,
                                    PTE_U | PTE_NX | (below(2) ? PTE_W : 0));
        break;
    case 1:
        status = page_table_split(space, virt, bytes, PAGE_BYTES);
        break;
    default:
        status = page_table_merge(space, virt_make(block_virt(block)), SLOT_BYTES);
    }
    soak.refused += status == STATUS_NO_MEMORY;
    CHECK_MSG(soak.t, status == STATUS_OK || status == STATUS_NO_MEMORY, "status %d",
              status);
}

static void mapping_check(const struct block *block)
{
    struct page_leaf leaf;
    u64 at = below(MAX(block->mapped_bytes >> PAGE_SHIFT, 1UL)) << PAGE_SHIFT;
    enum status status = page_table_query(&soak.program.space,
                                          virt_make(block_virt(block) + at), &leaf);
    CHECK_EQUAL(soak.t, status, STATUS_OK);
    CHECK(soak.t, (leaf.bits != 0) == (block->mapped_bytes != 0));
    if (leaf.bits != 0)
        CHECK_EQUAL(soak.t, leaf.phys.raw + (block_virt(block) + at - leaf.virt.raw),
                    pfn_to_phys(block->pfn).raw + at);
}

static void mapping_step(void)
{
    struct block *block = &soak.block[below(SLOTS)];
    mapping_check(block);
    if (!block->taken)
        return;
    if (block->mapped_bytes == 0)
        mapping_add(block);
    else if (below(2))
        mapping_remove(block);
    else
        mapping_change(block);
}

/* --- devices --- */

static void device_step(void)
{
    volatile void **device = &soak.device[below(DEVICES)];
    if (*device) {
        CHECK_EQUAL(soak.t, aperture_unmap(*device), STATUS_OK);
        *device = NULL;
        return;
    }
    /* The top of what the CPU can address: no machine has RAM there. */
    u64 phys = (1UL << cpu_phys_bits()) - (1 + below(4096)) * PAGE_BYTES;
    u64 most = (1UL << cpu_phys_bits()) - phys;
    enum status status = mmio_map(phys_make(phys), 1 + below(most), PAGE_CACHE_UC,
                                  device);
    soak.refused += status == STATUS_NO_MEMORY;
    CHECK(soak.t, status == STATUS_OK || status == STATUS_NO_MEMORY);
}

/* --- the whole --- */

static void step(void)
{
    u64 kind = below(16);
    if (kind < 7)
        object_step();
    else if (kind < 11)
        block_step();
    else if (kind < 15)
        mapping_step();
    else
        device_step();
}

static void give_all_back(void)
{
    for (u32 i = 0; i < SLOTS; i++) {
        struct block *block = &soak.block[i];
        if (soak.object[i].at)
            object_check(&soak.object[i]);
        heap_free(soak.object[i].at);
        if (block->mapped_bytes != 0)
            mapping_remove(block);
        if (block->taken)
            CHECK_EQUAL(soak.t, pmm_free(block->pfn, block->order, OWNER_TEST),
                        STATUS_OK);
    }
    for (u32 i = 0; i < DEVICES; i++)
        if (soak.device[i])
            CHECK_EQUAL(soak.t, aperture_unmap(soak.device[i]), STATUS_OK);
    program_space_destroy(&soak.program);
    heap_trim();
}

void test_soak(struct selftest *t)
{
    struct pmm_stats before, after;
    struct heap_stats heap;
    u64 operations = OPERATIONS, seed = 1, done = 0, audits = 0;
    config_u64(handover.config, "soak", &operations);
    config_u64(handover.config, "seed", &seed);
    soak = (struct soak){.t = t, .random = seed * 0x9E3779B97F4A7C15 + 1};
    heap_trim();
    pmm_stats_get(&before);
    heap_stats_get(&heap);
    u64 regions = heap.regions;
    if (!program_space_create(&soak.program)) {
        soak.refused++; /* fail=1 */
        CHECK(t, program_space_create(&soak.program));
    }
    while (done < operations && t->failures == 0) {
        step();
        if (++done % AUDIT_EVERY == 0) {
            audit_or_die(AUDIT_FULL, "in the soak", NULL);
            audits++;
        }
    }
    give_all_back();
    pmm_stats_get(&after);
    heap_stats_get(&heap);
    CHECK_EQUAL(t, after.free, before.free - 9 * (heap.regions - regions));
    CHECK_EQUAL(t, after.owned[OWNER_TEST], before.owned[OWNER_TEST]);
    selftest_note("soak: seed %lu, %lu operations, %lu audits, %lu requests refused, "
                  "%lu heap faults, end %016lx",
                  seed, done, audits, soak.refused, heap.faults, soak.random);
}
