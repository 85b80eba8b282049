/* SPDX-License-Identifier: MIT */
#include "kernel/base/string.h"
#include "mm/heap.h"
#include "mm/kernel_stack.h"
#include "tests/kernel/soak.h"

/* --- objects --- */

static void object_check(const struct soak_object *object)
{
    u64 last = object->bytes - 1;
    CHECK_MSG(soak.t,
              object->at[0] == object->pattern && object->at[last] == object->pattern &&
                  object->at[last / 2] == object->pattern,
              "object V:%p of %lu bytes changed", (void *)object->at, object->bytes);
}

static void object_fill(struct soak_object *object, u64 bytes)
{
    object->bytes = bytes;
    object->pattern = (u8)(soak_below(256) | 1);
    object->at[0] = object->at[bytes / 2] = object->at[bytes - 1] = object->pattern;
    object->at[(bytes - 1) / 2] = object->pattern;
}

/* Mostly small, sometimes of many pages; their touched bytes are few. */
static u64 object_bytes(void)
{
    u64 kind = soak_below(16);
    return 1 + soak_below(kind < 10 ? 300 : kind < 14 ? 5000 : 400000);
}

void soak_object_step(void)
{
    struct soak_object *object = &soak.object[soak_below(SOAK_SLOTS)];
    if (!object->at) {
        u64 bytes = object_bytes();
        object->at = heap_alloc(bytes);
        soak.refused += !object->at;
        if (object->at)
            object_fill(object, bytes);
        return;
    }
    object_check(object);
    if (soak_below(3) != 0) {
        heap_free(object->at);
        object->at = NULL;
        return;
    }
    u64 bytes = object_bytes();
    u8 *moved = heap_resize(object->at, bytes);
    soak.refused += !moved;
    if (!moved)
        return;
    CHECK(soak.t, moved[0] == object->pattern);
    memset(moved, 0, MIN(object->bytes, bytes)); /* what was in it, at most */
    object->at = moved;
    object_fill(object, bytes);
}

/* --- kernel stacks --- */

/* Zero when it is given; what is written into it is how deep it was. */
void soak_stack_step(void)
{
    u64 *top = &soak.stack_top[soak_below(SOAK_STACKS)];
    if (*top == 0) {
        enum status status = kernel_stack_alloc("the soak's stack", top);
        soak.refused += status != STATUS_OK;
        if (status == STATUS_OK)
            CHECK_EQUAL(soak.t, kernel_stack_depth(*top), 0);
        return;
    }
    u64 depth = 8 + soak_below(STACK_BYTES / 8) * 8;
    *(u64 *)(*top - depth) = ~0UL;
    CHECK(soak.t, kernel_stack_depth(*top) >= depth);
    if (soak_below(2)) {
        kernel_stack_free(*top);
        *top = 0;
    }
}

void soak_objects_give(void)
{
    for (u32 i = 0; i < SOAK_SLOTS; i++) {
        if (soak.object[i].at)
            object_check(&soak.object[i]);
        heap_free(soak.object[i].at);
    }
    for (u32 i = 0; i < SOAK_STACKS; i++)
        if (soak.stack_top[i] != 0)
            kernel_stack_free(soak.stack_top[i]);
    heap_trim();
    kernel_stack_trim();
}
