/* SPDX-License-Identifier: MIT
 *
 * Stray writes that the heap finds: each ends the kernel with a code that names who
 * allocated. The test of the code before a start works in guard mode only.
 */
#include "mm/heap.h"
#include "tests/kernel/cases.h"

static void must_not_return(struct selftest *t)
{
    selftest_fail(t, __FILE__, __LINE__, "the heap did not look");
}

/* A free slot is zero, so the next owner's look at it finds the byte. */
void test_die_heap_written(struct selftest *t)
{
    u8 *keep = heap_alloc(48);
    u8 *object = heap_alloc(48);
    object[0] = keep[0] = 1;
    heap_free(object);
    *(volatile u8 *)&object[17] = 9;
    heap_free(heap_alloc(48));
    heap_free(keep);
    must_not_return(t);
}

void test_die_heap_overrun(struct selftest *t)
{
    u8 *object = heap_alloc(5000);
    *(volatile u8 *)&object[5000] = 9;
    heap_free(object);
    must_not_return(t);
}

void test_die_heap_underrun(struct selftest *t)
{
    u8 *object = heap_alloc(100);
    *(volatile u8 *)(object - 1) = 0;
    heap_free(object);
    must_not_return(t);
}

/* What a freed object says is followed: zero, or in poison mode the fill. */
void test_die_freed_pointer(struct selftest *t)
{
    void **keep = heap_alloc(48);
    void *volatile *object = heap_alloc(48);
    object[1] = keep;
    heap_free((void *)object);
    (void)**(volatile u8 **)&object[1];
    heap_free(keep);
    must_not_return(t);
}
