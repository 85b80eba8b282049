/* SPDX-License-Identifier: MIT
 *
 * Forced in front of every source of the heap's host test: the two windows where a
 * process can have them. Both lie where ASan has no shadow, no gap and no memory of its
 * own.
 */
#ifndef PLINTH_TESTS_HOST_HEAP_LAYOUT_H
#define PLINTH_TESTS_HOST_HEAP_LAYOUT_H

#include "kernel/boot/layout.h"

#undef DIRECT_MAP_BASE
#define DIRECT_MAP_BASE 0x300000000000
#undef HEAP_BASE
#define HEAP_BASE       0x200000000000
#define HEAP_WINDOW     HEAP_BASE

#endif
