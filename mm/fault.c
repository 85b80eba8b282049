/* SPDX-License-Identifier: MIT */
#include "mm/fault.h"

#include "kernel/arch/percpu.h"
#include "kernel/arch/trap_frame.h"
#include "mm/heap.h"

enum fault_verdict fault_resolve(u64 address, u64 error_code)
{
    if (error_code & (PF_PRESENT | PF_USER | PF_RESERVED | PF_FETCH))
        return FAULT_BAD_ADDRESS;
    /* Whoever reports a death or serves an NMI may stand anywhere, inside the frame
     * allocator too. */
    if (percpu()->no_fault_depth != 0)
        return FAULT_BAD_ADDRESS;
    return heap_fault(virt_make(address)) ? FAULT_RESOLVED : FAULT_BAD_ADDRESS;
}
