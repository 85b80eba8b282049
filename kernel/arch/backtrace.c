/* SPDX-License-Identifier: MIT
 *
 * The frame-pointer walk.
 */
#include "kernel/arch/backtrace.h"

static bool (*reader)(u64 virt);

void backtrace_set_reader(bool (*readable)(u64 virt))
{
    reader = readable;
}

bool backtrace_is_readable(u64 virt, u64 bytes)
{
    if (reader == NULL || bytes == 0 || virt + bytes < virt)
        return false;
    /* Rights change only at pages; asking for the first byte of each word is more than
     * enough. */
    for (u64 at = virt & ~(u64)7; at < virt + bytes; at += 8)
        if (!reader(at))
            return false;
    return true;
}

u32 backtrace_walk(u64 rbp, struct backtrace_caller out[BACKTRACE_MAX])
{
    u32 count = 0;

    for (u32 links = 0; links < BACKTRACE_LINKS_MAX; links++) {
        const u64 *link = (const u64 *)(uintptr_t)rbp;

        if (rbp == 0 || !IS_ALIGNED(rbp, 8) || !backtrace_is_readable(rbp, 16) ||
            link[1] == 0)
            break;
        if (count != 0 && out[count - 1].address == link[1])
            out[count - 1].repeats++;
        else if (count == BACKTRACE_MAX)
            break;
        else
            out[count++] = (struct backtrace_caller){link[1], 0};
        /* A link to itself would repeat until the bound. */
        if (link[0] == rbp)
            break;
        rbp = link[0];
    }
    return count;
}
