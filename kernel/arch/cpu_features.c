/* SPDX-License-Identifier: MIT
 *
 * CPUID by name. Leaves above what the CPU knows answer as zeros here: old CPUs return
 * the last basic leaf's rubbish for them.
 */
#include "kernel/arch/cpu_features.h"
#include "kernel/arch/instr.h"
#include "kernel/base/format.h"
#include "kernel/base/panic.h"
#include "kernel/base/string.h"

#define PHYS_BITS_MAX     52
#define PHYS_BITS_DEFAULT 36 /* PAE without leaf 80000008h */

struct feature_entry {
    u8 word;
    u8 bit;
    u8 required;
    char name[13];
};

#define FEATURE_ENTRY(name, word, bit, text, required) \
    {CPUID_WORD_##word, bit, required, text},
static const struct feature_entry entries[] = {CPU_FEATURE_LIST(FEATURE_ENTRY)};
#undef FEATURE_ENTRY

static struct cpu_features boot;

static struct cpuid_result leaf_read(const struct cpu_features *features, u32 leaf,
                                     u32 subleaf)
{
    u32 most = leaf >= 0x80000000 ? features->max_extended : features->max_basic;

    return leaf <= most ? cpuid(leaf, subleaf) : (struct cpuid_result){0};
}

/* Twelve characters that lie in three registers. */
static void text_of(char out[13], u32 a, u32 b, u32 c)
{
    memcpy(out, &a, 4);
    memcpy(out + 4, &b, 4);
    memcpy(out + 8, &c, 4);
    out[12] = '\0';
}

static void brand_read(struct cpu_features *out)
{
    char text[49] = "";
    u64 skip = 0;

    if (out->max_extended >= 0x80000004) {
        for (u32 i = 0; i < 3; i++) {
            struct cpuid_result r = cpuid(0x80000002 + i, 0);

            memcpy(text + 16 * i, &r, 16);
        }
    }
    while (text[skip] == ' ')
        skip++;
    memcpy(out->brand, text + skip, sizeof(text) - skip);
}

/* Family and model as the manuals display them (SDM vol. 2A, CPUID, figure 3-6). */
static void signature_read(struct cpu_features *out, u32 eax)
{
    u32 family = eax >> 8 & 15, model = eax >> 4 & 15;

    out->stepping = eax & 15;
    out->family = family == 15 ? family + (eax >> 20 & 0xFF) : family;
    out->model = family == 6 || family == 15 ? model | (eax >> 12 & 0xF0) : model;
}

static u32 phys_bits_of(u32 max_extended)
{
    u32 bits = max_extended >= 0x80000008 ? cpuid(0x80000008, 0).eax & 0xFF : 0;

    return bits == 0 ? PHYS_BITS_DEFAULT : MIN(bits, PHYS_BITS_MAX);
}

void cpu_features_read(struct cpu_features *out)
{
    struct cpuid_result r = cpuid(0, 0);

    memset(out, 0, sizeof(*out));
    out->max_basic = r.eax;
    text_of(out->vendor, r.ebx, r.edx, r.ecx);
    r = cpuid(0x80000000, 0);
    /* A CPU without extended leaves answers with something below 80000000h. */
    out->max_extended = r.eax >= 0x80000000 ? r.eax : 0;

    r = leaf_read(out, 1, 0);
    out->words[CPUID_WORD_1_ECX] = r.ecx;
    out->words[CPUID_WORD_1_EDX] = r.edx;
    out->apic_id = r.ebx >> 24;
    signature_read(out, r.eax);
    r = leaf_read(out, 7, 0);
    out->words[CPUID_WORD_7_EBX] = r.ebx;
    out->words[CPUID_WORD_7_ECX] = r.ecx;
    out->words[CPUID_WORD_7_EDX] = r.edx;
    r = leaf_read(out, 0x80000001, 0);
    out->words[CPUID_WORD_81_ECX] = r.ecx;
    out->words[CPUID_WORD_81_EDX] = r.edx;
    out->words[CPUID_WORD_87_EDX] = leaf_read(out, 0x80000007, 0).edx;
    out->words[CPUID_WORD_D1_EAX] = leaf_read(out, 13, 1).eax;

    out->phys_bits = phys_bits_of(out->max_extended);
    r = leaf_read(out, 0x80000008, 0);
    out->virt_bits = r.eax >> 8 & 0xFF;
    brand_read(out);
    if (cpu_features_has(out, FEATURE_HYPERVISOR)) {
        r = cpuid(0x40000000, 0);
        text_of(out->hypervisor, r.ebx, r.ecx, r.edx);
    }
}

bool cpu_features_has(const struct cpu_features *features, enum cpu_feature feature)
{
    const struct feature_entry *entry = &entries[feature];

    return (features->words[entry->word] >> entry->bit & 1) != 0;
}

static void required_check(const struct cpu_features *features)
{
    char missing[160] = "";
    u64 used = 0;

    for (u32 i = 0; i < FEATURE_COUNT; i++)
        if (entries[i].required && !cpu_features_has(features, (enum cpu_feature)i) &&
            used < sizeof(missing))
            used += (u64)format(missing + used, sizeof(missing) - used, " %s",
                                entries[i].name);
    if (used != 0)
        panic_code(CODE_CP_01, "the processor (%s, family %u, model %u) lacks:%s",
                   features->vendor, features->family, features->model, missing);
}

void cpu_features_init(void)
{
    cpu_features_read(&boot);
    required_check(&boot);
    if (read_cr4() & CR4_LA57)
        panic_code(CODE_CP_02,
                   "five-level paging is on, CR4 %#lx; expected four levels",
                   read_cr4());
}

const struct cpu_features *cpu_features_boot(void)
{
    return &boot;
}

bool cpu_has(enum cpu_feature feature)
{
    return cpu_features_has(&boot, feature);
}

u32 cpu_phys_bits(void)
{
    return boot.phys_bits != 0 ? boot.phys_bits
                               : phys_bits_of(cpuid(0x80000000, 0).eax);
}

const char *cpu_feature_name(enum cpu_feature feature)
{
    return (u32)feature < FEATURE_COUNT ? entries[feature].name : "?";
}

u64 cpu_features_list(const struct cpu_features *features, char *out, u64 out_bytes)
{
    u64 used = 0;

    for (u32 i = 0; i < FEATURE_COUNT; i++) {
        u64 at = MIN(used, out_bytes);

        if (cpu_features_has(features, (enum cpu_feature)i))
            used += (u64)format(out + at, out_bytes - at, used == 0 ? "%s" : " %s",
                                entries[i].name);
    }
    return used;
}
