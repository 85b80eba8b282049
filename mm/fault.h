/* SPDX-License-Identifier: MIT
 *
 * The verdict on a page fault. mm answers what the address is; kernel/trap decides what
 * happens to whoever touched it. mm knows no threads and no processes.
 */
#ifndef PLINTH_MM_FAULT_H
#define PLINTH_MM_FAULT_H

#include "kernel/base/types.h"

enum fault_verdict {
    FAULT_RESOLVED,    /* the access can be tried again */
    FAULT_BAD_ADDRESS, /* it never may */
    FAULT_NO_MEMORY,   /* it may, but there is no frame */
};

/* error_code: PF_... of kernel/arch/trap_frame.h. Only ring 0, not-present, not-fetch
 * faults are ever given memory. No lock, no sleep, no allocation beyond a promised frame.
 * Inside NMI, #MC, #DF or a death nothing is given. A fault of a translation older than
 * rights that were given since is resolved anywhere. NO_MEMORY is for memory that is
 * not promised, which the kernel itself has none of. */
enum fault_verdict fault_resolve(u64 address, u64 error_code);

#endif
