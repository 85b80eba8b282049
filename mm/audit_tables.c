/* SPDX-License-Identifier: MIT
 *
 * The walk of one space, table by table. It follows nothing that is not a page table in
 * RAM, and never deeper than four levels, so a loop in the tables ends.
 */
#include "kernel/base/atomic.h"
#include "mm/audit_internal.h"
#include "mm/pmm.h"
#include "mm/ram.h"

#define TABLE_OWNERS (OWNER_BIT(OWNER_PAGE_TABLE) | OWNER_BIT(OWNER_FRAME_TABLE))
/* A program's pages: what owns them comes with programs. */
#define USER_OWNERS  (~OWNER_BIT(OWNER_NONE) & ~TABLE_OWNERS)

static bool is_kernel_half(const struct audit_entry *entry)
{
    return entry->virt > USER_END;
}

/* What holds for every entry, leaf or not. False: do not follow it. */
static bool entry_is_sound(struct audit *audit, const struct audit_entry *entry)
{
    bool armed = entry->bits == PTE_ARMED && entry->level == 1 &&
                 entry->virt - HEAP_BASE < HEAP_BYTES;
    if (!(entry->bits & PTE_P)) {
        if (!armed)
            audit_report_entry(
                audit, CODE_AU_10,
                "an entry is neither 0 nor present nor ARMED in the heap", entry, 0,
                entry->bits);
        return false;
    }
    u64 reserved = pte_reserved_bits((pte_t){entry->bits}, entry->level,
                                     audit->unaddressable, audit->has_1g_pages);
    if (reserved)
        audit_report_entry(audit, CODE_AU_10, "reserved bits are set", entry, 0,
                           reserved);
    if (is_kernel_half(entry) && (entry->bits & PTE_U))
        audit_report_entry(audit, CODE_AU_04, "the kernel's half is open to programs",
                           entry, 0, PTE_U);
    return reserved == 0;
}

static void leaf_check(struct audit *audit, const struct audit_entry *leaf)
{
    u64 frames = level_bytes(leaf->level) >> PAGE_SHIFT;
    if (leaf->writable && !leaf->no_execute)
        audit_report_entry(audit, CODE_AU_05, "a page is writable and executable", leaf,
                           PTE_NX, 0);
    if (is_kernel_half(leaf))
        audit_check_window(audit, leaf);
    else
        audit_hold_frames(audit, leaf,
                          phys_to_pfn(pte_phys((pte_t){leaf->bits}, leaf->level)),
                          frames, USER_OWNERS);
}

static bool is_leaf(const struct audit_entry *entry)
{
    return pte_is_leaf((pte_t){entry->bits}, entry->level);
}

static void table_walk(struct audit *audit, phys_t table, const struct audit_entry *up);

/* A table hangs below this entry: count it, and go down when it is one. */
static void table_enter(struct audit *audit, const struct audit_entry *entry)
{
    phys_t table = phys_make(entry->bits & PTE_FRAME_MASK);
    u64 before = audit->sums.findings;
    audit_hold_frames(audit, entry, phys_to_pfn(table), 1, TABLE_OWNERS);
    if (audit->sums.findings == before)
        table_walk(audit, table, entry);
}

static void entry_check(struct audit *audit, const struct audit_entry *entry)
{
    audit->sums.entries++;
    if (!entry_is_sound(audit, entry))
        return;
    if (is_leaf(entry))
        leaf_check(audit, entry);
    else
        table_enter(audit, entry);
}

static u64 entry_bits(phys_t table, u32 slot)
{
    const u64 *entries = phys_to_ptr(table);
    return atomic_load_relaxed_u64(&entries[slot]);
}

/* An entry in `slot` of a table below `up`, with all rights. */
static struct audit_entry entry_make(phys_t table, u32 slot, u64 bits,
                                     const struct audit_entry *up)
{
    struct audit_entry out;
    out.level = up->level - 1;
    out.bits = bits;
    out.at = phys_add(table, slot * sizeof(u64));
    out.virt = up->virt + slot * level_bytes(out.level);
    if (out.level == 4 && slot >= TABLE_ENTRIES / 2)
        out.virt |= 0xFFFF000000000000;
    out.writable = up->writable && (bits & PTE_W);
    out.user = up->user && (bits & PTE_U);
    out.no_execute = up->no_execute || (bits & PTE_NX);
    return out;
}

/* The number of its entries is in the frame's word, so that an empty table is known. */
static void children_check(struct audit *audit, phys_t table, u64 found)
{
    struct frame frame = pmm_frame(phys_to_pfn(table));
    if (frame_children_of(frame) != found)
        audit_report(audit, &(struct audit_finding){
                                .code = CODE_AU_03,
                                .what = "a table's count is not that of its entries",
                                .frame = table,
                                .word = frame,
                                .expected = found,
                                .found = frame_children_of(frame)});
}

static void table_walk(struct audit *audit, phys_t table, const struct audit_entry *up)
{
    struct audit_entry entry;
    u64 children = 0;
    audit->sums.tables++;
    for (u32 slot = 0; slot < TABLE_ENTRIES; slot++) {
        u64 bits = entry_bits(table, slot);
        if (bits == 0)
            continue;
        entry = entry_make(table, slot, bits, up);
        children++;
        entry_check(audit, &entry);
    }
    children_check(audit, table, children);
}

/* --- roots --- */

static const struct audit_entry above_root = {.level = 5,
                                              .writable = true,
                                              .user = true};

/* The upper half of a root: as it was frozen, the accessed bit apart. */
static void root_upper_check(struct audit *audit, const struct audit_entry *entry,
                             u32 slot)
{
    u64 frozen = audit->facts->upper_half[slot - TABLE_ENTRIES / 2];
    if ((entry->bits ^ frozen) & ~PTE_A)
        audit_report_entry(audit, CODE_AU_13, "a frozen PML4 entry changed", entry,
                           frozen, entry->bits);
}

static void kernel_lower_check(struct audit *audit, const struct audit_entry *entry)
{
    if (entry->bits != 0)
        audit_report_entry(audit, CODE_AU_09,
                           "the lower half of the kernel's tables is not empty", entry,
                           0, entry->bits);
}

/* The upper half hangs below the kernel's root; the others only copy its entries. */
void audit_walk_space(struct audit *audit, const struct page_space *space)
{
    bool is_kernel = space == &kernel_page_space;
    struct audit_entry entry;
    u64 children = 0;
    audit->direct_next = 0;
    audit->direct_range = 0;
    audit->sums.tables++;
    for (u32 slot = 0; slot < TABLE_ENTRIES; slot++) {
        bool upper = slot >= TABLE_ENTRIES / 2;
        entry = entry_make(space->root, slot, entry_bits(space->root, slot),
                           &above_root);
        children += entry.bits != 0;
        if (upper)
            root_upper_check(audit, &entry, slot);
        else if (is_kernel)
            kernel_lower_check(audit, &entry);
        if (entry.bits != 0 && upper == is_kernel)
            entry_check(audit, &entry);
    }
    children_check(audit, space->root, children);
    if (is_kernel)
        audit_direct_map_end(audit);
}

/* --- who reaches a frame? Asked only when a count is wrong --- */

static bool entry_reaches(const struct audit_entry *entry, pfn_t pfn)
{
    u64 first = phys_to_pfn(pte_phys((pte_t){entry->bits}, entry->level)).raw;
    u64 frames = is_leaf(entry) ? level_bytes(entry->level) >> PAGE_SHIFT : 1;
    bool direct = entry->virt - DIRECT_MAP_BASE < DIRECT_MAP_BYTES && is_leaf(entry);
    return !direct && pfn.raw >= first && pfn.raw - first < frames;
}

static u64 table_count(phys_t table, const struct audit_entry *up, u32 first_slot,
                       pfn_t pfn, struct audit_entry *first)
{
    struct audit_entry entry;
    u64 count = 0;
    for (u32 slot = first_slot; slot < TABLE_ENTRIES; slot++) {
        u64 bits = entry_bits(table, slot);
        if (!(bits & PTE_P))
            continue;
        entry = entry_make(table, slot, bits, up);
        if (entry_reaches(&entry, pfn) && count++ == 0 && first->at.raw == 0)
            *first = entry;
        phys_t below = phys_make(entry.bits & PTE_FRAME_MASK);
        if (!is_leaf(&entry) && ram_contains(below, PAGE_BYTES))
            count += table_count(below, &entry, 0, pfn, first);
    }
    return count;
}

u64 audit_count_entries(pfn_t pfn, struct audit_entry *first)
{
    u64 count = 0;
    *first = (struct audit_entry){.level = 0};
    for (const struct audit_space *at = audit_spaces; at; at = at->next) {
        bool is_kernel = at->space == &kernel_page_space;
        count += table_count(at->space->root, &above_root,
                             is_kernel ? TABLE_ENTRIES / 2 : 0, pfn, first);
    }
    return count;
}
