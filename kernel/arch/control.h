/* SPDX-License-Identifier: MIT
 *
 * Control registers and the MSRs that decide how memory behaves: one initialiser, run
 * by every CPU, so that no two CPUs differ. What firmware left is not kept.
 */
#ifndef PLINTH_KERNEL_ARCH_CONTROL_H
#define PLINTH_KERNEL_ARCH_CONTROL_H

#include "kernel/base/types.h"

/* The page attribute table. A page's PAT, PCD and PWT bits are an index into it.
 *
 *   0 WB   1 WT   2 UC-  3 UC     as at power-on: the loader's tables stay true
 *   4 WB   5 WP   6 WC   7 UC     with the PAT bit
 *
 * Each upper entry is its lower neighbour made weaker, never stronger: whoever loses
 * the PAT bit on the way between page sizes (bit 7 in a PTE, bit 12 in a large page)
 * gets WB for WB, WT for WP, UC- for WC and UC for UC: slower, never wrong. */
#define PAT_WB       0
#define PAT_WT       1
#define PAT_UC_MINUS 2
#define PAT_UC       3
#define PAT_WP       5
#define PAT_WC       6

/* What control_init decides, for comparing CPUs. */
struct control_state {
    u64 cr0;
    u64 cr4;
    u64 efer;
    u64 pat;
};

/* Sets CR0, CR4, EFER and PAT of this CPU: WP, NX, SMEP, SMAP, UMIP and PCID where
 * present, GLOBAL pages, machine checks; FSGSBASE, LA57, protection keys and CET off.
 * The kernel's own tables are PCID 0. Needs cpu_features_init, and in CR3 nothing but the
 * address of the tables. Interrupts off. */
void control_init(void);

/* The choice that is left to the configuration, the same for all CPUs: PCIDs are not used
 * even where they are present. Before the first control_init. */
void control_pcid_off(void);

/* What this CPU has now. Any context. */
void control_read(struct control_state *out);

/* What control_init gives every CPU. */
void control_expected(struct control_state *out);

/* Writes "CR0 PG WP ..." style words of a register's set bits; returns as format()
 * does. */
u64 control_cr0_words(u64 cr0, char *out, u64 out_bytes);
u64 control_cr4_words(u64 cr4, char *out, u64 out_bytes);
u64 control_rflags_words(u64 rflags, char *out, u64 out_bytes);

/* 1 when SMAP is on: the trap entry must clear RFLAGS.AC. */
extern u8 control_smap_on;

#endif
