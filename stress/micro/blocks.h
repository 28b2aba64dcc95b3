/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Microbenchmarks of single building blocks: each runs one in a loop and answers ns of CPU. */
#ifndef STRESS_MICRO_BLOCKS_H
#define STRESS_MICRO_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/world.h"

/* Ns of CPU for each of `count` operations, about. */
typedef double block_run(uint64_t count);

block_run block_lane_unbounded, block_lane_spsc, block_lane_mpsc, block_lane_run;
block_run block_again, block_notify_local, block_notify_awake;
block_run block_wake_sender, block_wake_worker;
block_run block_timer_later, block_timer_cancel, block_timer_place, block_timer_expire;
block_run block_budget_take, block_budget_give;
block_run block_encode, block_append, block_crc32c_small, block_crc32c_large;
block_run block_murmur2_short, block_murmur2_long, block_metadata;

/* CPU time of this thread, and of the process. */
uint64_t thread_ns(void);
uint64_t process_ns(void);
/* Ends the program when there is none. */
struct rt_world *block_world(unsigned workers);
/* Zeroed, a multiple of cache lines; ends the program when there is none. */
void *block_memory(size_t size);
/* Waits until the word has this value, without using CPU. */
void block_await(struct rt_world *world, _Atomic uint32_t *word, uint32_t value);
/* Waits until all actors of the world have gone, and destroys it. */
void block_world_end(struct rt_world *world);

/* Takes a result, so that the compiler cannot leave out what made it. */
static inline void block_keep(uint64_t result) {
    __asm__ volatile("" : : "r"(result) : "memory");
}

#endif
