/* SPDX-License-Identifier: MIT
 *
 * An address that was taken for that of a frame and is none: what it looks like.
 */
#include "kernel/base/format.h"
#include "kernel/base/panic.h"
#include "mm/ram.h"

#define UPPER_HALF 0xFFFF000000000000

static bool is_ram(u64 raw)
{
    return ram_contains(phys_make(raw & ~(u64)(PAGE_BYTES - 1)), PAGE_BYTES);
}

/* An entry keeps bits 12..51 of what is put into it, a careless mask 0..47: bit 47 is
 * among both, and no RAM of today has it. */
static void virtual_text(u64 raw, char *out, u64 out_bytes)
{
    u64 virt = raw | UPPER_HALF, offset = virt - DIRECT_MAP_BASE;
    const char *what = raw == virt ? "a virtual address, not a physical one"
                                   : "the middle bits of a virtual address, not a "
                                     "physical one";

    if (offset < DIRECT_MAP_BYTES && is_ram(offset))
        format(out, out_bytes, "%s: V:%016lx, by which the direct map shows P:%#lx",
               what, virt, offset);
    else
        format(out, out_bytes, "%s: V:%016lx", what, virt);
}

static u64 ram_end(void)
{
    struct phys_range range;
    u64 end = 0;

    for (u32 i = 0; ram_range(i, &range); i++)
        end = range.base.raw + range.bytes;
    return end;
}

/* RAM whose address has the same low 32 bits, or 0. */
static u64 widened(u64 raw)
{
    u64 end = ram_end();

    for (u64 wide = raw + (1UL << 32); raw >> 32 == 0 && wide < end; wide += 1UL << 32)
        if (is_ram(wide))
            return wide;
    return 0;
}

void ram_alleged_text(phys_t phys, char *out, u64 out_bytes)
{
    u64 raw = phys.raw, wide = widened(raw);

    if (raw >> 47 & 1)
        virtual_text(raw, out, out_bytes);
    else if (wide != 0)
        format(out, out_bytes, "the low 32 bits of P:%#lx, which is RAM", wide);
    else if (raw >= ram_end())
        format(out, out_bytes, "RAM ends at P:%#lx", ram_end());
    else
        format(out, out_bytes, "it lies in a hole between pieces of RAM");
}

void ram_die(phys_t phys)
{
    char text[160];

    ram_alleged_text(phys, text, sizeof(text));
    panic_code(CODE_FR_09, "P:%#lx stands for a frame and is not RAM: %s", phys.raw,
               text);
}

void ram_numbers_prove(void)
{
    u64 last = ram_end() - PAGE_BYTES;
    pfn_t number = phys_to_pfn(phys_make(last));
    u64 back = pfn_to_phys(number).raw;

    if (back != last)
        panic_code(CODE_FR_09,
                   "the last frame of RAM, P:%#lx, has the number %#lx, and that becomes "
                   "P:%#lx%s",
                   last, number.raw, back,
                   back == (u32)last ? ": cut to 32 bits" : "");
}
