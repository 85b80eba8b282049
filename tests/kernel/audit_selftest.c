/* SPDX-License-Identifier: MIT
 *
 * The auditor audited: for each of its lines one word of a table, of the frame table or
 * of a free frame is made wrong, the auditor must name that word with that line's code,
 * and the word is put back. Nothing reads through what is wrong meanwhile.
 */
#include "kernel/arch/cpu_features.h"
#include "kernel/arch/instr.h"
#include "kernel/base/string.h"
#include "kernel/early/handover.h"
#include "kernel/early/image.h"
#include "mm/audit.h"
#include "mm/frame_table.h"
#include "mm/heap.h"
#include "mm/kernel_space.h"
#include "mm/kernel_stack.h"
#include "mm/pmm.h"
#include "mm/ram.h"
#include "mm/tlb.h"
#include "tests/kernel/cases.h"

/* --- one damage --- */

struct damage {
    enum code code;
    phys_t at;        /* the word that is made wrong: an entry, or... */
    phys_t frame;     /* ...something about this frame; 0: the entry is to be named */
    bool anywhere;    /* a sum is wrong: no place is named */
    const char *part; /* what the frame must be called a part of */
};

struct witness {
    const struct damage *damage;
    u64 named; /* findings with the code and the place */
    enum code first;
};

static void witness_report(const struct audit_finding *finding, void *context)
{
    struct witness *witness = context;
    const struct damage *damage = witness->damage;
    bool place = damage->anywhere ||
                 (damage->frame.raw ? finding->frame.raw == damage->frame.raw
                                    : finding->entry_at.raw == damage->at.raw);
    if (damage->part)
        place = place && finding->part && strcmp(finding->part, damage->part) == 0;
    if (witness->first == 0)
        witness->first = finding->code;
    witness->named += finding->code == damage->code && place;
}

/* Makes *at `value`, audits, puts it back. */
static void damage_word(struct selftest *t, const struct damage *damage, u64 value)
{
    struct witness witness = {.damage = damage};
    char expected[CODE_NAME_BYTES], found[CODE_NAME_BYTES];
    u64 *word = phys_to_ptr(damage->at);
    u64 was = *word;
    u64 flags = irq_save();
    *word = value;
    audit_run(AUDIT_FULL, witness_report, &witness, NULL);
    *word = was;
    tlb_flush_all();
    irq_restore(flags);
    code_name(damage->code, expected);
    code_name(witness.first, found);
    CHECK_MSG(t, witness.named != 0, "P:%#lx: %#lx -> %#lx: expected %s, first is %s",
              damage->at.raw, was, value, expected, witness.first ? found : "none");
}

static void damage_entry(struct selftest *t, enum code code, phys_t at, u64 value)
{
    struct damage damage = {.code = code, .at = at};
    damage_word(t, &damage, value);
}

static void damage_bits(struct selftest *t, enum code code, phys_t at, u64 bits)
{
    damage_entry(t, code, at, *(u64 *)phys_to_ptr(at) ^ bits);
}

/* A word that says something about a frame. */
static void damage_frame(struct selftest *t, enum code code, pfn_t pfn, phys_t at,
                         u64 value)
{
    struct damage damage = {.code = code, .at = at, .frame = pfn_to_phys(pfn)};
    damage_word(t, &damage, value);
}

/* --- places --- */

static phys_t phys_of(u64 virt)
{
    struct pt_walk walk;
    page_table_walk_raw(read_cr3(), virt, &walk);
    return phys_make(walk.end == PT_LEAF ? walk.phys : 0);
}

/* Where the last entry on the way to an address stands. */
static phys_t entry_of(u64 virt)
{
    struct pt_walk walk;
    page_table_walk_raw(read_cr3(), virt, &walk);
    const struct pt_level *last = &walk.level[walk.level_count - 1];
    return phys_make(last->table_phys + last->slot * sizeof(u64));
}

static phys_t root_entry(u32 slot)
{
    return phys_add(kernel_page_space.root, slot * sizeof(u64));
}

static phys_t word_of(pfn_t pfn)
{
    return phys_of(virt_of(frame_at(pfn)).raw);
}

/* A frame in use is called free; the auditor says what for it is used. */
static void damage_part(struct selftest *t, pfn_t pfn, const char *part)
{
    struct damage damage = {.code = CODE_AU_02,
                            .frame = pfn_to_phys(pfn),
                            .part = part};
    damage.at = word_of(pfn);
    damage_word(t, &damage, frame_make(OWNER_NONE, FRAME_NEW, 0, 0).word);
}

/* Two touched pages of a heap run, and a frame that is free and zero. */
struct places {
    u8 *run;
    phys_t entry[2];
    pfn_t frame[2];
    pfn_t free;
    volatile void *device;
    phys_t device_entry;
};

static bool places_take(struct selftest *t, struct places *out)
{
    out->run = heap_alloc(2 * PAGE_BYTES);
    CHECK(t, out->run != NULL);
    if (!out->run)
        return false;
    out->run[0] = out->run[PAGE_BYTES] = 1;
    for (u32 i = 0; i < 2; i++) {
        u64 page = virt_of(out->run).raw + i * PAGE_BYTES;
        out->entry[i] = entry_of(page);
        out->frame[i] = phys_to_pfn(phys_of(page));
    }
    CHECK_EQUAL(t, pmm_alloc(0, OWNER_TEST, &out->free), STATUS_OK);
    CHECK_EQUAL(t, pmm_free(out->free, 0, OWNER_TEST), STATUS_OK);
    CHECK_EQUAL(t, mmio_map(phys_make(0xB8000), 1, PAGE_CACHE_UC, &out->device),
                STATUS_OK);
    out->device_entry = entry_of(virt_of(out->device).raw);
    return t->failures == 0;
}

static void places_give(struct selftest *t, const struct places *places)
{
    struct witness witness = {.damage = &(struct damage){.anywhere = true}};
    struct audit_sums sums;
    CHECK_EQUAL(t, aperture_unmap(places->device), STATUS_OK);
    heap_free(places->run);
    audit_run(AUDIT_FULL, witness_report, &witness, &sums);
    CHECK_EQUAL(t, sums.findings, 0); /* all is as it was */
}

/* --- the lines --- */

void test_audit_frames(struct selftest *t)
{
    struct places p;
    if (!places_take(t, &p))
        return;
    u64 first = *(u64 *)phys_to_ptr(p.entry[0]);
    u64 word = frame_at(p.frame[0])->word;
    pfn_t low = pfn_make(0x50);
    phys_t heap_word = word_of(p.frame[0]), low_word = word_of(low);

    damage_frame(t, CODE_AU_01, p.frame[0], heap_word, word + (1UL << 30));
    damage_frame(t, CODE_AU_01, p.frame[0], p.entry[1], first); /* mapped twice */
    damage_frame(t, CODE_AU_01, p.frame[0], p.entry[0], 0);     /* lost */
    damage_entry(t, CODE_AU_02, p.entry[0],
                 (first & ~PTE_FRAME_MASK) | pfn_to_phys(p.free).raw);
    damage_frame(t, CODE_AU_02, p.frame[0], heap_word,
                 frame_make(OWNER_NONE, FRAME_ZERO, 0, 0).word);
    damage_part(t, p.frame[0], "the heap");
    damage_part(t, phys_to_pfn(phys_of(handover.image_virt)), "the kernel's image");
    damage_part(t, phys_to_pfn(phys_of(virt_of(frame_at(low)).raw)), "the frame table");
    damage_part(t, phys_to_pfn(p.entry[0]), "the page tables");
    damage_frame(t, CODE_AU_11, p.free, phys_add(pfn_to_phys(p.free), 4088), 1);
    damage_frame(t, CODE_AU_12, p.frame[0], heap_word, word | 31);
    struct damage sum = {.code = CODE_AU_12, .at = low_word, .anywhere = true};
    damage_word(t, &sum, frame_make(OWNER_NONE, FRAME_ABSENT, 0, 0).word);
    sum.at = word_of(p.free);
    damage_word(t, &sum, frame_make(OWNER_NONE, FRAME_ABSENT, 0, 0).word);
    damage_entry(t, CODE_AU_14, p.entry[0],
                 (first & ~PTE_FRAME_MASK) | pfn_to_phys(low).raw);
    places_give(t, &p);
}

void test_audit_rights(struct selftest *t)
{
    struct places p;
    if (!places_take(t, &p))
        return;
    u64 text = virt_of(text_begin).raw, rodata = virt_of(rodata_begin).raw;
    u64 stack = stack_slot_top(STACK_SLOT_MACHINE_CHECK) - 1;

    damage_bits(t, CODE_AU_04, p.device_entry, PTE_U);
    damage_bits(t, CODE_AU_04, root_entry(APERTURE_SLOT), PTE_U);
    damage_bits(t, CODE_AU_05, p.device_entry, PTE_NX);
    damage_bits(t, CODE_AU_05, entry_of(rodata), PTE_NX);
    damage_bits(t, CODE_AU_05, entry_of(text), PTE_W);
    damage_bits(t, CODE_AU_07, entry_of(text), PTE_W);
    damage_bits(t, CODE_AU_07, entry_of(DIRECT_MAP_BASE + handover.info.kernel_phys),
                PTE_W);
    if (handover.info.module_count != 0) {
        u64 phys = handover.info.modules[0].phys;
        damage_bits(t, CODE_AU_08, entry_of(DIRECT_MAP_BASE + phys), PTE_W);
        damage_bits(t, CODE_AU_08, entry_of(MODULES_BASE), PTE_W);
    }
    damage_bits(t, CODE_AU_15, p.device_entry, PTE_G);
    damage_bits(t, CODE_AU_15, entry_of(stack), PTE_G);
    places_give(t, &p);
}

/* The last leaf gone: nothing behind it tells. Only where the audit does not read
 * through it: a small page of a frame that nobody has used. */
static void damage_last_ram(struct selftest *t)
{
    struct phys_range range;
    u64 last = 0;
    for (u32 i = 0; ram_range(i, &range); i++)
        last = range.base.raw + range.bytes - PAGE_BYTES;
    pfn_t pfn = phys_to_pfn(phys_make(last));
    struct pt_walk walk;
    page_table_walk_raw(read_cr3(), DIRECT_MAP_BASE + last, &walk);
    if (walk.leaf_bytes == PAGE_BYTES && frame_state_of(pmm_frame(pfn)) == FRAME_NEW)
        damage_frame(t, CODE_AU_06, pfn, entry_of(DIRECT_MAP_BASE + last), 0);
    else
        selftest_note("the last frame of RAM is in use or in a large page: not tried");
}

void test_audit_tables(struct selftest *t)
{
    struct places p;
    if (!places_take(t, &p))
        return;
    phys_t low = entry_of(DIRECT_MAP_BASE + 0x50000);
    phys_t hole = entry_of(DIRECT_MAP_BASE + VGA_HOLE_PHYS);
    u64 low_bits = *(u64 *)phys_to_ptr(low);
    u64 table = *(u64 *)phys_to_ptr(root_entry(APERTURE_SLOT));

    damage_frame(t, CODE_AU_06, pfn_make(0x51), low, 0); /* named by what follows */
    damage_entry(t, CODE_AU_06, low, low_bits + PAGE_BYTES);
    damage_last_ram(t);
    damage_bits(t, CODE_AU_06, low, PTE_PCD);
    damage_bits(t, CODE_AU_06, low, PTE_W);
    damage_entry(t, CODE_AU_06, hole, low_bits + (VGA_HOLE_PHYS - 0x50000));
    pfn_t device_table = phys_to_pfn(p.device_entry);
    damage_frame(t, CODE_AU_03, device_table, word_of(device_table),
                 frame_at(device_table)->word + FRAME_CHILD);
    damage_entry(t, CODE_AU_09, root_entry(7), table);
    damage_entry(t, CODE_AU_10, entry_of(virt_of(p.run).raw - PAGE_BYTES), 0x1234000);
    damage_entry(t, CODE_AU_10, p.device_entry, PTE_ARMED);
    if (cpu_phys_bits() < 52)
        damage_bits(t, CODE_AU_10, p.device_entry, 1UL << 51);
    damage_bits(t, CODE_AU_10, root_entry(APERTURE_SLOT), PTE_PS);
    damage_entry(t, CODE_AU_13, root_entry(300), table);
    damage_entry(t, CODE_AU_14, p.device_entry,
                 0x50000 | (*(u64 *)phys_to_ptr(p.device_entry) & ~PTE_FRAME_MASK));
    places_give(t, &p);
}

/* --- a space that is not the kernel's --- */

/* Its lower half is its own, its upper half must stay the frozen one, its pages count
 * as held. */
void test_audit_spaces(struct selftest *t)
{
    static struct page_space program;
    struct audit_space in_audit = {.space = &program};
    struct audit_sums sums;
    pfn_t root, page;
    CHECK_EQUAL(t, pmm_alloc(0, OWNER_PAGE_TABLE, &root), STATUS_OK);
    CHECK_EQUAL(t, pmm_alloc(0, OWNER_TEST, &page), STATUS_OK);
    if (t->failures != 0)
        return;
    u64 *entries = pfn_to_ptr(root);
    const u64 *kernel = phys_to_ptr(kernel_page_space.root);
    for (u32 slot = TABLE_ENTRIES / 2; slot < TABLE_ENTRIES; slot++)
        entries[slot] = kernel[slot];
    program = (struct page_space){.root = pfn_to_phys(root),
                                  .source = kernel_page_space.source,
                                  .user = true};
    page_table_adopt(&program);
    audit_space_add(&in_audit);
    audit_run(AUDIT_QUICK, NULL, NULL, &sums);
    CHECK_EQUAL(t, sums.findings, 0);
    damage_bits(t, CODE_AU_13, phys_add(program.root, IMAGE_SLOT * sizeof(u64)), PTE_W);
    damage_frame(t, CODE_AU_01, root, word_of(root),
                 frame_at(root)->word + (1UL << 30));
    /* A page that is a page table as well. */
    damage_entry(t, CODE_AU_14, program.root,
                 pfn_to_phys(page).raw | PTE_P | PTE_W | PTE_U);
    /* Pages of its own, of several sizes, open to it: no finding. */
    CHECK_EQUAL(t,
                page_table_map(&program, virt_make(0x400000), pfn_to_phys(page),
                               PAGE_BYTES, PTE_W | PTE_U | PTE_NX),
                STATUS_OK);
    audit_run(AUDIT_QUICK, NULL, NULL, &sums);
    CHECK_EQUAL(t, sums.findings, 0);
    CHECK_EQUAL(t,
                page_table_unmap(&program, virt_make(0x400000), PAGE_BYTES, NULL, NULL),
                STATUS_OK);
    audit_run(AUDIT_QUICK, NULL, NULL, &sums);
    CHECK_EQUAL(t, sums.findings, 0);
    audit_space_remove(&in_audit);
    memset(entries, 0, PAGE_BYTES);
    page_table_adopt(&program);
    CHECK_EQUAL(t, pmm_free(page, 0, OWNER_TEST), STATUS_OK);
    CHECK_EQUAL(t, pmm_free(root, 0, OWNER_PAGE_TABLE), STATUS_OK);
}

/* --- the end --- */

/* The frame allocator believes the owner's name; the entry stays. Nobody notices until
 * the runner audits what this test left behind. */
void test_die_freed_mapped(struct selftest *t)
{
    u8 *page = heap_alloc(PAGE_BYTES);
    CHECK(t, page != NULL);
    if (!page)
        return;
    page[0] = 1;
    CHECK_EQUAL(t, pmm_free(phys_to_pfn(phys_of(virt_of(page).raw)), 0, OWNER_HEAP),
                STATUS_OK);
}
