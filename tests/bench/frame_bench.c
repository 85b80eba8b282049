/* SPDX-License-Identifier: MIT
 *
 * The shipped frame allocator beside its rivals, on this computer. Prints lines of
 * "# bench NAME=NUMBER UNIT" for scripts/bench.py: counts and ratios, never times.
 *
 *   frame_bench churn             free 2 MiB blocks after churn
 *   frame_bench ratios            time for a pair against ours, two threads against one
 *   frame_bench pairs NAME N      N pairs and nothing else, to be counted by callgrind
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mm/pmm_stack.h"
#include "tests/bench/frame_rivals.h"
#include "tests/host/pmm_world.h"
#include "tests/host/random.h"

void world_die(enum code code, const char *text)
{
    fprintf(stderr, "frame_bench: death %u: %s\n", (u32)code, text);
    exit(1);
}

static void must(bool good, const char *what)
{
    if (!good) {
        fprintf(stderr, "frame_bench: %s\n", what);
        exit(1);
    }
}

/* --- ours, with as much memory as the rivals --- */

#define OURS_BASE GIB(4)
static const struct world_range ram[] = {
    {0x100000, MIB(1)},
    {OURS_BASE, RIVAL_FRAMES *PAGE_BYTES},
    {GIB(16), MIB(64)}, /* the frame table goes to the highest RAM */
};

/* What lies outside the 4 GiB is nobody's. */
static void ours_fence(u64 low, u64 high)
{
    struct pmm_request one = {.frames = 1,
                              .low = pfn_make(low >> PAGE_SHIFT),
                              .high = pfn_make(high >> PAGE_SHIFT),
                              .node = PMM_NODE_ANY,
                              .owner = OWNER_TEST};
    pfn_t pfn;
    while (pmm_run_alloc(&one, &pfn) == STATUS_OK)
        ;
}

static void ours_open(void)
{
    world_open(ram, ARRAY_COUNT(ram), 2);
    ours_fence(0x100000, OURS_BASE);
    ours_fence(GIB(16), GIB(17));
}

static u64 ours_alloc(u32 order)
{
    pfn_t pfn;
    if (pmm_alloc_raw(order, OWNER_TEST, &pfn) != STATUS_OK)
        return RIVAL_NONE;
    return pfn.raw - (OURS_BASE >> PAGE_SHIFT);
}

static void ours_free(u64 frame, u32 order)
{
    must(pmm_free_raw(pfn_make(frame + (OURS_BASE >> PAGE_SHIFT)), order, OWNER_TEST) ==
             STATUS_OK,
         "a frame is not taken back");
}

static u64 ours_whole(void)
{
    u64 whole = 0, first = OURS_BASE >> PAGE_2M_SHIFT;
    (void)stack_drain(percpu_frames());
    for (u64 area = first; area < first + RIVAL_FRAMES / AREA_FRAMES; area++)
        whole += (*area_counter(area) & ~AREA_UNTOUCHED) == AREA_FRAMES;
    return whole;
}

static const struct rival ours = {"plinth", ours_open, ours_alloc, ours_free,
                                  ours_whole};
static const struct rival *const all[] = {&ours, &rival_bitmap, &rival_buddy};

/* --- churn --- */

struct block {
    u64 frame;
    u32 order;
};
static struct block blocks[RIVAL_FRAMES];
static u64 block_count, used;

static void fill_to(const struct rival *rival, struct random *random, u64 frames)
{
    while (used < frames) {
        u32 order = (u32)random_below(random, 4);
        u64 frame = rival->alloc(order);
        must(frame != RIVAL_NONE, "out of memory");
        blocks[block_count++] = (struct block){frame, order};
        used += 1UL << order;
    }
}

static void free_to(const struct rival *rival, struct random *random, u64 frames)
{
    while (used > frames) {
        u64 which = random_below(random, block_count);
        struct block block = blocks[which];
        blocks[which] = blocks[--block_count];
        rival->free(block.frame, block.order);
        used -= 1UL << block.order;
    }
}

/* Half of memory in orders 0..3, half of that freed at random: a quarter is used. Then
 * eight rounds that free a half of what is used and allocate as much again. */
static void churn(const struct rival *rival)
{
    struct random random = random_of(1);
    block_count = used = 0;
    rival->open();
    fill_to(rival, &random, RIVAL_FRAMES / 2);
    free_to(rival, &random, RIVAL_FRAMES / 4);
    for (u32 round = 0; round < 8; round++) {
        free_to(rival, &random, RIVAL_FRAMES / 8);
        fill_to(rival, &random, RIVAL_FRAMES / 4);
    }
    u64 possible = (RIVAL_FRAMES - used) / 512;
    printf("# bench whole_2m_after_churn_%s=%lu of %lu\n", rival->name,
           rival->whole_areas(), possible);
}

/* --- time --- */

#define PAIRS       200000
#define BATCH       32 /* frames held at once: the working set of a busy moment */
#define REPETITIONS 15

static void pairs(const struct rival *rival, u64 count)
{
    u64 held[BATCH];
    for (u64 i = 0; i < count; i += BATCH) {
        for (u32 n = 0; n < BATCH; n++)
            held[n] = rival->alloc(0);
        for (u32 n = 0; n < BATCH; n++)
            rival->free(held[n], 0);
    }
}

/* Time of the thread, not of the wall: a busy computer counts less. */
static double thread_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct job {
    const struct rival *rival;
    pthread_barrier_t *start;
    u32 cpu;
    double seconds;
};

static void *job_run(void *argument)
{
    struct job *job = argument;
    world_cpu(job->cpu);
    pairs(job->rival, BATCH);
    pthread_barrier_wait(job->start);
    double begin = thread_seconds();
    pairs(job->rival, PAIRS);
    job->seconds = thread_seconds() - begin;
    return NULL;
}

/* The least time that the slower of `threads` threads needed. */
static double measure(const struct rival *rival, u32 threads)
{
    double least = 1e9;
    for (u32 i = 0; i < REPETITIONS; i++) {
        pthread_t thread[2];
        struct job job[2];
        pthread_barrier_t start;
        double most = 0;
        pthread_barrier_init(&start, NULL, threads);
        for (u32 n = 0; n < threads; n++) {
            job[n] = (struct job){rival, &start, n, 0};
            must(pthread_create(&thread[n], NULL, job_run, &job[n]) == 0, "a thread");
        }
        for (u32 n = 0; n < threads; n++) {
            pthread_join(thread[n], NULL);
            most = MAX(most, job[n].seconds);
        }
        least = MIN(least, most);
        pthread_barrier_destroy(&start);
    }
    return least;
}

static u64 percent(double part, double whole)
{
    return (u64)(100 * part / whole + 0.5);
}

static void ratios(void)
{
    double one[ARRAY_COUNT(all)], two;
    for (u32 i = 0; i < ARRAY_COUNT(all); i++) {
        all[i]->open();
        one[i] = measure(all[i], 1);
        two = measure(all[i], 2);
        if (i != 0)
            printf("# bench time_of_pair_%s_to_plinth=%lu percent\n", all[i]->name,
                   percent(one[i], one[0]));
        printf("# bench two_threads_to_one_%s=%lu percent\n", all[i]->name,
               percent(two, one[i]));
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "churn") == 0) {
        for (u32 i = 0; i < ARRAY_COUNT(all); i++)
            churn(all[i]);
    } else if (argc == 2 && strcmp(argv[1], "ratios") == 0) {
        ratios();
    } else if (argc == 4 && strcmp(argv[1], "pairs") == 0) {
        for (u32 i = 0; i < ARRAY_COUNT(all); i++)
            if (strcmp(argv[2], all[i]->name) == 0) {
                all[i]->open();
                pairs(all[i], strtoul(argv[3], NULL, 10));
            }
    } else {
        fprintf(stderr, "usage: frame_bench churn | ratios | pairs NAME N\n");
        return 2;
    }
    return 0;
}
