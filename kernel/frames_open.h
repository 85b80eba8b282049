/* SPDX-License-Identifier: MIT
 *
 * From the handover to the frame allocator: who owns what since boot, and what the
 * configuration says about handing frames out (colour=, check=).
 *
 * Life: frames_open after ram_init, then page_ops_choose; once each.
 */
#ifndef PLINTH_KERNEL_FRAMES_OPEN_H
#define PLINTH_KERNEL_FRAMES_OPEN_H

/* Names an owner for everything that is taken already: image, symbols, modules, early
 * tables; the rest becomes allocatable. */
void frames_open(void);
/* Chooses the quickest ways to zero and copy pages. */
void page_ops_choose(void);

#endif
