/* SPDX-License-Identifier: MIT
 *
 * Several CPUs, each a thread, in one small machine under ThreadSanitizer: allocate,
 * free, promise and keep promises at random, near exhaustion most of the time. No frame
 * may have two owners, no plain access may race, and at the end all counters must be
 * right.
 *
 *   pmm_stress [OPERATIONS [CPUS]]
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "mm/pmm_stack.h"
#include "mm/ram.h"
#include "tests/host/pmm_world.h"
#include "tests/host/random.h"

#define HELD_MAX 256

static const struct world_range ram[] = {{0x100000, MIB(11)}, {MIB(64), MIB(6)}};
static u64 operations = 40000;
static u32 cpus = 3;

void world_die(enum code code, const char *text)
{
    fprintf(stderr, "pmm_stress: death %u: %s\n", (u32)code, text);
    exit(1);
}

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "pmm_stress: %s\n", what);
        exit(1);
    }
}

struct held {
    pfn_t pfn;
    u32 order;
};

struct worker {
    u32 cpu;
    struct random random;
    struct held held[HELD_MAX];
    u32 count;
    u64 promised;
};

/* Whoever holds a frame writes its name into it, and nobody else may have. */
static void hold(struct worker *worker, pfn_t pfn, u32 order, bool zeroed)
{
    for (u32 i = 0; i < 1u << order; i++) {
        u64 *word = pfn_to_ptr(pfn_add(pfn, i));
        must(!zeroed || (word[0] == 0 && word[511] == 0), "a frame is not zero");
        word[0] = word[511] = worker->cpu + 1;
    }
    worker->held[worker->count++] = (struct held){pfn, order};
}

static void let_go(struct worker *worker)
{
    u32 which = (u32)random_below(&worker->random, worker->count);
    struct held held = worker->held[which];
    worker->held[which] = worker->held[--worker->count];
    for (u32 i = 0; i < 1u << held.order; i++) {
        const u64 *word = pfn_to_ptr(pfn_add(held.pfn, i));
        must(word[0] == worker->cpu + 1 && word[511] == worker->cpu + 1,
             "a frame has two owners");
    }
    bool raw = random_below(&worker->random, 2) != 0;
    must((raw ? pmm_free_raw(held.pfn, held.order, OWNER_TEST)
              : pmm_free(held.pfn, held.order, OWNER_TEST)) == STATUS_OK,
         "a free is refused");
}

static void take(struct worker *worker)
{
    pfn_t pfn;
    bool raw = random_below(&worker->random, 2) != 0;
    u32 order = random_below(&worker->random, 3)
                    ? 0
                    : (u32)random_below(&worker->random, 10);
    enum status status = raw ? pmm_alloc_raw(order, OWNER_TEST, &pfn)
                             : pmm_alloc(order, OWNER_TEST, &pfn);
    if (status == STATUS_OK)
        hold(worker, pfn, order, !raw);
}

static void promise(struct worker *worker)
{
    pfn_t pfn;
    if (pmm_promise(3) != STATUS_OK)
        return;
    must(pmm_take_promised(OWNER_TEST, &pfn), "a promise is not kept");
    hold(worker, pfn, 0, true);
    must(pmm_take_promised(OWNER_TEST, &pfn), "a promise is not kept");
    must(pmm_free_to_promise(pfn, OWNER_TEST) == STATUS_OK, "a promise is not renewed");
    pmm_promise_return(2);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    world_cpu(worker->cpu);
    for (u64 i = 0; i < operations; i++) {
        u64 what = random_below(&worker->random, 8);
        if (worker->count > HELD_MAX - 4 || (what < 3 && worker->count != 0))
            let_go(worker);
        else if (what < 7)
            take(worker);
        else
            promise(worker);
    }
    while (worker->count != 0)
        let_go(worker);
    return NULL;
}

int main(int argc, char **argv)
{
    static struct worker workers[CPU_MAX];
    pthread_t threads[CPU_MAX];
    struct pmm_stats before, after;
    if (argc > 1)
        operations = strtoul(argv[1], NULL, 10);
    if (argc > 2)
        cpus = (u32)strtoul(argv[2], NULL, 10);
    must(cpus >= 1 && cpus <= CPU_MAX, "1 to 8 CPUs");
    world_open(ram, ARRAY_COUNT(ram), cpus);
    pmm_stats_get(&before);
    for (u32 i = 0; i < cpus; i++) {
        workers[i] = (struct worker){.cpu = i, .random = random_of(i + 1)};
        must(pthread_create(&threads[i], NULL, work, &workers[i]) == 0, "a thread");
    }
    for (u32 i = 0; i < cpus; i++)
        pthread_join(threads[i], NULL);
    pmm_stats_get(&after);
    must(after.free == before.free, "frames are missing");
    must(after.refused == 0, "a free was refused");
    pmm_verify();
    printf("pmm_stress: %u CPUs, %lu operations each, every frame accounted for\n",
           cpus, operations);
    return 0;
}
