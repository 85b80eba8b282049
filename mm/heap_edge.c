/* SPDX-License-Identifier: MIT
 *
 * What lies around an object, and in slots that nobody has: filled so that a stray
 * write shows, and looked at when objects come and go.
 */
#include "kernel/base/format.h"
#include "kernel/base/panic.h"
#include "kernel/base/string.h"
#include "mm/heap_internal.h"
#include "mm/page_table.h"

static void slot_extent(const struct heap_page *info, u64 page, u64 slot,
                        struct heap_extent *out)
{
    u64 class = heap_class_bytes(info->class_index);
    out->base = out->object = heap_page_address(page) + slot * class;
    out->end = out->base + class;
    out->bytes = class;
    if (info->slab.records && slot < PAGE_BYTES / class) {
        const struct heap_record *record = &heap_slab_records(info)[slot];
        out->exact = true;
        out->alloc_site = record->alloc_site;
        out->free_site = record->free_site;
        if (record->bytes != 0)
            out->bytes = record->bytes;
    }
}

void heap_extent_of(u64 page, u64 address, struct heap_extent *out)
{
    const struct heap_page *info = heap_page_info(page);
    *out = (struct heap_extent){.alloc_site = info->alloc_site,
                                .free_site = info->free_site};
    if (info->kind == HEAP_PAGE_SLAB) {
        slot_extent(info, page,
                    address % PAGE_BYTES / heap_class_bytes(info->class_index), out);
        return;
    }
    out->exact = true;
    out->base = heap_page_address(page);
    out->end = out->base + info->run.pages * PAGE_BYTES;
    out->object = out->base + info->run.start;
    out->bytes = info->run.bytes;
}

const char *heap_sites_text(const struct heap_extent *extent, char *out)
{
    char alloc[SITE_TEXT_BYTES], freed[SITE_TEXT_BYTES];
    const char *last = extent->exact ? "" : "in its slab last ";
    site_text(extent->alloc_site, alloc);
    if (extent->free_site.raw != 0)
        format(out, HEAP_SITES_BYTES, "%sallocated by %s, freed by %s", last, alloc,
               site_text(extent->free_site, freed));
    else
        format(out, HEAP_SITES_BYTES, "%sallocated by %s", last, alloc);
    return out;
}

/* How many bytes from..to are zero, 64 at a time; the rest is find_other's. Almost
 * every look is for zeros. */
static u64 zeros_skip(u64 from, u64 to)
{
    const u64 *at = (const u64 *)from;
    while (from + 64 <= to &&
           (at[0] | at[1] | at[2] | at[3] | at[4] | at[5] | at[6] | at[7]) == 0) {
        at += 8;
        from += 64;
    }
    return from;
}

/* The first byte in from..to that is not `value`; to when there is none. */
static u64 find_other(u64 from, u64 to, u8 value)
{
    u64 pattern = value * 0x0101010101010101UL;
    while (from < to && !IS_ALIGNED(from, sizeof(u64)) && *(const u8 *)from == value)
        from++;
    if (IS_ALIGNED(from, sizeof(u64))) {
        if (value == 0)
            from = zeros_skip(from, to);
        while (from + sizeof(u64) <= to && *(const u64 *)from == pattern)
            from += sizeof(u64);
    }
    while (from < to && *(const u8 *)from == value)
        from++;
    return from;
}

static bool has_frame(u64 address)
{
    return pte_is_present(pte_read(heap_page_entry(heap_page_of(address))));
}

/* --- edges --- */

static u8 edge_value(void)
{
    return heap.mode == HEAP_PLAIN ? 0 : HEAP_EDGE_FILL;
}

void heap_edges_fill(const struct heap_extent *extent)
{
    u64 after = extent->object + extent->bytes;
    if (heap.mode == HEAP_PLAIN)
        return;
    memset((void *)extent->base, HEAP_EDGE_FILL, extent->object - extent->base);
    memset((void *)after, HEAP_EDGE_FILL, extent->end - after);
}

static NORETURN void edge_die(const struct heap_extent *extent, u64 at)
{
    char sites[HEAP_SITES_BYTES];
    u64 end = extent->object + extent->bytes;
    heap_sites_text(extent, sites);
    if (at < extent->object)
        panic_code(
            CODE_HP_10,
            "the heap object of %lu bytes at V:%#lx was underrun: byte %lu before "
            "its start is %#x, expected %#x; %s",
            extent->bytes, extent->object, extent->object - at, *(const u8 *)at,
            edge_value(), sites);
    panic_code(CODE_HP_09,
               "the heap object of %lu bytes at V:%#lx was overrun: byte %lu past its "
               "end is %#x, expected %#x; %s",
               extent->bytes, extent->object, at - end + 1, *(const u8 *)at,
               edge_value(), sites);
}

/* An edge lies in one page. Without a frame it was never written to. */
static void edge_check(const struct heap_extent *extent, u64 from, u64 to)
{
    if (from >= to || !has_frame(from))
        return;
    u64 other = find_other(from, to, edge_value());
    if (other < to)
        edge_die(extent, other);
}

void heap_edges_check(const struct heap_extent *extent)
{
    edge_check(extent, extent->base, extent->object);
    edge_check(extent, extent->object + extent->bytes, extent->end);
}

/* --- free slots --- */

void heap_slot_check(const struct heap_extent *extent, bool given)
{
    char sites[HEAP_SITES_BYTES];
    u8 value = heap.mode == HEAP_POISON && given ? HEAP_FREED_FILL : 0;
    if (!has_frame(extent->base))
        return;
    u64 other = find_other(extent->base, extent->end, value);
    if (other < extent->end)
        panic_code(CODE_HP_08,
                   "byte %lu of the free slot of %lu bytes at V:%#lx is %#x, expected "
                   "%#x: written after it was freed; %s",
                   other - extent->base, extent->end - extent->base, extent->base,
                   *(const u8 *)other, value, heap_sites_text(extent, sites));
}

void heap_slot_open(u64 page, u64 address)
{
    struct heap_extent extent;
    const struct heap_page *info = heap_page_info(page);
    if (heap.mode == HEAP_PLAIN) {
        /* What nearly every allocation needs: a look at zeros, and no more. */
        u64 end = address + heap_class_bytes(info->class_index);
        if (!has_frame(address) || find_other(address, end, 0) == end)
            return;
    }
    heap_extent_of(page, address, &extent);
    bool given = extent.exact && extent.free_site.raw != 0;
    heap_slot_check(&extent, given);
    if (!info->slab.records)
        return;
    u64 slot = (extent.base - heap_page_address(page)) / (extent.end - extent.base);
    heap_slab_records(info)[slot].free_site.raw = 0;
    if (given)
        memset((void *)extent.object, 0, extent.bytes);
    heap_edges_fill(&extent);
}

/* Its page has a frame or was never touched: no fault, and no frame only for zeros. */
void heap_slot_close(u64 page, u64 address)
{
    struct heap_extent extent;
    u64 class = heap_class_bytes(heap_page_info(page)->class_index);
    if (heap.mode == HEAP_POISON) {
        heap_extent_of(page, address, &extent);
        heap_edges_check(&extent);
    }
    if (has_frame(address))
        memset((void *)address, heap.mode == HEAP_POISON ? HEAP_FREED_FILL : 0, class);
}
