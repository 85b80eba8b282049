/* SPDX-License-Identifier: MIT */
#include "tests/host/mmu_world.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel/arch/cpu_features.h"
#include "kernel/arch/trap_frame.h"
#include "kernel/base/atomic.h"
#include "kernel/base/fnv.h"
#include "mm/ram.h"
#include "tests/host/world.h"

#define POOL_PHYS     GIB(5)
#define POOL_MAX      16384
#define USER_ARENA    0x0000123440000000UL
#define KERNEL_ARENA  (APERTURE_BASE + (256UL << 30))
#define PCIDS         3
#define GLOBAL        PCIDS /* the set of GLOBAL leaves */
#define CR3_NO_FLUSH  (1UL << 63)
#define CR3_PCID_MASK 0xFFFUL

/* What the CPU knows of one arena in one PCID. */
struct known_leaf {
    u64 leaf; /* phys, bits as of a 4 KiB entry */
    u64 generation;
};
struct known_table {
    u64 phys;
    u64 generation;
};
struct known {
    struct known_leaf *leaf[4];   /* by level 1..3 */
    struct known_table *table[5]; /* by the level of the entry that named it, 2..4 */
};

struct mmu_counts mmu;
u64 ram_section_bits[RAM_SECTIONS / 64];

static struct {
    bool open;
    struct mmu_options options;
    u64 cr3, cr4;
    u32 current;
    u64 generation[PCIDS + 1]; /* leaves; GLOBAL ones last */
    u64 table_generation[PCIDS];
    u64 next; /* frame to give next */
    u64 refuse;
    bool refused;
    u32 locks;
    void (*other)(void *);
    void *context;
} sim;
static struct known known[MMU_SPACES][PCIDS + 1];
static struct page_space spaces[MMU_SPACES];
static struct {
    bool used;
    u16 children;
} frames[POOL_MAX];

static void PRINTF(1, 2) wrong(const char *fmt, ...)
{
    char text[300];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    fail_msg("%s", text);
    abort();
}

/* --- what the sources need besides --- */

void world_die(enum code code, const char *text)
{
    wrong("death %u: %s", (u32)code, text);
    abort();
}

u64 spin_lock_irqsave(struct spinlock *lock)
{
    if (lock->holder)
        wrong("the lock of %s is taken twice", lock->name);
    lock->holder = 1;
    sim.locks++;
    return sim.locks;
}

void spin_unlock_irqrestore(struct spinlock *lock, u64 flags)
{
    if (!lock->holder || flags != sim.locks)
        wrong("a lock is released that is not the last one taken");
    lock->holder = 0;
    sim.locks--;
}

bool cpu_has(enum cpu_feature feature)
{
    return feature == FEATURE_INVPCID ? sim.options.invpcid : true;
}

u32 cpu_phys_bits(void)
{
    return 46;
}

static bool in_pool(u64 phys)
{
    return phys - POOL_PHYS < sim.options.tables * PAGE_BYTES;
}

bool ram_contains(phys_t base, u64 bytes)
{
    return in_pool(base.raw) && in_pool(base.raw + bytes - 1);
}

/* --- frames of tables --- */

static u64 index_of(u64 phys)
{
    if (!in_pool(phys) || !frames[(phys - POOL_PHYS) >> PAGE_SHIFT].used)
        wrong("P:%#lx is no table", phys);
    return (phys - POOL_PHYS) >> PAGE_SHIFT;
}

static enum status table_alloc(phys_t *out)
{
    if (sim.refuse == 1 || mmu.free == 0) {
        sim.refused = true;
        return STATUS_NO_MEMORY;
    }
    sim.refuse -= sim.refuse != 0;
    while (frames[sim.next % sim.options.tables].used)
        sim.next++;
    u64 index = sim.next % sim.options.tables;
    frames[index].used = true;
    mmu.free--;
    *out = phys_make(POOL_PHYS + index * PAGE_BYTES);
    return STATUS_OK;
}

static void table_free(phys_t table)
{
    u64 index = index_of(table.raw);
    if (frames[index].children != 0)
        wrong("the table at P:%#lx is freed with %u children", table.raw,
              frames[index].children);
    for (u32 s = 0; s < MMU_SPACES; s++)
        for (u32 p = 0; p < PCIDS; p++)
            for (u64 i = 0; i < MMU_ARENA_BYTES >> PAGE_2M_SHIFT; i++)
                if (known[s][p].table[2][i].phys == table.raw &&
                    known[s][p].table[2][i].generation == sim.table_generation[p])
                    wrong("the table at P:%#lx is freed while PCID %u walks by it",
                          table.raw, p);
    memset(phys_to_ptr(table), 0, PAGE_BYTES);
    frames[index].used = false;
    /* Every other one is a table again at once, the rest later. */
    if (mmu.free++ & 1)
        sim.next = index;
}

static u32 table_children(phys_t table)
{
    return frames[index_of(table.raw)].children;
}

static void table_children_add(phys_t table, int change)
{
    u64 index = index_of(table.raw);
    frames[index].children = (u16)(frames[index].children + change);
    if (frames[index].children > TABLE_ENTRIES)
        wrong("the table at P:%#lx has %u children", table.raw, frames[index].children);
}

void mmu_refuse(u64 n)
{
    sim.refuse = n;
    sim.refused = false;
}

bool mmu_refused(void)
{
    return sim.refused;
}

/* --- registers --- */

static u32 pcid_now(void)
{
    return sim.cr4 & CR4_PCIDE ? (u32)(sim.cr3 & CR3_PCID_MASK) : 0;
}

static void forget_all(void)
{
    for (u32 i = 0; i <= PCIDS; i++)
        sim.generation[i]++;
    for (u32 i = 0; i < PCIDS; i++)
        sim.table_generation[i]++;
}

u64 read_cr3(void)
{
    return sim.cr3;
}

/* GLOBAL leaves stay. */
void write_cr3(u64 value)
{
    bool keep = (value & CR3_NO_FLUSH) && (sim.cr4 & CR4_PCIDE);
    sim.cr3 = value & ~CR3_NO_FLUSH;
    if (keep)
        return;
    sim.generation[pcid_now()]++;
    sim.table_generation[pcid_now()]++;
}

u64 read_cr4(void)
{
    return sim.cr4;
}

void mmu_before_flush(void (*other)(void *), void *context)
{
    sim.other = other;
    sim.context = context;
}

static void other_runs(void)
{
    void (*other)(void *) = sim.other;
    sim.other = NULL;
    if (other)
        other(sim.context);
}

void write_cr4(u64 value)
{
    other_runs();
    if ((value ^ sim.cr4) & CR4_PGE) {
        forget_all();
        mmu.full_flushes += (value & CR4_PGE) != 0;
    }
    sim.cr4 = value;
}

void invpcid(u64 type, u64 pcid, u64 virt)
{
    (void)virt;
    if (!sim.options.invpcid || type != INVPCID_ALL || pcid != 0)
        wrong("INVPCID type %lu, PCID %lu: not on this CPU", type, pcid);
    other_runs();
    forget_all();
    mmu.full_flushes++;
}

u64 irq_save(void)
{
    return 0x200;
}

void irq_restore(u64 flags)
{
    if (flags != 0x200)
        wrong("interrupt flags %#lx", flags);
}

/* --- what is known --- */

static bool arena_of(u64 virt, u32 *space, u64 *offset)
{
    *space = virt >= KERNEL_ARENA - MMU_MARGIN ? 0 : sim.current;
    *offset = virt - mmu_arena(*space);
    return *offset < MMU_ARENA_BYTES;
}

static u64 slot_of(u64 offset, u32 level)
{
    /* The arena begins a margin before a GiB: count from the GiB below. */
    return (offset + PAGE_1G_BYTES - MMU_MARGIN) / level_bytes(level);
}

static struct known_leaf *leaf_at(u32 space, u32 set, u32 level, u64 offset)
{
    u64 first = (PAGE_1G_BYTES - MMU_MARGIN) / level_bytes(level);
    return &known[space][set].leaf[level][slot_of(offset, level) - first];
}

static struct known_table *table_known(u32 space, u32 pcid, u32 level, u64 offset)
{
    u64 first = (PAGE_1G_BYTES - MMU_MARGIN) / level_bytes(level);
    return &known[space][pcid].table[level][slot_of(offset, level) - first];
}

static void tables_forget(u32 pcid)
{
    sim.table_generation[pcid]++;
}

/* One page in this PCID and GLOBAL; the paging-structure caches of this PCID. */
void invlpg(u64 virt)
{
    u32 space;
    u64 offset;
    mmu.page_flushes++;
    tables_forget(pcid_now());
    if (!arena_of(virt, &space, &offset))
        return;
    for (u32 level = 1; level <= 3; level++) {
        leaf_at(space, pcid_now(), level, offset)->generation = 0;
        leaf_at(space, GLOBAL, level, offset)->generation = 0;
    }
}

static bool set_knows(u32 space, u32 set, u64 offset)
{
    for (u32 level = 1; level <= 3; level++)
        if (leaf_at(space, set, level, offset)->generation == sim.generation[set])
            return true;
    return false;
}

bool mmu_knows(u32 space, u64 virt)
{
    u64 offset = virt - mmu_arena(space);
    for (u32 set = 0; offset < MMU_ARENA_BYTES && set <= PCIDS; set++)
        if (set_knows(space, set, offset))
            return true;
    return false;
}

/* --- the walk --- */

static u64 atomic_note(phys_t table, u32 slot, u64 bits)
{
    return atomic_fetch_or_u64((u64 *)phys_to_ptr(table) + slot, bits) | bits;
}

/* The table of `level` entries that the walk of virt goes on with, from the deepest
 * known one. 0: not present. */
static u64 walk_to_leaf(u32 space, u64 virt, u64 offset, u32 *level, u64 *entry)
{
    u32 pcid = pcid_now();
    u64 table = sim.cr3 & PTE_FRAME_MASK;
    *level = 4;
    for (u32 above = 2; above <= 4; above++) {
        struct known_table *deep = table_known(space, pcid, above, offset);
        if (deep->generation == sim.table_generation[pcid]) {
            table = deep->phys;
            *level = above - 1;
            break;
        }
    }
    for (;; (*level)--) {
        u32 slot = virt_slot(virt_make(virt), *level);
        index_of(table);
        *entry = pte_read((pte_t *)phys_to_ptr(phys_make(table)) + slot).raw;
        if (!(*entry & PTE_P))
            return 0;
        *entry = atomic_note(phys_make(table), slot, PTE_A);
        if (pte_is_leaf((pte_t){*entry}, *level))
            return table;
        table = *entry & PTE_FRAME_MASK;
        *table_known(space, pcid, *level,
                     offset) = (struct known_table){table, sim.table_generation[pcid]};
    }
}

static u64 right_missing(u64 bits, enum mmu_access access, bool user)
{
    if (user && !(bits & PTE_U))
        return PTE_U;
    if (access == MMU_WRITE && !(bits & PTE_W))
        return PTE_W;
    return access == MMU_FETCH ? bits & PTE_NX : 0;
}

static struct mmu_result fault(u32 space, u64 offset, u64 code, enum mmu_access access)
{
    /* The fault drops the entries of the address (SDM vol. 3A, 4.10.4.1). */
    for (u32 set = 0; set <= PCIDS; set++)
        for (u32 level = 1; level <= 3; level++)
            if (set == GLOBAL || set == pcid_now())
                leaf_at(space, set, level, offset)->generation = 0;
    tables_forget(pcid_now());
    code |= access == MMU_WRITE ? PF_WRITE : access == MMU_FETCH ? PF_FETCH : 0;
    return (struct mmu_result){true, code | (space ? PF_USER : 0), 0};
}

static struct known_leaf *known_find(u32 space, u64 offset, u32 *level)
{
    u32 sets[] = {GLOBAL, pcid_now()};
    for (*level = 3; *level >= 1; (*level)--)
        for (u32 i = 0; i < ARRAY_COUNT(sets); i++) {
            struct known_leaf *leaf = leaf_at(space, sets[i], *level, offset);
            if (leaf->generation == sim.generation[sets[i]])
                return leaf;
        }
    return NULL;
}

struct mmu_result mmu_touch(u64 virt, enum mmu_access access)
{
    u32 space, level;
    u64 offset, entry;
    if (!arena_of(virt, &space, &offset))
        wrong("V:%#lx lies in no arena of the space that runs", virt);
    struct known_leaf *leaf = known_find(space, offset, &level);
    if (leaf && right_missing(leaf->leaf, access, space != 0))
        return fault(space, offset, PF_PRESENT, access);
    if (!leaf || (access == MMU_WRITE && !(leaf->leaf & PTE_D))) {
        mmu.walks++;
        u64 table = walk_to_leaf(space, virt, offset, &level, &entry);
        if (table == 0)
            return fault(space, offset, 0, access);
        if (right_missing(entry, access, space != 0))
            return fault(space, offset, PF_PRESENT, access);
        if (access == MMU_WRITE)
            entry = atomic_note(phys_make(table), virt_slot(virt_make(virt), level),
                                PTE_D);
        u32 set = entry & PTE_G ? GLOBAL : pcid_now();
        leaf = leaf_at(space, set, level, offset);
        leaf->leaf = pte_phys((pte_t){entry}, level).raw |
                     pte_leaf_bits((pte_t){entry}, level);
        leaf->generation = sim.generation[set];
    } else {
        mmu.hits++;
    }
    u64 phys = (leaf->leaf & PTE_FRAME_MASK) + (virt & (level_bytes(level) - 1));
    return (struct mmu_result){false, 0, phys};
}

/* --- life --- */

struct page_space *mmu_space(u32 index)
{
    return &spaces[index];
}

u64 mmu_arena(u32 index)
{
    return (index == 0 ? KERNEL_ARENA : USER_ARENA) - MMU_MARGIN;
}

void mmu_switch(u32 index, bool keep)
{
    u64 pcid = sim.options.pcid ? index : 0;
    sim.current = index;
    write_cr3(spaces[index].root.raw | pcid | (keep ? CR3_NO_FLUSH : 0));
}

static u64 table_fold(u64 sum, phys_t table, u32 level, u64 *count)
{
    (*count)++;
    for (u32 i = 0; i < TABLE_ENTRIES; i++) {
        pte_t entry = pte_read((pte_t *)phys_to_ptr(table) + i);
        sum = fnv1a_64(sum, &entry.raw, sizeof(entry.raw));
        if (pte_is_table(entry, level))
            sum = table_fold(sum, pte_phys(entry, level), level - 1, count);
    }
    return sum;
}

u64 mmu_fingerprint(void)
{
    u64 count = 0, sum = FNV1A_64_BASIS;
    for (u32 i = 0; i < MMU_SPACES; i++)
        sum = table_fold(sum, spaces[i].root, 4, &count);
    return fnv1a_64(sum, &mmu.free, sizeof(mmu.free));
}

u64 mmu_tables(u32 index)
{
    return page_table_verify(&spaces[index]);
}

static void known_open(void)
{
    for (u32 s = 0; s < MMU_SPACES; s++)
        for (u32 set = 0; set <= PCIDS; set++)
            for (u32 level = 1; level <= 4; level++) {
                u64 slots = MMU_ARENA_BYTES / level_bytes(level) + 3;
                if (level <= 3)
                    known[s][set].leaf[level] = calloc(slots,
                                                       sizeof(struct known_leaf));
                if (level >= 2)
                    known[s][set].table[level] = calloc(slots,
                                                        sizeof(struct known_table));
            }
}

static void known_close(void)
{
    for (u32 s = 0; s < MMU_SPACES; s++)
        for (u32 set = 0; set <= PCIDS; set++)
            for (u32 level = 1; level <= 4; level++) {
                free(level <= 3 ? known[s][set].leaf[level] : NULL);
                free(level >= 2 ? known[s][set].table[level] : NULL);
            }
    memset(known, 0, sizeof(known));
}

static void close_all(void)
{
    munmap((void *)(DIRECT_MAP_BASE + POOL_PHYS), sim.options.tables * PAGE_BYTES);
    known_close();
    sim.open = false;
}

void mmu_open(const struct mmu_options *options)
{
    static const struct table_source source = {table_alloc, table_free, table_children,
                                               table_children_add};
    assert_true(options->tables <= POOL_MAX);
    if (sim.open) /* a test that failed left it */
        close_all();
    memset(&sim, 0, sizeof(sim));
    memset(&mmu, 0, sizeof(mmu));
    memset(frames, 0, sizeof(frames));
    memset(spaces, 0, sizeof(spaces));
    sim.open = true;
    sim.options = *options;
    sim.cr4 = CR4_PGE | (options->pcid ? CR4_PCIDE : 0);
    mmu.free = options->tables;
    forget_all(); /* generation 0 is what was never known */
    known_open();
    void *pool = mmap((void *)(DIRECT_MAP_BASE + POOL_PHYS),
                      options->tables * PAGE_BYTES, PROT_READ | PROT_WRITE,
                      MAP_FIXED_NOREPLACE | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(pool == (void *)(DIRECT_MAP_BASE + POOL_PHYS));
    u64 section = POOL_PHYS >> RAM_SECTION_SHIFT;
    ram_section_bits[section / 64] |= 1UL << (section % 64);
    phys_t shared;
    assert_int_equal(table_alloc(&shared), STATUS_OK);
    for (u32 i = 0; i < MMU_SPACES; i++) {
        spaces[i].source = &source;
        spaces[i].has_1g_pages = true;
        spaces[i].user = i != 0;
        spaces[i].lock.name = "a space";
        assert_int_equal(table_alloc(&spaces[i].root), STATUS_OK);
        u64 *root = phys_to_ptr(spaces[i].root);
        root[APERTURE_SLOT] = shared.raw | PTE_P | PTE_W;
        table_children_add(spaces[i].root, 1);
    }
    kernel_page_space = spaces[0];
    mmu_switch(0, false);
}

void mmu_close(void)
{
    assert_int_equal(sim.locks, 0);
    /* Three roots and the table they share. */
    assert_int_equal(mmu.free, sim.options.tables - 4);
    close_all();
}
