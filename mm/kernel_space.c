/* SPDX-License-Identifier: MIT */
#include "mm/kernel_space.h"

#include "kernel/arch/cpu_features.h"
#include "kernel/base/assert.h"
#include "kernel/base/atomic.h"
#include "mm/frame_table.h"
#include "mm/pmm.h"
#include "mm/ram.h"

struct aperture {
    u64 virt;  /* page-aligned */
    u64 bytes; /* whole pages; 0: free entry */
    u64 phys;
    bool for_ever; /* claimed, never unmapped */
};

static struct aperture apertures[APERTURE_MAX];
static struct spinlock aperture_lock = SPINLOCK_INIT("apertures");
static u64 modules_next = MODULES_BASE;
static bool recorder_is_claimed;

static enum status table_frame_alloc(phys_t *out)
{
    pfn_t pfn;
    enum status status = pmm_alloc(0, OWNER_PAGE_TABLE, &pfn);
    if (status == STATUS_OK)
        *out = pfn_to_phys(pfn);
    return status;
}

static void table_frame_free(phys_t table)
{
    enum status status = pmm_free(phys_to_pfn(table), 0, OWNER_PAGE_TABLE);
    ASSERT(status == STATUS_OK);
}

static u32 table_frame_children(phys_t table)
{
    struct frame *frame = frame_at(phys_to_pfn(table));
    return frame_children_of((struct frame){atomic_load_u64(&frame->word)});
}

static void table_frame_children_add(phys_t table, int change)
{
    struct frame *frame = frame_at(phys_to_pfn(table));
    struct frame was = {
        atomic_fetch_add_u64(&frame->word, (u64)(long)change * FRAME_CHILD)};
    ASSERT(frame_children_of(was) + (u32)change <= TABLE_ENTRIES);
}

void kernel_space_init(phys_t root)
{
    static const struct table_source source = {table_frame_alloc, table_frame_free,
                                               table_frame_children,
                                               table_frame_children_add};
    kernel_page_space.root = root;
    kernel_page_space.source = &source;
    kernel_page_space.has_1g_pages = cpu_has(FEATURE_PAGE_1G);
    spin_init(&kernel_page_space.lock, "kernel page tables");
    page_table_adopt(&kernel_page_space);
}

/* --- apertures --- */

static bool aperture_overlaps(u64 virt, u64 bytes, u64 *past)
{
    for (u32 i = 0; i < APERTURE_MAX; i++) {
        /* One free page stays behind each mapping, so that running over an end is a
         * fault. */
        u64 end = apertures[i].virt + apertures[i].bytes + PAGE_BYTES;
        if (apertures[i].bytes != 0 && virt < end &&
            apertures[i].virt < virt + bytes + PAGE_BYTES) {
            *past = end;
            return true;
        }
    }
    return false;
}

static struct aperture *aperture_unused(void)
{
    for (u32 i = 0; i < APERTURE_MAX; i++)
        if (apertures[i].bytes == 0)
            return &apertures[i];
    return NULL;
}

/* The lowest address from virt on that is as far from a border of large pages as phys
 * is, so that all the large pages that phys allows fit. */
static u64 virt_in_step(u64 virt, u64 phys, u64 bytes)
{
    u64 page = bytes >= PAGE_1G_BYTES   ? PAGE_1G_BYTES
               : bytes >= PAGE_2M_BYTES ? PAGE_2M_BYTES
                                        : PAGE_BYTES;
    return virt + ((phys - virt) & (page - 1));
}

static enum status aperture_add(u64 phys, u64 bytes, u64 bits, u64 *out)
{
    struct aperture *aperture = aperture_unused();
    u64 virt = virt_in_step(APERTURE_BASE, phys, bytes);
    if (!aperture || bytes >= APERTURE_BYTES)
        return STATUS_NO_SPACE;
    for (u64 past; aperture_overlaps(virt, bytes, &past);)
        virt = virt_in_step(past, phys, bytes);
    if (virt + bytes > APERTURE_BASE + APERTURE_BYTES)
        return STATUS_NO_SPACE;
    enum status status = page_table_map(&kernel_page_space, virt_make(virt),
                                        phys_make(phys), bytes, bits);
    if (status == STATUS_OK) {
        *aperture = (struct aperture){virt, bytes, phys, false};
        *out = virt;
    }
    return status;
}

/* The flight recorder, once claimed, has one mapping: a second one with another cache
 * type would bring its lines into the cache. */
static bool recorder_overlaps(phys_t phys, u64 bytes)
{
    return recorder_is_claimed && phys.raw < RECORDER_PHYS + RECORDER_BYTES &&
           RECORDER_PHYS < phys.raw + bytes;
}

static enum status window_map(phys_t phys, u64 bytes, u64 bits, u64 *out)
{
    if (!phys_range_ok(phys, bytes) || ram_overlaps(phys, bytes) ||
        recorder_overlaps(phys, bytes))
        return STATUS_INVALID;
    u64 first = ALIGN_DOWN(phys.raw, PAGE_BYTES);
    u64 last = phys.raw + (bytes - 1);
    if (last >> cpu_phys_bits() != 0)
        return STATUS_INVALID;
    u64 flags = spin_lock_irqsave(&aperture_lock);
    enum status status = aperture_add(first, ALIGN_UP(last + 1 - first, PAGE_BYTES),
                                      bits, out);
    spin_unlock_irqrestore(&aperture_lock, flags);
    *out += phys.raw - first;
    return status;
}

static bool cache_is_for_devices(u64 cache)
{
    return cache == PAGE_CACHE_WB || cache == PAGE_CACHE_WT ||
           cache == PAGE_CACHE_UC_MINUS || cache == PAGE_CACHE_UC ||
           cache == PAGE_CACHE_WC;
}

enum status mmio_map(phys_t phys, u64 bytes, u64 cache, volatile void **out)
{
    u64 virt = 0;
    if (!cache_is_for_devices(cache))
        return STATUS_INVALID;
    enum status status = window_map(phys, bytes, PTE_W | PTE_G | PTE_NX | cache, &virt);
    if (status == STATUS_OK)
        *out = (volatile void *)virt;
    return status;
}

enum status firmware_map(phys_t phys, u64 bytes, const void **out)
{
    u64 virt = 0;
    enum status status = window_map(phys, bytes, PTE_G | PTE_NX | PAGE_CACHE_WB, &virt);
    if (status == STATUS_OK)
        *out = (const void *)virt;
    return status;
}

enum status aperture_unmap(const volatile void *start)
{
    u64 page = ALIGN_DOWN(virt_of(start).raw, PAGE_BYTES);
    enum status status = STATUS_NOT_FOUND;
    u64 flags = spin_lock_irqsave(&aperture_lock);
    for (u32 i = 0; i < APERTURE_MAX; i++)
        if (apertures[i].bytes != 0 && apertures[i].virt == page &&
            !apertures[i].for_ever) {
            status = page_table_unmap(&kernel_page_space, virt_make(page),
                                      apertures[i].bytes, NULL, NULL);
            ASSERT(status == STATUS_OK);
            apertures[i].bytes = 0;
            break;
        }
    spin_unlock_irqrestore(&aperture_lock, flags);
    return status;
}

bool aperture_find(virt_t address, phys_t *phys)
{
    for (u32 i = 0; i < APERTURE_MAX; i++)
        if (address.raw - apertures[i].virt < apertures[i].bytes) {
            *phys = phys_make(apertures[i].phys + (address.raw - apertures[i].virt));
            return true;
        }
    return false;
}

/* --- what kernel/early has mapped --- */

static bool claim_page_is_good(u64 virt, u64 phys)
{
    const u64 wanted = PTE_G | PAGE_CACHE_UC;
    struct pt_walk walk;

    page_table_walk_raw(kernel_page_space.root.raw, virt, &walk);
    return walk.end == PT_LEAF && walk.leaf_bytes == PAGE_BYTES && walk.phys == phys &&
           walk.writable && walk.no_execute && !walk.user &&
           (walk.level[walk.level_count - 1].entry & wanted) == wanted;
}

STATIC_ASSERT(VGA_TEXT_VIRT == RECORDER_VIRT + RECORDER_BYTES + PAGE_BYTES,
              "a page stays free between the two");

static enum status aperture_claim(u64 virt, u64 bytes, u64 phys)
{
    enum status status = STATUS_OK;
    u64 past;

    for (u64 at = 0; at < bytes; at += PAGE_BYTES)
        if (!claim_page_is_good(virt + at, phys + at))
            return STATUS_NOT_FOUND;
    u64 flags = spin_lock_irqsave(&aperture_lock);
    struct aperture *aperture = aperture_unused();
    if (aperture_overlaps(virt, bytes, &past))
        status = STATUS_EXISTS;
    else if (aperture == NULL)
        status = STATUS_NO_SPACE;
    else
        *aperture = (struct aperture){virt, bytes, phys, true};
    spin_unlock_irqrestore(&aperture_lock, flags);
    return status;
}

enum status recorder_map(void **out)
{
    enum status status = aperture_claim(RECORDER_VIRT, RECORDER_BYTES, RECORDER_PHYS);
    if (status == STATUS_OK) {
        recorder_is_claimed = true;
        *out = (void *)RECORDER_VIRT;
    }
    return status;
}

enum status screen_map(void)
{
    return aperture_claim(VGA_TEXT_VIRT, VGA_TEXT_BYTES, VGA_TEXT_PHYS);
}

/* --- modules --- */

enum status module_map(phys_t phys, u64 bytes, const void **out)
{
    u64 whole = ALIGN_UP(bytes, PAGE_BYTES);
    if (!IS_ALIGNED(phys.raw, PAGE_BYTES) || !ram_contains(phys, whole))
        return STATUS_INVALID;
    if (whole + PAGE_BYTES > MODULES_BASE + MODULES_BYTES - modules_next)
        return STATUS_NO_SPACE;
    enum status status = page_table_map(&kernel_page_space, virt_make(modules_next),
                                        phys, whole, PTE_G | PTE_NX);
    if (status == STATUS_OK) {
        *out = (const void *)modules_next;
        modules_next += whole + PAGE_BYTES;
    }
    return status;
}
