/* SPDX-License-Identifier: MIT
 *
 * The range functions, each one use of a cursor, and the single entries of the heap.
 */
#include "mm/page_table.h"

#include "kernel/base/atomic.h"
#include "mm/page_internal.h"

struct page_space kernel_page_space;

const char *page_cache_name(u64 bits)
{
    static const char *const names[] = {"WB", "WT", "UC-", "UC", "?", "WP", "WC", "?"};
    return names[(bits & PTE_PWT ? 1 : 0) | (bits & PTE_PCD ? 2 : 0) |
                 (bits & PTE_PAT ? 4 : 0)];
}

/* --- ranges --- */

enum status page_table_map(struct page_space *space, virt_t virt, phys_t phys,
                           u64 bytes, u64 bits)
{
    struct page_cursor cursor;
    enum status status = page_cursor_open(&cursor, space, virt, bytes);
    if (status != STATUS_OK)
        return status;
    status = page_cursor_map(&cursor, phys, bits);
    page_cursor_close(&cursor);
    return status;
}

enum status page_table_unmap(struct page_space *space, virt_t virt, u64 bytes,
                             page_leaf_fn each, void *context)
{
    struct page_cursor cursor;
    enum status status = page_cursor_open(&cursor, space, virt, bytes);
    if (status != STATUS_OK)
        return status;
    status = page_cursor_unmap(&cursor, each, context);
    page_cursor_close(&cursor);
    return status;
}

enum status page_table_protect(struct page_space *space, virt_t virt, u64 bytes,
                               u64 rights)
{
    struct page_cursor cursor;
    enum status status = page_cursor_open(&cursor, space, virt, bytes);
    if (status != STATUS_OK)
        return status;
    status = page_cursor_protect(&cursor, rights);
    page_cursor_close(&cursor);
    return status;
}

enum status page_table_split(struct page_space *space, virt_t virt, u64 bytes,
                             u64 page_bytes)
{
    struct page_cursor cursor;
    enum status status = page_cursor_open(&cursor, space, virt, bytes);
    if (status != STATUS_OK)
        return status;
    status = page_cursor_split(&cursor, page_bytes);
    page_cursor_close(&cursor);
    return status;
}

enum status page_table_merge(struct page_space *space, virt_t virt, u64 bytes)
{
    struct page_cursor cursor;
    enum status status = page_cursor_open(&cursor, space, virt, bytes);
    if (status != STATUS_OK)
        return status;
    page_cursor_merge(&cursor);
    page_cursor_close(&cursor);
    return STATUS_OK;
}

/* The entry that decides about virt, and its level: a leaf or not present. */
static pte_t entry_find(const struct page_space *space, u64 virt, u32 *level)
{
    struct part part = {space->root, 4, virt, 1};
    for (;;) {
        pte_t entry = pte_read(part_entry(&part));
        *level = part.level;
        if (!pte_is_table(entry, part.level))
            return entry;
        part = part_below(&part, entry, 1);
    }
}

enum status page_table_query(struct page_space *space, virt_t virt,
                             struct page_leaf *out)
{
    u32 level;
    struct page_cursor cursor;
    virt.raw = ALIGN_DOWN(virt.raw, PAGE_BYTES);
    enum status status = page_cursor_open(&cursor, space, virt, PAGE_BYTES);
    if (status != STATUS_OK)
        return status;
    pte_t entry = entry_find(space, virt.raw, &level);
    page_cursor_close(&cursor);
    out->virt = virt_make(ALIGN_DOWN(virt.raw, level_bytes(level)));
    out->bytes = level_bytes(level);
    out->bits = pte_is_present(entry) ? pte_leaf_bits(entry, level) : 0;
    out->phys = out->bits ? pte_phys(entry, level) : phys_make(0);
    return STATUS_OK;
}

/* --- prepared tables --- */

/* The table of 4 KiB entries of virt. missing: counts the tables that are not there and
 * ends; else they come from the cursor. A leaf in the way is STATUS_EXISTS. */
static enum status table_enter(struct page_cursor *cursor, u64 *missing, phys_t *out)
{
    struct part part = {cursor->space->root, 4, cursor->virt, PAGE_BYTES};
    while (part.level > 1) {
        pte_t *entry = part_entry(&part);
        pte_t is = pte_read(entry);
        if (is.raw == 0 && missing) {
            *missing = part.level - 1;
            return STATUS_OK;
        }
        if (is.raw == 0) {
            is = pte_make(cursor_spare_take(cursor), table_bits(cursor->space));
            ASSERT(part.level != 4 || part.virt < USER_END);
            atomic_store_u64(&entry->raw, is.raw);
            children_add(cursor->space, part.table, 1);
        }
        if (!pte_is_table(is, part.level))
            return STATUS_EXISTS;
        part = part_below(&part, is, PAGE_BYTES);
    }
    *out = part.table;
    return STATUS_OK;
}

enum status page_table_prepare(struct page_space *space, virt_t virt, phys_t *out)
{
    u64 missing = 0;
    struct page_cursor cursor;
    enum status status = cursor_open_tables(&cursor, space, virt);
    if (status != STATUS_OK)
        return status;
    status = table_enter(&cursor, &missing, out);
    if (status == STATUS_OK)
        status = cursor_reserve(&cursor, missing);
    if (status == STATUS_OK)
        status = table_enter(&cursor, NULL, out);
    page_cursor_close(&cursor);
    return status;
}

/* --- single entries --- */

/* The heap's tables keep their counts too, so that every table's is exact. */
static void entry_count(const pte_t *entry, int change)
{
    u64 table = ALIGN_DOWN(virt_of(entry).raw, PAGE_BYTES) - DIRECT_MAP_BASE;
    children_add(&kernel_page_space, phys_make(table), change);
}

bool pte_arm(pte_t *entry)
{
    u64 expected = 0;
    bool armed = atomic_compare_exchange_u64(&entry->raw, &expected, PTE_ARMED);
    if (armed)
        entry_count(entry, 1);
    return armed;
}

bool pte_install_armed(pte_t *entry, phys_t phys)
{
    u64 expected = PTE_ARMED;
    u64 leaf = phys.raw | PTE_P | PTE_USED | PTE_W | PTE_G | PTE_NX;
    return atomic_compare_exchange_u64(&entry->raw, &expected, leaf);
}

pte_t pte_clear(pte_t *entry)
{
    pte_t was = {atomic_exchange_u64(&entry->raw, 0)};
    if (was.raw != 0)
        entry_count(entry, -1);
    return was;
}
