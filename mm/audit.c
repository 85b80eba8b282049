/* SPDX-License-Identifier: MIT
 *
 * One run of the auditor from end to end, who takes part in it, and what becomes of a
 * finding.
 *
 * The order is that of causes: an entry that should not be there is named before the
 * count that it makes wrong.
 */
#include "mm/audit_internal.h"

#include "kernel/arch/cpu_features.h"
#include "kernel/arch/instr.h"
#include "kernel/base/assert.h"
#include "kernel/base/log.h"
#include "kernel/base/panic.h"
#include "kernel/base/string.h"
#include "mm/heap_internal.h"
#include "mm/kernel_stack.h"
#include "mm/pmm.h"

#define LOGGED_MAX   8 /* further findings that are shown before a death */
#define SENTENCE_MAX 240

const struct audit_facts *audit_facts;
struct audit_space *audit_spaces;
static struct audit_holder *holders;

/* The heap's page descriptors: blocks that it reaches through the direct map. */
static void heap_info_for_each(const struct audit_holder *holder, struct audit *audit,
                               audit_hold_fn hold)
{
    for (u32 i = 0; i < HEAP_REGIONS; i++)
        if (heap.info[i])
            hold(audit, holder->name,
                 phys_to_pfn(phys_make(virt_of(heap.info[i]).raw - DIRECT_MAP_BASE)),
                 1UL << HEAP_INFO_ORDER);
}

/* In poison mode, a frame of records beside each slab. */
static void heap_records_for_each(const struct audit_holder *holder,
                                  struct audit *audit, audit_hold_fn hold)
{
    /* Regions get their tables upwards and without a gap. */
    u64 pages = heap.mode == HEAP_POISON ? heap.stats.regions * HEAP_REGION_PAGES : 0;
    for (u64 page = 0; page < pages; page++) {
        const struct heap_page *info = heap_page_info(page);
        if (info->kind == HEAP_PAGE_SLAB && info->slab.records)
            hold(audit, holder->name, pfn_make(info->slab.records), 1);
    }
}

static void stack_slots_for_each(const struct audit_holder *holder, struct audit *audit,
                                 audit_hold_fn hold)
{
    pfn_t frame;
    for (u32 group = 0; kernel_stack_descriptors(&group, &frame);)
        hold(audit, holder->name, frame, 1);
}

void audit_init(const struct audit_facts *facts)
{
    static struct audit_space kernel_space = {.space = &kernel_page_space};
    static struct audit_holder heap_info = {.name = "heap descriptors",
                                            .for_each = heap_info_for_each};
    static struct audit_holder stack_slots = {.name = "stack descriptors",
                                              .for_each = stack_slots_for_each};
    static struct audit_holder heap_records = {.name = "heap records",
                                               .for_each = heap_records_for_each};
    audit_facts = facts;
    audit_space_add(&kernel_space);
    audit_holder_add(&heap_info);
    audit_holder_add(&stack_slots);
    audit_holder_add(&heap_records);
}

void audit_space_add(struct audit_space *space)
{
    space->next = audit_spaces;
    audit_spaces = space;
}

void audit_space_remove(struct audit_space *space)
{
    struct audit_space **at = &audit_spaces;
    while (*at != space)
        at = &(*at)->next;
    *at = space->next;
}

void audit_holder_add(struct audit_holder *holder)
{
    holder->next = holders;
    holders = holder;
}

/* --- findings --- */

void audit_report(struct audit *audit, const struct audit_finding *finding)
{
    audit->sums.findings++;
    if (audit->report)
        audit->report(finding, audit->context);
}

void audit_report_entry(struct audit *audit, enum code code, const char *what,
                        const struct audit_entry *entry, u64 expected, u64 found)
{
    phys_t frame = pte_phys((pte_t){entry->bits}, entry->level);
    bool present = (entry->bits & PTE_P) != 0;
    audit_report(audit, &(struct audit_finding){
                            .code = code,
                            .what = what,
                            .frame = present ? frame : phys_make(0),
                            .word = pmm_frame(phys_to_pfn(frame)),
                            .virt = entry->virt,
                            .entry_at = entry->at,
                            .entry = entry->bits,
                            .expected = expected,
                            .found = found,
                        });
}

/* --- the run --- */

static void holder_hold(struct audit *audit, const char *holder, pfn_t first,
                        u64 frames)
{
    audit->holder = holder;
    audit_hold_frames(audit, NULL, first, frames, ~OWNER_BIT(OWNER_NONE));
}

static void holders_ask(struct audit *audit)
{
    for (const struct audit_holder *holder = holders; holder; holder = holder->next)
        holder->for_each(holder, audit, holder_hold);
    audit->holder = "a space, as its root";
    for (const struct audit_space *at = audit_spaces; at; at = at->next)
        audit_hold_frames(audit, NULL, phys_to_pfn(at->space->root), 1,
                          OWNER_BIT(OWNER_PAGE_TABLE));
}

void audit_run(enum audit_depth depth, audit_report_fn report, void *context,
               struct audit_sums *out)
{
    struct audit audit = {.facts = audit_facts,
                          .depth = depth,
                          .report = report,
                          .unaddressable = pte_unaddressable(cpu_phys_bits()),
                          .has_1g_pages = cpu_has(FEATURE_PAGE_1G),
                          .context = context};
    ASSERT(audit_facts != NULL);
    u64 flags = irq_save();
    for (const struct audit_space *at = audit_spaces; at; at = at->next)
        audit_walk_space(&audit, at->space);
    holders_ask(&audit);
    audit_check_frames(&audit);
    irq_restore(flags);
    if (out)
        *out = audit.sums;
}

/* --- death --- */

struct first_finding {
    struct audit_finding finding;
    u64 count;
};

static void keep_first(const struct audit_finding *finding, void *context)
{
    struct first_finding *first = context;
    char text[SENTENCE_MAX], name[CODE_NAME_BYTES];
    if (first->count++ == 0) {
        first->finding = *finding;
    } else if (first->count <= LOGGED_MAX + 1) {
        audit_finding_text(finding, text, sizeof(text));
        code_name(finding->code, name);
        log_error("audit: also %s %s", name, text);
    }
}

void audit_or_die(enum audit_depth depth, const char *when, struct audit_sums *out)
{
    struct first_finding first = {.count = 0};
    audit_run(depth, keep_first, &first, out);
    if (first.count != 0) {
        char text[SENTENCE_MAX];
        audit_finding_text(&first.finding, text, sizeof(text));
        panic_code(first.finding.code, "%s (%s; %lu finding%s)", text, when,
                   first.count, first.count == 1 ? "" : "s");
    }
    if (depth == AUDIT_FULL) {
        heap_verify();
        kernel_stack_verify();
        pmm_verify();
    }
}
