/* SPDX-License-Identifier: MIT
 *
 * What the parts of the soak share (soak_selftest.c): its state, and one step of each
 * kind.
 */
#ifndef PLINTH_TESTS_KERNEL_SOAK_H
#define PLINTH_TESTS_KERNEL_SOAK_H

#include "kernel/selftest.h"
#include "mm/pmm.h"
#include "tests/kernel/program_space.h"

#define SOAK_SLOTS   64
#define SOAK_STACKS  16
#define SOAK_DEVICES 8

struct soak_object {
    u8 *at;
    u64 bytes;
    u8 pattern;
};

/* A block, and what of it is mapped: from its first frame on, at its slot's address. */
struct soak_block {
    pfn_t pfn;
    u32 order;
    bool taken;
    u64 mapped_bytes;
};

struct soak {
    struct selftest *t;
    u64 random;
    u64 refused; /* requests that memory could not meet */
    struct soak_object object[SOAK_SLOTS];
    struct soak_block block[SOAK_SLOTS];
    u64 stack_top[SOAK_STACKS];
    volatile void *device[SOAK_DEVICES];
    struct program_space program;
};

extern struct soak soak;

/* A random number below the bound. */
u64 soak_below(u64 bound);

/* soak_objects.c: objects of the heap, kernel stacks */
void soak_object_step(void);
void soak_stack_step(void);
void soak_objects_give(void);
/* soak_blocks.c: blocks of frames, their mappings, devices */
void soak_block_step(void);
void soak_mapping_step(void);
void soak_device_step(void);
void soak_blocks_give(void);

#endif
