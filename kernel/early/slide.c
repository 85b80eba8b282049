/* SPDX-License-Identifier: MIT
 *
 * Where in its gigabyte the image goes. kaslr=off: the lowest place; kaslr=max: the
 * highest; kaslr=NUMBER: a place made from it, the same every time; otherwise random.
 */
#include "kernel/arch/instr.h"
#include "kernel/base/config.h"
#include "kernel/base/fnv.h"
#include "kernel/base/string.h"
#include "kernel/early/early.h"
#include "kernel/early/handover.h"

#define CPUID_1_ECX_RDRAND (1u << 30)

/* RDRAND where there is one (it may fail for a while: SDM vol. 1, 7.3.17.1), mixed with
 * the TSC and the stamps of the way here, which differ by what disk and firmware took.
 */
static u64 entropy_gather(void)
{
    u64 hash = fnv1a_64(FNV1A_64_BASIS, &handover.info, sizeof(handover.info));
    u64 tsc = rdtsc();
    if (cpuid(1, 0).ecx & CPUID_1_ECX_RDRAND) {
        u64 drawn = 0;
        for (int tries = 0; tries < 10 && !rdrand(&drawn); tries++)
            continue;
        tsc ^= drawn;
    }
    return hash ^ fnv1a_64(FNV1A_64_BASIS, &tsc, sizeof(tsc));
}

void slide_choose(u64 image_bytes)
{
    u64 slots = (IMAGE_SLIDE_BYTES - image_bytes) / PAGE_2M_BYTES + 1;
    struct config_value value;
    u64 slot, seed;
    if (!config_find(handover.config, "kaslr", &value))
        slot = entropy_gather() % slots;
    else if (config_is(&value, "off"))
        slot = 0;
    else if (config_is(&value, "max"))
        slot = slots - 1;
    else if (config_parse_u64(&value, &seed))
        slot = fnv1a_64(FNV1A_64_BASIS, &seed, sizeof(seed)) % slots;
    else
        slot = entropy_gather() % slots;
    handover.slide_slots = slots;
    handover.slide_bytes = slot * PAGE_2M_BYTES;
    handover.image_virt = IMAGE_BASE + handover.slide_bytes;
}
