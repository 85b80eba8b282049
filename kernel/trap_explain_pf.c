/* SPDX-License-Identifier: MIT
 *
 * Why a page fault came: error code, page-table walk and the kind of place decide.
 */
#include "kernel/arch/backtrace.h"
#include "kernel/arch/instr.h"
#include "kernel/base/format.h"
#include "kernel/early/handover.h"
#include "kernel/symbols.h"
#include "kernel/trap_explain.h"
#include "mm/heap.h"
#include "mm/page_table.h"
#include "mm/ram.h"

/* Everything the parts below look at. */
struct fault {
    const struct trap_frame *frame;
    u64 address;
    u64 error;
    struct pt_walk walk;
    char place[56];
    char who[SYMBOL_PLACE_BYTES];
};

static const char *verb_of(u64 error)
{
    return error & PF_FETCH ? "execution" : error & PF_WRITE ? "write" : "read";
}

/* "read of", "write to": for a place as object. */
static const char *verb_to(u64 error)
{
    return error & PF_FETCH   ? "execution of"
           : error & PF_WRITE ? "write to"
                              : "read of";
}

/* A call through a bad pointer leaves the return address on the stack. */
static void caller_name(const struct fault *fault, struct trap_explanation *out)
{
    char caller[SYMBOL_TEXT_BYTES];
    const char *name;
    u64 offset, back;

    if (!backtrace_is_readable(fault->frame->rsp, 8))
        return;
    back = *(const u64 *)(uintptr_t)fault->frame->rsp;
    if (symbol_find(back, &name, &offset))
        format(out->cause, sizeof(out->cause),
               "a call or jump through a bad pointer, from %s",
               symbol_text(back, caller));
}

static void explain_null(const struct fault *fault, struct trap_explanation *out)
{
    out->code = CODE_PF_06;
    if (fault->error & PF_FETCH) {
        format(out->sentence, sizeof(out->sentence),
               "null pointer: execution at V:%016lx", fault->address);
        caller_name(fault, out);
        return;
    }
    format(out->sentence, sizeof(out->sentence), "null pointer: %s at V:%016lx by %s",
           verb_of(fault->error), fault->address, fault->who);
    if (fault->address != 0)
        format(out->cause, sizeof(out->cause),
               "a member %lu bytes into an object at null", fault->address);
}

/* Which object it is about, as far as known: "byte 3 of the object of 24 bytes at
 * V:..., allocated by f+0x1, freed by g+0x2". */
static void heap_object_text(const struct fault *fault, const struct heap_where *where,
                             char *out, u64 out_bytes)
{
    char alloc[SITE_TEXT_BYTES], freed[SITE_TEXT_BYTES];
    u64 used = 0;

    if (where->object != 0 && fault->address >= where->object)
        used += (u64)format(out, out_bytes, "byte %lu of the object of %lu bytes, ",
                            fault->address - where->object, where->object_bytes);
    format(out + used, out_bytes - used, "%sallocated by %s, freed by %s",
           where->sites_exact ? "" : "in its slab last ",
           site_text(where->alloc_site, alloc), site_text(where->free_site, freed));
}

static void explain_heap_guard(const struct fault *fault,
                               const struct heap_where *where,
                               struct trap_explanation *out)
{
    char alloc[SITE_TEXT_BYTES];
    bool below = fault->address < where->object;
    u64 end = where->object + where->object_bytes;
    u64 distance = below ? where->object - fault->address : fault->address - end + 1;

    out->code = CODE_HP_06;
    format(out->sentence, sizeof(out->sentence),
           "%s a guard page of the heap at V:%016lx by %s", verb_to(fault->error),
           fault->address, fault->who);
    format(out->cause, sizeof(out->cause),
           "running %lu byte%s %s the object of %lu bytes at V:%016lx, allocated by %s",
           distance, distance == 1 ? "" : "s",
           below ? "below" : "past the end of", where->object_bytes, where->object,
           site_text(where->alloc_site, alloc));
}

static void explain_heap_absent(const struct fault *fault,
                                const struct heap_where *where,
                                struct trap_explanation *out)
{
    out->code = CODE_HP_05;
    format(out->sentence, sizeof(out->sentence),
           "%s heap memory that was never given or was given back, V:%016lx, by %s",
           verb_to(fault->error), fault->address, fault->who);
    if (where->place == HEAP_PLACE_FREED) {
        u64 used = (u64)format(out->cause, sizeof(out->cause), "use after free: ");
        heap_object_text(fault, where, out->cause + used, sizeof(out->cause) - used);
    } else {
        format(out->cause, sizeof(out->cause),
               "no object is known to have been there: an index far beyond one, or a "
               "pointer that was computed");
    }
}

/* True when the heap has something to say about it. */
static bool explain_heap(const struct fault *fault, struct trap_explanation *out)
{
    struct heap_where where;
    bool armed = fault->walk.level_count == 4 &&
                 fault->walk.level[3].entry == PTE_ARMED;

    if (fault->address - HEAP_BASE >= HEAP_BYTES)
        return false;
    heap_locate(virt_make(fault->address), &where);
    if (armed) {
        out->code = CODE_HP_07;
        format(out->sentence, sizeof(out->sentence),
               "%s promised heap memory at V:%016lx by %s where demand paging is "
               "forbidden",
               verb_to(fault->error), fault->address, fault->who);
    } else if (where.place == HEAP_PLACE_GUARD) {
        explain_heap_guard(fault, &where, out);
    } else {
        explain_heap_absent(fault, &where, out);
    }
    return true;
}

/* An address of the lower half that has a meaning as something else. The image is tried
 * first: what lay there before the move is RAM, too. */
static void explain_low_address(u64 address, struct trap_explanation *out)
{
    const struct boot_info *info = &handover.info;

    if (address >= USER_END)
        return;
    if (address - info->kernel_phys < info->kernel_bytes)
        format(
            out->cause, sizeof(out->cause),
            "a physical address used as a pointer, perhaps kept from before the move: "
            "P:%#lx is image+%#lx",
            address, address - info->kernel_phys);
    else if (address - EARLY_STACK_PHYS < EARLY_STACK_TOP - EARLY_STACK_PHYS)
        format(out->cause, sizeof(out->cause),
               "a pointer kept from before the move: it lies in the early stack");
    else if (ram_contains(phys_make(address), 1))
        format(out->cause, sizeof(out->cause),
               "a physical address used as a pointer: P:%#lx is RAM", address);
}

static void explain_absent(const struct fault *fault, struct trap_explanation *out)
{
    if (fault->address < NULL_GUARD_BYTES) {
        explain_null(fault, out);
        return;
    }
    if (trap_explain_stack(fault->frame, fault->address, out))
        return;
    if (fault->walk.end == PT_LEAF) {
        out->code = CODE_PF_10;
        format(out->sentence, sizeof(out->sentence),
               "%s at V:%016lx (%s) by %s was refused as not mapped, but the tables "
               "map it",
               verb_of(fault->error), fault->address, fault->place, fault->who);
        format(out->cause, sizeof(out->cause),
               "mapped meanwhile, or a missing flush after a change of tables");
        return;
    }
    if (fault->frame->entry_flags & TRAP_NO_MEMORY) {
        out->code = CODE_PF_11;
        format(out->sentence, sizeof(out->sentence),
               "no memory left to resolve the %s at V:%016lx (%s) by %s",
               verb_of(fault->error), fault->address, fault->place, fault->who);
        return;
    }
    if (fault->error & PF_FETCH) {
        out->code = CODE_PF_07;
        format(out->sentence, sizeof(out->sentence),
               "execution at V:%016lx (%s), where nothing is mapped", fault->address,
               fault->place);
        caller_name(fault, out);
        return;
    }
    if (explain_heap(fault, out))
        return;
    explain_low_address(fault->address, out);
    out->code = fault->error & PF_WRITE ? CODE_PF_02 : CODE_PF_01;
    format(out->sentence, sizeof(out->sentence),
           "%s at V:%016lx (%s), where nothing is mapped, by %s", verb_of(fault->error),
           fault->address, fault->place, fault->who);
}

static void explain_present(const struct fault *fault, struct trap_explanation *out)
{
    const struct pt_walk *walk = &fault->walk;
    u64 cr4 = read_cr4();

    if ((fault->error & PF_FETCH) && walk->end == PT_LEAF && walk->user &&
        (cr4 & CR4_SMEP)) {
        out->code = CODE_PF_09;
        format(out->sentence, sizeof(out->sentence),
               "the kernel executed a program's page at V:%016lx", fault->address);
        caller_name(fault, out);
    } else if ((fault->error & PF_FETCH) && walk->end == PT_LEAF && walk->no_execute) {
        out->code = CODE_PF_04;
        format(out->sentence, sizeof(out->sentence),
               "execution of %s at V:%016lx, which is not code", fault->place,
               fault->address);
        caller_name(fault, out);
    } else if ((fault->error & PF_WRITE) && walk->end == PT_LEAF && !walk->writable) {
        out->code = CODE_PF_03;
        format(out->sentence, sizeof(out->sentence),
               "write to read-only %s at V:%016lx by %s", fault->place, fault->address,
               fault->who);
    } else if (walk->end == PT_LEAF && walk->user && (cr4 & CR4_SMAP) &&
               !(fault->frame->rflags & RFLAGS_AC)) {
        out->code = CODE_PF_08;
        format(out->sentence, sizeof(out->sentence),
               "the kernel's %s of a program's page at V:%016lx by %s outside a copy "
               "window",
               verb_of(fault->error), fault->address, fault->who);
    } else {
        out->code = CODE_PF_10;
        format(
            out->sentence, sizeof(out->sentence),
            "%s at V:%016lx (%s) by %s was refused, but the tables in memory allow it",
            verb_of(fault->error), fault->address, fault->place, fault->who);
        format(out->cause, sizeof(out->cause),
               "a missing flush after a change of rights");
    }
}

/* What the CPU found there is nobody's table: the rest of its error code means nothing.
 */
static void explain_bad_table(const struct fault *fault, struct trap_explanation *out)
{
    const struct pt_walk *walk = &fault->walk;
    u64 table = walk->level_count == 0
                    ? walk->cr3
                    : walk->level[walk->level_count - 1].entry & PTE_FRAME_MASK;

    out->code = CODE_PF_12;
    format(out->sentence, sizeof(out->sentence),
           "%s at V:%016lx (%s) by %s goes through a page table at P:%#lx, where there "
           "is no RAM",
           verb_of(fault->error), fault->address, fault->place, fault->who, table);
    format(out->cause, sizeof(out->cause),
           "the entry that leads there was overwritten");
}

void trap_explain_page_fault(const struct trap_frame *frame,
                             struct trap_explanation *out)
{
    struct fault fault = {.frame = frame,
                          .address = frame->cr2,
                          .error = frame->error_code};

    page_table_walk_raw(read_cr3(), fault.address, &fault.walk);
    trap_place_text(fault.address, fault.place, sizeof(fault.place));
    symbol_place(frame->rip, fault.who);
    out->has_address = true;
    out->address = fault.address;
    if (fault.walk.end == PT_BAD_TABLE && ram_map() != NULL) {
        explain_bad_table(&fault, out);
        return;
    }
    /* Some emulators leave the present bit out of a reserved-bit fault: the bit itself
     * decides. */
    if (fault.error & PF_RESERVED) {
        out->code = CODE_PF_05;
        format(out->sentence, sizeof(out->sentence),
               "%s at V:%016lx (%s) by %s met a reserved bit in a page-table entry",
               verb_of(fault.error), fault.address, fault.place, fault.who);
    } else if (fault.error & PF_PRESENT) {
        explain_present(&fault, out);
    } else {
        explain_absent(&fault, out);
    }
}
