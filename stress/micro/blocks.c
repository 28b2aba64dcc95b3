/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * micro_blocks [DIVISOR]: runs every building block once and prints a JSON object, ns of CPU per
 * operation by name. What a name means is in micro.py.
 */
#include "blocks.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "runtime/threads.h"

enum { NS_PER_S = 1000000000, PAUSE_NS = 200000 };

static const struct block {
    const char *name;
    block_run *run;
    uint64_t count;
} blocks[] = {
    {"lane-unbounded", block_lane_unbounded, 8000000},
    {"lane-spsc", block_lane_spsc, 16000000},
    {"lane-mpsc", block_lane_mpsc, 8000000},
    {"lane-run", block_lane_run, 64000000},
    {"again", block_again, 2000000},
    {"notify-local", block_notify_local, 2000000},
    {"notify-awake", block_notify_awake, 200000},
    {"wake-sender", block_wake_sender, 1000},
    {"wake-worker", block_wake_worker, 1000},
    {"timer-later", block_timer_later, 8000000},
    {"timer-cancel", block_timer_cancel, 8000000},
    {"timer-place", block_timer_place, 2000000},
    {"timer-expire", block_timer_expire, 256000},
    {"budget-take", block_budget_take, 16000000},
    {"budget-give", block_budget_give, 8000000},
    {"encode", block_encode, 8000000},
    {"append", block_append, 8000000},
    {"crc32c-1k", block_crc32c_small, 1000000},
    {"crc32c-16k", block_crc32c_large, 2000000},
    {"murmur2-8", block_murmur2_short, 16000000},
    {"murmur2-100", block_murmur2_long, 4000000},
    {"metadata", block_metadata, 16000000},
};

static uint64_t clock_ns(clockid_t clock) {
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t thread_ns(void) {
    return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

uint64_t process_ns(void) {
    return clock_ns(CLOCK_PROCESS_CPUTIME_ID);
}

struct rt_world *block_world(unsigned workers) {
    int error = 0;
    struct rt_threads_options options = {.workers = workers, .name = "micro"};
    struct rt_world *world = rt_threads_create(&options, &error);
    if (world == NULL) {
        fprintf(stderr, "no world: %s\n", strerror(error));
        exit(1);
    }
    return world;
}

void *block_memory(size_t size) {
    void *memory = aligned_alloc(64, (size + 63) / 64 * 64);
    if (memory == NULL) {
        fprintf(stderr, "no memory\n");
        exit(1);
    }
    memset(memory, 0, size);
    return memory;
}

void block_await(struct rt_world *world, _Atomic uint32_t *word, uint32_t value) {
    uint32_t seen;
    while ((seen = atomic_load(word)) != value) {
        (void)rt_wait(world, word, seen, RT_FOREVER);
    }
}

void block_world_end(struct rt_world *world) {
    _Atomic uint32_t never = 0;
    while (atomic_load(&world->actors_gone) != atomic_load(&world->actors_started)) {
        (void)rt_wait(world, &never, 0, rt_now(world) + PAUSE_NS);
    }
    rt_world_destroy(world);
}

int main(int count, char **words) {
    uint64_t divisor = count < 2 ? 1 : strtoul(words[1], NULL, 10);
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        printf("%s\"%s\": %.3f", i == 0 ? "{" : ", ", blocks[i].name,
               blocks[i].run(blocks[i].count / divisor));
    }
    puts("}");
    return 0;
}
