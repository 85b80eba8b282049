/* SPDX-License-Identifier: MIT
 *
 * The one initialiser of control registers.
 */
#include "kernel/arch/control.h"
#include "kernel/arch/cpu_features.h"
#include "kernel/arch/instr.h"
#include "kernel/base/format.h"

/* Memory types, SDM vol. 3A, table 12-10 */
#define TYPE_UC                0UL
#define TYPE_WC                1UL
#define TYPE_WT                4UL
#define TYPE_WP                5UL
#define TYPE_WB                6UL
#define TYPE_UC_MINUS          7UL

#define PAT_ENTRY(index, type) ((type) << (8 * (index)))
#define PAT_LOW_MASK           0xFFFFFFFFUL
#define PAT_VALUE                                                                      \
    (PAT_ENTRY(PAT_WB, TYPE_WB) | PAT_ENTRY(PAT_WT, TYPE_WT) |                         \
     PAT_ENTRY(PAT_UC_MINUS, TYPE_UC_MINUS) | PAT_ENTRY(PAT_UC, TYPE_UC) |             \
     PAT_ENTRY(4, TYPE_WB) | PAT_ENTRY(PAT_WP, TYPE_WP) | PAT_ENTRY(PAT_WC, TYPE_WC) | \
     PAT_ENTRY(7, TYPE_UC))

u8 control_smap_on;
static bool pcid_is_off;

/* AM gives a program alignment checks when it asks for them; it never acts in ring 0.
 */
#define CR0_VALUE (CR0_PE | CR0_MP | CR0_ET | CR0_NE | CR0_WP | CR0_AM | CR0_PG)

static u64 cr4_value(void)
{
    u64 cr4 = CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT;

    cr4 |= cpu_has(FEATURE_DE) ? CR4_DE : 0;
    cr4 |= cpu_has(FEATURE_MCE) ? CR4_MCE : 0;
    cr4 |= cpu_has(FEATURE_SMEP) ? CR4_SMEP : 0;
    cr4 |= cpu_has(FEATURE_SMAP) ? CR4_SMAP : 0;
    cr4 |= cpu_has(FEATURE_UMIP) ? CR4_UMIP : 0;
    cr4 |= cpu_has(FEATURE_PCID) && !pcid_is_off ? CR4_PCIDE : 0;
    return cr4;
}

void control_pcid_off(void)
{
    pcid_is_off = true;
}

void control_expected(struct control_state *out)
{
    out->cr0 = CR0_VALUE;
    out->cr4 = cr4_value();
    out->efer = EFER_LME | EFER_LMA | EFER_NXE;
    out->pat = PAT_VALUE;
}

void control_read(struct control_state *out)
{
    out->cr0 = read_cr0();
    out->cr4 = read_cr4();
    out->efer = rdmsr(MSR_EFER);
    out->pat = rdmsr(MSR_PAT);
}

/* Nothing is mapped through entries 4..7 yet when a CPU gets here, so a change of them
 * alone needs no cache flush. When firmware had changed 0..3, lines may be cached under
 * the old types (SDM vol. 3A, 12.12.4). */
static void pat_set(void)
{
    u64 old = rdmsr(MSR_PAT);

    if (old == PAT_VALUE)
        return;
    if ((old ^ PAT_VALUE) & PAT_LOW_MASK)
        wbinvd();
    wrmsr(MSR_PAT, PAT_VALUE);
    if ((old ^ PAT_VALUE) & PAT_LOW_MASK)
        wbinvd();
}

void control_init(void)
{
    u64 cr4 = cr4_value();

    wrmsr(MSR_EFER, EFER_LME | EFER_LMA | EFER_NXE);
    write_cr0(CR0_VALUE);
    pat_set();
    /* AC is set by nobody yet; clear it before SMAP makes it mean something. */
    if (cr4 & CR4_SMAP) {
        __asm__ volatile("pushfq\n\tandq %0, (%%rsp)\n\tpopfq"
                         :
                         : "i"((int)~RFLAGS_AC)
                         : "memory", "cc");
        control_smap_on = 1;
    }
    /* PCIDE goes on only while CR3 says PCID 0 (SDM vol. 3A, 4.10.1): it holds an address
     * and no cache type. Through PGE off: drops GLOBAL entries that were cached under the
     * old attributes. */
    write_cr4(cr4 & ~CR4_PGE);
    write_cr4(cr4);
}

struct bit_name {
    u8 bit;
    char name[11];
};

static u64 words_put(const struct bit_name *names, u64 count, u64 value, char *out,
                     u64 out_bytes)
{
    u64 used = 0;

    if (out_bytes != 0)
        out[0] = '\0';
    for (u64 i = 0; i < count; i++) {
        u64 at = MIN(used, out_bytes);

        if (value >> names[i].bit & 1)
            used += (u64)format(out + at, out_bytes - at, used == 0 ? "%s" : " %s",
                                names[i].name);
    }
    return used;
}

u64 control_cr0_words(u64 cr0, char *out, u64 out_bytes)
{
    static const struct bit_name names[] = {
        {31, "PG"}, {30, "CD"}, {29, "NW"}, {18, "AM"}, {16, "WP"}, {5, "NE"},
        {4, "ET"},  {3, "TS"},  {2, "EM"},  {1, "MP"},  {0, "PE"},
    };

    return words_put(names, ARRAY_COUNT(names), cr0, out, out_bytes);
}

u64 control_cr4_words(u64 cr4, char *out, u64 out_bytes)
{
    static const struct bit_name names[] = {
        {23, "CET"},   {22, "PKE"},      {21, "SMAP"}, {20, "SMEP"}, {18, "OSXSAVE"},
        {17, "PCIDE"}, {16, "FSGSBASE"}, {12, "LA57"}, {11, "UMIP"}, {10, "OSXMMEXCPT"},
        {9, "OSFXSR"}, {8, "PCE"},       {7, "PGE"},   {6, "MCE"},   {5, "PAE"},
        {4, "PSE"},    {3, "DE"},        {2, "TSD"},   {1, "PVI"},   {0, "VME"},
    };

    return words_put(names, ARRAY_COUNT(names), cr4, out, out_bytes);
}

u64 control_rflags_words(u64 rflags, char *out, u64 out_bytes)
{
    static const struct bit_name names[] = {
        {0, "CF"},  {2, "PF"},  {4, "AF"},  {6, "ZF"},  {7, "SF"},
        {8, "TF"},  {9, "IF"},  {10, "DF"}, {11, "OF"}, {14, "NT"},
        {16, "RF"}, {17, "VM"}, {18, "AC"}, {21, "ID"},
    };

    return words_put(names, ARRAY_COUNT(names), rflags, out, out_bytes);
}
