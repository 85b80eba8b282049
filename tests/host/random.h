/* SPDX-License-Identifier: MIT
 *
 * Repeatable random numbers for host tests: a seed names a case, on every machine. The
 * generator is splitmix64 (Steele, Lea, Flood, 2014).
 */
#ifndef PLINTH_TESTS_HOST_RANDOM_H
#define PLINTH_TESTS_HOST_RANDOM_H

#include "kernel/boot/wire.h"

struct random {
    u64 state;
};

static inline struct random random_of(u64 seed)
{
    return (struct random){seed};
}

static inline u64 random_next(struct random *random)
{
    u64 mixed = random->state += 0x9E3779B97F4A7C15;

    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
    return mixed ^ (mixed >> 31);
}

/* 0 .. bound - 1; the bias of the remainder does not matter here. */
static inline u64 random_below(struct random *random, u64 bound)
{
    return random_next(random) % bound;
}

#endif
