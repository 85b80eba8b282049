/* SPDX-License-Identifier: MIT
 *
 * What the heap should hold, kept as naively as can be: a list of objects, a map that
 * names the object of each 16 bytes of the window, and a copy of every byte. Each call
 * does one operation on the heap and fails the test when the answer is wrong.
 */
#ifndef PLINTH_TESTS_HOST_HEAP_ORACLE_H
#define PLINTH_TESTS_HOST_HEAP_ORACLE_H

#include "mm/heap.h"

struct oracle_object {
    u8 *at;
    u64 bytes;
    u64 align; /* as asked for, at least HEAP_ALIGN */
    bool run;  /* whole pages */
};

#define ORACLE_MAX 20000
extern struct oracle_object oracle[ORACLE_MAX];
extern u32 oracle_count;

/* After world_open, before world_close; leaves no object alive. */
void oracle_open(void);
void oracle_close(void);

/* False when the heap refused; then there was a reason. The new object is the last. */
bool oracle_alloc(u64 bytes, u64 align);
bool oracle_resize(u32 i, u64 bytes);
void oracle_free(u32 i); /* the last object takes its place */
void oracle_write(u32 i, u64 offset, u64 bytes, u8 seed);
/* All of the object as it should be; touches it. */
void oracle_compare(u32 i);
/* Exactly the pages of a run that were touched are there. Plain mode: elsewhere edges
 * are touched as well. */
void oracle_compare_pages(u32 i);
/* The first byte behind an object whose touch faults: the end of its last page. */
u8 *oracle_end(u32 i);
/* Counters of heap and frames against the list. After heap_trim the page counts are
 * exact to the page, else to one empty slab a class. */
void oracle_check(bool trimmed);

#endif
