/* SPDX-License-Identifier: MIT
 *
 * The boot report: what a person wants to know about the machine and about where things
 * went. Each part is a monitor command as well. Reads only; logs; any thread context.
 */
#ifndef PLINTH_KERNEL_REPORT_H
#define PLINTH_KERNEL_REPORT_H

/* Raw map beside what became of each entry, then the clean map. */
void report_memory_map(void);
/* Windows, image and slide, direct map by page size. */
void report_layout(void);
/* RAM by owner, exactly, and what the kernel costs. */
void report_frames(void);
void report_page_ops(void);
void report_heap(void);
void report_stacks(void);
/* Stamps of every milestone since stage1. */
void report_milestones(void);
/* What the loader met and dealt with: one line, then one line each. */
void report_loader(void);

/* All of it, in the order above. */
void report_boot(void);

/* The same facts as one line of JSON on COM1. */
void report_json(void);

#endif
