/* SPDX-License-Identifier: MIT
 *
 * What the processor can do, by name (CPUID; SDM vol. 2A, AMD APM vol. 3 appendix E).
 *
 * Owns: the boot CPU's answers, read once. Life: cpu_features_init before anything asks; constant
 * afterwards, so any context may ask. Other CPUs are read with cpu_features_read and compared.
 */
#ifndef PLINTH_KERNEL_ARCH_CPU_FEATURES_H
#define PLINTH_KERNEL_ARCH_CPU_FEATURES_H

#include "kernel/base/types.h"

/* Which CPUID answer a feature is a bit of. */
#define CPUID_WORD_1_ECX  0
#define CPUID_WORD_1_EDX  1
#define CPUID_WORD_7_EBX  2
#define CPUID_WORD_7_ECX  3
#define CPUID_WORD_7_EDX  4
#define CPUID_WORD_81_ECX 5
#define CPUID_WORD_81_EDX 6
#define CPUID_WORD_87_EDX 7
#define CPUID_WORD_D1_EAX 8
#define CPUID_WORD_COUNT  9

/* F(name, word, bit, text, required) */
#define CPU_FEATURE_LIST(F)                       \
    F(FPU, 1_EDX, 0, "fpu", 1)                    \
    F(DE, 1_EDX, 2, "de", 0)                      \
    F(PSE, 1_EDX, 3, "pse", 1)                    \
    F(TSC, 1_EDX, 4, "tsc", 1)                    \
    F(MSR, 1_EDX, 5, "msr", 1)                    \
    F(PAE, 1_EDX, 6, "pae", 1)                    \
    F(MCE, 1_EDX, 7, "mce", 0)                    \
    F(CX8, 1_EDX, 8, "cx8", 1)                    \
    F(APIC, 1_EDX, 9, "apic", 0)                  \
    F(MTRR, 1_EDX, 12, "mtrr", 0)                 \
    F(PGE, 1_EDX, 13, "pge", 1)                   \
    F(MCA, 1_EDX, 14, "mca", 0)                   \
    F(CMOV, 1_EDX, 15, "cmov", 1)                 \
    F(PAT, 1_EDX, 16, "pat", 1)                   \
    F(CLFLUSH, 1_EDX, 19, "clflush", 0)           \
    F(MMX, 1_EDX, 23, "mmx", 1)                   \
    F(FXSR, 1_EDX, 24, "fxsr", 1)                 \
    F(SSE, 1_EDX, 25, "sse", 1)                   \
    F(SSE2, 1_EDX, 26, "sse2", 1)                 \
    F(HTT, 1_EDX, 28, "htt", 0)                   \
    F(SSE3, 1_ECX, 0, "sse3", 0)                  \
    F(PCLMULQDQ, 1_ECX, 1, "pclmulqdq", 0)        \
    F(MONITOR, 1_ECX, 3, "monitor", 0)            \
    F(VMX, 1_ECX, 5, "vmx", 0)                    \
    F(SSSE3, 1_ECX, 9, "ssse3", 0)                \
    F(CX16, 1_ECX, 13, "cx16", 0)                 \
    F(PCID, 1_ECX, 17, "pcid", 0)                 \
    F(SSE4_1, 1_ECX, 19, "sse4_1", 0)             \
    F(SSE4_2, 1_ECX, 20, "sse4_2", 0)             \
    F(X2APIC, 1_ECX, 21, "x2apic", 0)             \
    F(MOVBE, 1_ECX, 22, "movbe", 0)               \
    F(POPCNT, 1_ECX, 23, "popcnt", 0)             \
    F(TSC_DEADLINE, 1_ECX, 24, "tsc_deadline", 0) \
    F(AES, 1_ECX, 25, "aes", 0)                   \
    F(XSAVE, 1_ECX, 26, "xsave", 0)               \
    F(AVX, 1_ECX, 28, "avx", 0)                   \
    F(RDRAND, 1_ECX, 30, "rdrand", 0)             \
    F(HYPERVISOR, 1_ECX, 31, "hypervisor", 0)     \
    F(FSGSBASE, 7_EBX, 0, "fsgsbase", 0)          \
    F(BMI1, 7_EBX, 3, "bmi1", 0)                  \
    F(AVX2, 7_EBX, 5, "avx2", 0)                  \
    F(SMEP, 7_EBX, 7, "smep", 0)                  \
    F(BMI2, 7_EBX, 8, "bmi2", 0)                  \
    F(ERMS, 7_EBX, 9, "erms", 0)                  \
    F(INVPCID, 7_EBX, 10, "invpcid", 0)           \
    F(AVX512F, 7_EBX, 16, "avx512f", 0)           \
    F(RDSEED, 7_EBX, 18, "rdseed", 0)             \
    F(ADX, 7_EBX, 19, "adx", 0)                   \
    F(SMAP, 7_EBX, 20, "smap", 0)                 \
    F(CLFLUSHOPT, 7_EBX, 23, "clflushopt", 0)     \
    F(CLWB, 7_EBX, 24, "clwb", 0)                 \
    F(SHA, 7_EBX, 29, "sha", 0)                   \
    F(UMIP, 7_ECX, 2, "umip", 0)                  \
    F(PKU, 7_ECX, 3, "pku", 0)                    \
    F(CET_SS, 7_ECX, 7, "cet_ss", 0)              \
    F(LA57, 7_ECX, 16, "la57", 0)                 \
    F(RDPID, 7_ECX, 22, "rdpid", 0)               \
    F(FSRM, 7_EDX, 4, "fsrm", 0)                  \
    F(MD_CLEAR, 7_EDX, 10, "md_clear", 0)         \
    F(CET_IBT, 7_EDX, 20, "cet_ibt", 0)           \
    F(ARCH_CAPABILITIES, 7_EDX, 29, "arch_cap", 0) \
    F(SVM, 81_ECX, 2, "svm", 0)                   \
    F(SYSCALL, 81_EDX, 11, "syscall", 1)          \
    F(NX, 81_EDX, 20, "nx", 1)                    \
    F(PAGE_1G, 81_EDX, 26, "pdpe1gb", 0)          \
    F(RDTSCP, 81_EDX, 27, "rdtscp", 0)            \
    F(LONG_MODE, 81_EDX, 29, "lm", 1)             \
    F(INVARIANT_TSC, 87_EDX, 8, "invariant_tsc", 0) \
    F(XSAVEOPT, D1_EAX, 0, "xsaveopt", 0)         \
    F(XSAVES, D1_EAX, 3, "xsaves", 0)

#define CPU_FEATURE_ENUMERATOR(name, word, bit, text, required) FEATURE_##name,
enum cpu_feature { CPU_FEATURE_LIST(CPU_FEATURE_ENUMERATOR) FEATURE_COUNT };
#undef CPU_FEATURE_ENUMERATOR

struct cpu_features {
    u32 words[CPUID_WORD_COUNT];
    u32 max_basic;
    u32 max_extended;
    u32 phys_bits;    /* MAXPHYADDR */
    u32 virt_bits;
    u32 family;       /* as displayed: with the extended fields added */
    u32 model;
    u32 stepping;
    u32 apic_id;      /* initial */
    char vendor[13];
    char brand[49];   /* without leading blanks; empty when the CPU has none */
    char hypervisor[13];
};

/* Asks this CPU. Any context. */
void cpu_features_read(struct cpu_features *out);

/* Reads the boot CPU; dies with CP-01 naming every required feature that is missing, and with
 * CP-02 when five-level paging is on. */
void cpu_features_init(void);

/* The boot CPU's answers. */
const struct cpu_features *cpu_features_boot(void);
bool cpu_has(enum cpu_feature feature);

/* MAXPHYADDR of the boot CPU, at most 52; asks the CPU itself before cpu_features_init. */
u32 cpu_phys_bits(void);

bool cpu_features_has(const struct cpu_features *features, enum cpu_feature feature);
const char *cpu_feature_name(enum cpu_feature feature);

/* The names of all features present, one blank between; returns as format() does. */
u64 cpu_features_list(const struct cpu_features *features, char *out, u64 out_bytes);

#endif
