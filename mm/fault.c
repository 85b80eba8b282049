/* SPDX-License-Identifier: MIT */
#include "mm/fault.h"

#include "kernel/arch/instr.h"
#include "kernel/arch/percpu.h"
#include "kernel/arch/trap_frame.h"
#include "mm/heap.h"
#include "mm/page_table.h"

/* Giving more rights is not flushed: a CPU that holds the old translation faults once,
 * and the fault has dropped it. Once: the same address of the same space again, with no
 * right given since, is something else; so this CPU remembers the last. Any context. */
static bool fault_is_spurious(u64 address, u64 error_code)
{
    struct percpu *cpu = percpu();
    u64 widenings = page_table_widenings(), cr3 = read_cr3();
    if (widenings == 0 || !page_table_permits(cr3, address, error_code))
        return false;
    if (cpu->spurious_address == address && cpu->spurious_cr3 == cr3 &&
        cpu->spurious_widenings == widenings)
        return false;
    cpu->spurious_cr3 = cr3;
    cpu->spurious_address = address;
    cpu->spurious_widenings = widenings;
    return true;
}

enum fault_verdict fault_resolve(u64 address, u64 error_code)
{
    if (error_code & PF_PRESENT)
        return fault_is_spurious(address, error_code) ? FAULT_RESOLVED
                                                      : FAULT_BAD_ADDRESS;
    if (error_code & (PF_USER | PF_RESERVED | PF_FETCH))
        return FAULT_BAD_ADDRESS;
    /* Whoever reports a death or serves an NMI may stand anywhere, inside the frame
     * allocator too. */
    if (percpu()->no_fault_depth != 0)
        return FAULT_BAD_ADDRESS;
    return heap_fault(virt_make(address)) ? FAULT_RESOLVED : FAULT_BAD_ADDRESS;
}
