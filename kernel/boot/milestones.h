/* SPDX-License-Identifier: MIT
 *
 * The stations of the way up, in the order they are passed. Read by C and NASM, so plain numbers.
 * Each is stamped with the TSC in boot_info.milestone_tsc[NUMBER]; 0 means not reached.
 */
#ifndef PLINTH_KERNEL_BOOT_MILESTONES_H
#define PLINTH_KERNEL_BOOT_MILESTONES_H

#define MILESTONE_STAGE1        0
#define MILESTONE_STAGE2        1
#define MILESTONE_CPU_CHECKED   2
#define MILESTONE_A20           3
#define MILESTONE_MEMORY_MAP    4
#define MILESTONE_KERNEL_LOADED 5
#define MILESTONE_LONG_MODE     6
#define MILESTONE_KERNEL_ENTRY  7
#define MILESTONE_MAP_CLEAN     8
#define MILESTONE_TABLES_BUILT  9
#define MILESTONE_MOVED         10
#define MILESTONE_IDENTITY_GONE 11
#define MILESTONE_TRAPS         12
#define MILESTONE_FRAMES        13
#define MILESTONE_HEAP          14
#define MILESTONE_REPORT        15
#define MILESTONE_PROMPT        16
#define MILESTONE_COUNT         17
#define MILESTONE_SLOTS         24

#endif
