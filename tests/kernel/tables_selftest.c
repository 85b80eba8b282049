/* SPDX-License-Identifier: MIT
 *
 * Properties of the final page tables, each proved by walking them, not by what built
 * them says.
 */
#include "kernel/arch/instr.h"
#include "kernel/early/handover.h"
#include "kernel/early/image.h"
#include "mm/kernel_stack.h"
#include "mm/page_table.h"
#include "mm/ram.h"
#include "tests/kernel/cases.h"

/* --- the direct map --- */

struct direct_state {
    struct selftest *t;
    u32 range; /* RAM range that the next leaf belongs to */
    u64 next;  /* physical address that it must start at */
    u64 leaves[3];
};

static bool direct_leaf(const struct pt_leaf *leaf, void *context)
{
    struct direct_state *state = context;
    struct phys_range range;
    u64 phys = pte_phys((pte_t){leaf->entry}, leaf->level).raw;
    if (!ram_range(state->range, &range)) {
        selftest_fail(state->t, __FILE__, __LINE__,
                      "V:%#lx is mapped behind the last RAM", leaf->virt);
        return false;
    }
    if (state->next == 0 || state->next < range.base.raw)
        state->next = range.base.raw;
    if (phys != leaf->virt - DIRECT_MAP_BASE || phys != state->next) {
        selftest_fail(state->t, __FILE__, __LINE__,
                      "V:%#lx maps P:%#lx, RAM goes on at P:%#lx", leaf->virt, phys,
                      state->next);
        return false;
    }
    state->leaves[leaf->level - 1]++;
    state->next = phys + level_bytes(leaf->level);
    if (state->next > range.base.raw + range.bytes) {
        selftest_fail(state->t, __FILE__, __LINE__,
                      "the page at P:%#lx reaches past RAM", phys);
        return false;
    }
    if (state->next == range.base.raw + range.bytes)
        state->range++;
    return true;
}

void test_direct_map_is_ram(struct selftest *t)
{
    struct direct_state state = {.t = t};
    struct phys_range range;
    page_table_for_each(read_cr3(), DIRECT_MAP_BASE,
                        DIRECT_MAP_BASE + DIRECT_MAP_BYTES - 1, direct_leaf, &state);
    CHECK_MSG(t, !ram_range(state.range, &range), "RAM from P:%#lx on is not mapped",
              state.next);
    for (u32 i = 0; i < 3; i++)
        CHECK_EQUAL(t, state.leaves[i], handover.direct_leaves[i]);
    CHECK(t, !ram_overlaps(phys_make(RECORDER_PHYS), RECORDER_BYTES));
    CHECK(t, !ram_overlaps(phys_make(VGA_HOLE_PHYS), HIGH_MEMORY_PHYS - VGA_HOLE_PHYS));
    selftest_note("direct map: %lu x 4 KiB, %lu x 2 MiB, %lu x 1 GiB", state.leaves[0],
                  state.leaves[1], state.leaves[2]);
}

static bool phys_is_read_only(u64 phys)
{
    u64 image = handover.info.kernel_phys;
    return (phys >= image && phys < image + image_offset(data_begin)) ||
           (phys >= image + handover.info.kernel_bytes &&
            phys < handover.info.payload_end);
}

static bool direct_rights_leaf(const struct pt_leaf *leaf, void *context)
{
    struct selftest *t = context;
    u64 phys = leaf->virt - DIRECT_MAP_BASE;
    bool good = leaf->no_execute && !leaf->user && (leaf->entry & PTE_G) &&
                !(leaf->entry & (PTE_PCD | PTE_PWT)) &&
                leaf->writable != phys_is_read_only(phys);
    CHECK_MSG(t, good, "P:%#lx has entry %#lx", phys, leaf->entry);
    return good;
}

void test_direct_map_rights(struct selftest *t)
{
    page_table_for_each(read_cr3(), DIRECT_MAP_BASE,
                        DIRECT_MAP_BASE + DIRECT_MAP_BYTES - 1, direct_rights_leaf, t);
}

/* --- the lower half --- */

void test_identity_gone(struct selftest *t)
{
    static const u64 places[] = {0,       0x1000,   0x7C00,     0x20000,
                                 0xB8000, 0x200000, 0xFFFFF000, USER_END - PAGE_BYTES};
    struct pt_walk walk;
    const u64 *root = phys_to_ptr(phys_make(read_cr3() & PTE_FRAME_MASK));
    for (u32 i = 0; i < TABLE_ENTRIES / 2; i++)
        CHECK_MSG(t, root[i] == 0, "PML4[%u] is %#lx", i, root[i]);
    for (u32 i = 0; i < ARRAY_COUNT(places); i++) {
        page_table_walk_raw(read_cr3(), places[i], &walk);
        CHECK_MSG(t, walk.end == PT_NOT_PRESENT, "V:%#lx is mapped", places[i]);
    }
}

/* --- everything --- */

static bool write_xor_execute_leaf(const struct pt_leaf *leaf, void *context)
{
    struct selftest *t = context;
    if (!(leaf->entry & PTE_P))
        return true;
    bool good = !(leaf->writable && !leaf->no_execute) && !leaf->user;
    CHECK_MSG(t, good, "V:%#lx is %s%s%s", leaf->virt, leaf->writable ? "W" : "",
              leaf->no_execute ? "" : "X", leaf->user ? "U" : "");
    /* Executable memory lies in the image only. */
    CHECK_MSG(t,
              leaf->no_execute || (leaf->virt >= handover.image_virt &&
                                   leaf->virt < (u64)(uintptr_t)rodata_begin),
              "V:%#lx is executable", leaf->virt);
    return good;
}

void test_write_xor_execute(struct selftest *t)
{
    page_table_for_each(read_cr3(), 0, ~0UL, write_xor_execute_leaf, t);
}

static bool slot_is_used(u32 slot)
{
    struct phys_range range;
    static const u32 windows[] = {HEAP_SLOT,        STACKS_SLOT,  APERTURE_SLOT,
                                  FRAME_TABLE_SLOT, MODULES_SLOT, IMAGE_SLOT};
    for (u32 i = 0; i < ARRAY_COUNT(windows); i++)
        if (windows[i] == slot)
            return true;
    for (u32 i = 0; ram_range(i, &range); i++)
        if (slot >= virt_slot(virt_make(DIRECT_MAP_BASE + range.base.raw), 4) &&
            slot <=
                virt_slot(virt_make(DIRECT_MAP_BASE + range.base.raw + range.bytes - 1),
                          4))
            return true;
    return false;
}

void test_upper_half_frozen(struct selftest *t)
{
    const u64 *root = phys_to_ptr(phys_make(read_cr3() & PTE_FRAME_MASK));
    for (u32 i = TABLE_ENTRIES / 2; i < TABLE_ENTRIES; i++) {
        CHECK_MSG(t, (root[i] != 0) == slot_is_used(i), "PML4[%u] is %#lx", i, root[i]);
        CHECK_MSG(t, !(root[i] & PTE_U), "PML4[%u] has the user bit", i);
        for (u32 j = i + 1; root[i] != 0 && j < TABLE_ENTRIES; j++)
            CHECK_MSG(t, (root[i] ^ root[j]) & PTE_FRAME_MASK,
                      "PML4[%u] and [%u] share a table", i, j);
    }
    /* As they were when the kernel got here, the accessed bit apart. */
    for (u32 i = TABLE_ENTRIES / 2; i < TABLE_ENTRIES; i++)
        CHECK_MSG(t, !((root[i] ^ handover.upper_half[i - TABLE_ENTRIES / 2]) & ~PTE_A),
                  "PML4[%u] changed since boot", i);
}

static void range_rights(struct selftest *t, const u8 *begin, u64 bytes, bool write,
                         bool execute)
{
    struct pt_walk walk;
    for (u64 at = 0; at < bytes; at += PAGE_2M_BYTES) {
        u64 virt = (u64)(uintptr_t)begin + at;
        page_table_walk_raw(read_cr3(), virt, &walk);
        CHECK_MSG(t,
                  walk.end == PT_LEAF && walk.leaf_bytes == PAGE_2M_BYTES &&
                      walk.writable == write && walk.no_execute != execute &&
                      !walk.user,
                  "V:%#lx: end %d, page of %#lx, W %d NX %d U %d", virt, walk.end,
                  walk.leaf_bytes, walk.writable, walk.no_execute, walk.user);
        CHECK_EQUAL(t, walk.phys, handover.info.kernel_phys + image_offset(begin) + at);
    }
}

void test_image_rights(struct selftest *t)
{
    range_rights(t, text_begin, (u64)(rodata_begin - text_begin), false, true);
    range_rights(t, rodata_begin, (u64)(data_begin - rodata_begin), false, false);
    range_rights(t, data_begin, (u64)(image_end - data_begin), true, false);
    CHECK_EQUAL(t, (u64)(uintptr_t)image_begin, IMAGE_BASE + handover.slide_bytes);
    CHECK(t,
          handover.slide_bytes <= IMAGE_SLIDE_BYTES - (u64)(image_end - image_begin));
}

void test_stacks_guarded(struct selftest *t)
{
    struct pt_walk walk;
    u64 here = (u64)(uintptr_t)__builtin_frame_address(0);
    CHECK(t, here < stack_slot_top(STACK_SLOT_BOOT) &&
                 here >= stack_slot_top(STACK_SLOT_BOOT) - STACK_BYTES);
    for (u32 slot = 0; slot < STACK_SLOTS_AT_BOOT; slot++) {
        u64 top = stack_slot_top(slot);
        for (u64 virt = top - STACK_SLOT_BYTES; virt < top; virt += PAGE_BYTES) {
            page_table_walk_raw(read_cr3(), virt, &walk);
            bool mapped = walk.end == PT_LEAF, stack = virt >= top - STACK_BYTES;
            CHECK_MSG(t, mapped == stack, "V:%#lx of stack %u", virt, slot);
            CHECK(t, !mapped || (!(walk.level[3].entry & PTE_G) && walk.no_execute &&
                                 walk.writable));
        }
    }
}

void test_text_tail(struct selftest *t)
{
    for (const u8 *at = text_end; at < rodata_begin; at++)
        if (*at != 0xCC) {
            selftest_fail(t, __FILE__, __LINE__, "V:%p holds %02x, not int3",
                          (const void *)at, *at);
            return;
        }
}

/* The walker against the CPU: for each page size there is, the walk of an address leads
 * to the byte that the CPU reads there. */
void test_walker_sizes(struct selftest *t)
{
    static u8 marker = 0x5A;
    struct pt_walk walk;
    u32 seen = 0;
    for (u32 pass = 0; pass < 2; pass++) {
        u64 virt = pass == 0 ? (u64)(uintptr_t)&marker
                             : stack_slot_top(STACK_SLOT_BOOT) - 1;
        page_table_walk_raw(read_cr3(), virt, &walk);
        CHECK(t, walk.end == PT_LEAF);
        if (walk.end != PT_LEAF)
            return;
        seen |= 1u << (walk.level_count - 1);
        volatile u8 *direct = phys_to_ptr(phys_make(walk.phys));
        CHECK_EQUAL(t, *direct, *(volatile u8 *)virt);
    }
    CHECK_EQUAL(t, seen, 1u << 2 | 1u << 3); /* 2 MiB and 4 KiB leaves */
    if (handover.direct_leaves[2] == 0)
        return;
    struct phys_range range;
    u32 walked = 0;
    for (u32 i = 0; ram_range(i, &range); i++) {
        u64 phys = ALIGN_UP(range.base.raw, PAGE_1G_BYTES);
        page_table_walk_raw(read_cr3(), DIRECT_MAP_BASE + phys + 0x12345678, &walk);
        if (walk.end != PT_LEAF || walk.leaf_bytes != PAGE_1G_BYTES)
            continue;
        CHECK_EQUAL(t, walk.level_count, 2);
        CHECK_EQUAL(t, walk.phys, phys + 0x12345678);
        walked++;
    }
    CHECK(t, walked > 0);
}
