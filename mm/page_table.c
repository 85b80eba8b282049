/* SPDX-License-Identifier: MIT
 *
 * The writers. A map checks the whole range before it writes the first leaf, so that a
 * refusal leaves everything as it was; tables it had to add stay, empty.
 */
#include "mm/page_table.h"

#include "kernel/arch/instr.h"
#include "kernel/base/atomic.h"
#include "mm/ram.h"
#include "mm/tlb.h"

#define TABLE_BITS (PTE_P | PTE_W)
#define LEAF_BITS  (PTE_P | PTE_A | PTE_D)
#define MAP_BITS   (PTE_W | PTE_U | PTE_G | PTE_NX | PTE_PCD | PTE_PWT)

struct page_space kernel_page_space;

static pte_t *table_at(phys_t phys)
{
    return phys_to_ptr(phys);
}

pte_t pte_read(const pte_t *entry)
{
    return (pte_t){atomic_load_u64(&entry->raw)};
}

bool pte_arm(pte_t *entry)
{
    u64 expected = 0;
    return atomic_compare_exchange_u64(&entry->raw, &expected, PTE_ARMED);
}

bool pte_install_armed(pte_t *entry, phys_t phys)
{
    u64 expected = PTE_ARMED;
    u64 leaf = phys.raw | LEAF_BITS | PTE_W | PTE_G | PTE_NX;
    return atomic_compare_exchange_u64(&entry->raw, &expected, leaf);
}

pte_t pte_clear(pte_t *entry)
{
    return (pte_t){atomic_exchange_u64(&entry->raw, 0)};
}

/* The entry of virt at `level`, adding tables above it. NULL in *out and STATUS_EXISTS
 * when a leaf of a higher level is in the way. */
static enum status entry_enter(struct page_space *space, virt_t virt, u32 level,
                               pte_t **out)
{
    pte_t *table = table_at(space->root);
    for (u32 above = 4; above > level; above--) {
        pte_t *entry = &table[virt_slot(virt, above)];
        if (!pte_is_present(*entry)) {
            phys_t frame;
            enum status status = space->source->alloc(&frame);
            if (status != STATUS_OK)
                return status;
            /* The upper PML4 entries are frozen: programs have copies of them. */
            ASSERT(above != 4 || virt.raw <= USER_END);
            atomic_store_u64(&entry->raw, frame.raw | TABLE_BITS);
        } else if (pte_is_leaf(*entry, above)) {
            return STATUS_EXISTS;
        }
        table = table_at(phys_make(entry->raw & PTE_FRAME_MASK));
    }
    *out = &table[virt_slot(virt, level)];
    return STATUS_OK;
}

/* The entry that decides about virt and its level; the entry is a leaf or not present.
 */
static pte_t *entry_find(phys_t root, virt_t virt, u32 *level)
{
    pte_t *table = table_at(root);
    for (*level = 4;; (*level)--) {
        pte_t *entry = &table[virt_slot(virt, *level)];
        if (!pte_is_present(*entry) || pte_is_leaf(*entry, *level))
            return entry;
        table = table_at(phys_make(entry->raw & PTE_FRAME_MASK));
    }
}

static bool range_is_good(virt_t virt, u64 bytes)
{
    return bytes != 0 && IS_ALIGNED(virt.raw | bytes, PAGE_BYTES) &&
           virt_is_canonical(virt) && virt.raw + (bytes - 1) >= virt.raw &&
           virt_is_canonical(virt_add(virt, bytes - 1));
}

static u32 level_that_fits(const struct page_space *space, virt_t virt, phys_t phys,
                           u64 bytes)
{
    for (u32 level = space->has_1g_pages ? 3 : 2; level > 1; level--)
        if (IS_ALIGNED(virt.raw | phys.raw, level_bytes(level)) &&
            bytes >= level_bytes(level))
            return level;
    return 1;
}

/* STATUS_OK when nothing is mapped or armed in the range. */
static enum status range_is_empty(phys_t root, virt_t virt, u64 bytes)
{
    while (bytes != 0) {
        u32 level;
        const pte_t *entry = entry_find(root, virt, &level);
        if (pte_read(entry).raw != 0)
            return STATUS_EXISTS;
        u64 step = level_bytes(level) - (virt.raw & (level_bytes(level) - 1));
        step = MIN(step, bytes);
        virt = virt_add(virt, step);
        bytes -= step;
    }
    return STATUS_OK;
}

/* First pass of a map: adds the tables; second pass: writes the leaves, which cannot
 * fail then. */
static enum status range_pass(struct page_space *space, virt_t virt, phys_t phys,
                              u64 bytes, u64 bits, bool write)
{
    while (bytes != 0) {
        u32 level = level_that_fits(space, virt, phys, bytes);
        pte_t *entry;
        enum status status = entry_enter(space, virt, level, &entry);
        if (status != STATUS_OK)
            return status;
        /* An empty table may stand where a large page would fit: go one level down
         * then. */
        while (level > 1 && pte_is_present(*entry)) {
            level--;
            status = entry_enter(space, virt, level, &entry);
            if (status != STATUS_OK)
                return status;
        }
        if (write)
            atomic_store_u64(&entry->raw, phys.raw | bits | (level > 1 ? PTE_PS : 0));
        virt = virt_add(virt, level_bytes(level));
        phys = phys_add(phys, level_bytes(level));
        bytes -= level_bytes(level);
    }
    return STATUS_OK;
}

enum status page_table_map(struct page_space *space, virt_t virt, phys_t phys,
                           u64 bytes, u64 bits)
{
    if (!range_is_good(virt, bytes) || !IS_ALIGNED(phys.raw, PAGE_BYTES) ||
        !phys_range_ok(phys, bytes) ||
        ((phys.raw + bytes - 1) & ~(PTE_FRAME_MASK | 0xFFF)) || (bits & ~MAP_BITS))
        return STATUS_INVALID;
    u64 flags = spin_lock_irqsave(&space->lock);
    enum status status = range_is_empty(space->root, virt, bytes);
    if (status == STATUS_OK)
        status = range_pass(space, virt, phys, bytes, bits | LEAF_BITS, false);
    if (status == STATUS_OK)
        status = range_pass(space, virt, phys, bytes, bits | LEAF_BITS, true);
    spin_unlock_irqrestore(&space->lock, flags);
    return status;
}

/* STATUS_OK when the range is made of whole leaves without a hole. */
static enum status range_is_leaves(phys_t root, virt_t virt, u64 bytes)
{
    while (bytes != 0) {
        u32 level;
        const pte_t *entry = entry_find(root, virt, &level);
        if (!pte_is_present(*entry))
            return STATUS_NOT_FOUND;
        if (!IS_ALIGNED(virt.raw, level_bytes(level)) || bytes < level_bytes(level))
            return STATUS_INVALID;
        virt = virt_add(virt, level_bytes(level));
        bytes -= level_bytes(level);
    }
    return STATUS_OK;
}

enum status page_table_unmap(struct page_space *space, virt_t virt, u64 bytes,
                             page_leaf_fn each, void *context)
{
    if (!range_is_good(virt, bytes))
        return STATUS_INVALID;
    u64 flags = spin_lock_irqsave(&space->lock);
    enum status status = range_is_leaves(space->root, virt, bytes);
    for (u64 done = 0; status == STATUS_OK && done < bytes;) {
        u32 level;
        virt_t at = virt_add(virt, done);
        pte_t *entry = entry_find(space->root, at, &level);
        pte_t was = pte_clear(entry);
        tlb_flush_page(at);
        if (each)
            each(at, pte_phys(was, level), level_bytes(level), context);
        done += level_bytes(level);
    }
    spin_unlock_irqrestore(&space->lock, flags);
    return status;
}

enum status page_table_prepare(struct page_space *space, virt_t virt, phys_t *out)
{
    pte_t *entry;
    u64 flags = spin_lock_irqsave(&space->lock);
    enum status status = entry_enter(space, virt, 1, &entry);
    spin_unlock_irqrestore(&space->lock, flags);
    if (status == STATUS_OK)
        *out = phys_make(ALIGN_DOWN(virt_of(entry).raw, PAGE_BYTES) - DIRECT_MAP_BASE);
    return status;
}
