/* SPDX-License-Identifier: MIT */
#include "tests/kernel/program_space.h"

#include "kernel/base/assert.h"
#include "kernel/base/string.h"
#include "mm/pmm.h"
#include "mm/ram.h"

bool program_space_create(struct program_space *program)
{
    pfn_t root;
    if (pmm_alloc(0, OWNER_PAGE_TABLE, &root) != STATUS_OK)
        return false;
    u64 half = PAGE_BYTES / 2;
    memcpy((u8 *)pfn_to_ptr(root) + half,
           (u8 *)phys_to_ptr(kernel_page_space.root) + half, half);
    program->space = (struct page_space){.root = pfn_to_phys(root),
                                         .source = kernel_page_space.source,
                                         .has_1g_pages = kernel_page_space.has_1g_pages,
                                         .user = true};
    spin_init(&program->space.lock, "a test's space");
    page_table_adopt(&program->space);
    program->in_audit = (struct audit_space){.space = &program->space};
    audit_space_add(&program->in_audit);
    return true;
}

void program_space_destroy(struct program_space *program)
{
    struct page_space *space = &program->space;
    virt_t virt = virt_make(NULL_GUARD_BYTES);
    while (virt.raw < USER_END) {
        struct page_leaf leaf;
        enum status status = page_table_query(space, virt, &leaf);
        ASSERT(status == STATUS_OK);
        if (leaf.bits != 0) {
            status = page_table_unmap(space, leaf.virt, leaf.bytes, NULL, NULL);
            ASSERT(status == STATUS_OK);
        }
        virt = virt_add(leaf.virt, leaf.bytes);
    }
    audit_space_remove(&program->in_audit);
    memset(phys_to_ptr(space->root), 0, PAGE_BYTES);
    page_table_adopt(space);
    enum status status = pmm_free(phys_to_pfn(space->root), 0, OWNER_PAGE_TABLE);
    ASSERT(status == STATUS_OK);
}
