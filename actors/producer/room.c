/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See room.h. */
#include "actors/producer/room.h"

#include "actors/producer/producer.h"
#include "runtime/mutant.h"

enum {
    BEYOND_BYTES = 1 << 20, /* that may be used above the limit before admission becomes less */
    INPUT_GROWS_PARTS = 2,  /* input may take half as much more until all of it lies in batches */
    ACTOR_BYTES = 512,      /* nearly all are leader actors, in a partition of that size ... */
    ACTORS_PARTS = 4        /* ... and they count as no more than a quarter of what is used */
};

/* What may be available at most. Each thread keeps a chunk of input, which is no reason to admit
 * less: nothing that is decided would free it. */
static int64_t room_left(struct producer *producer) {
    int64_t used = rt_pool_used(producer->pool);
    if (used < producer->budget.limit / 2) {
        return producer->budget.limit; /* no matter what else there is */
    }
    int64_t input = atomic_load_explicit(&producer->input_bytes, memory_order_relaxed);
    int64_t actors =
        atomic_load_explicit(&producer->actors_left, memory_order_relaxed) * ACTOR_BYTES;
    const struct input_lane *lane = atomic_load_explicit(&producer->lanes, memory_order_acquire);
    int64_t kept = lane == NULL ? 0 : lane->id * (int64_t)INPUT_CHUNK_BYTES;
    used += actors < used / ACTORS_PARTS ? actors : used / ACTORS_PARTS;
    return producer->budget.limit + BEYOND_BYTES + kept - used - input / INPUT_GROWS_PARTS;
}

/* Nearly always: then there is nothing to reckon. */
static bool is_plenty(const struct producer *producer) {
    const struct rt_budget *budget = &producer->budget;
    return rt_pool_used(producer->pool) < budget->limit / 2 &&
           atomic_load_explicit(&budget->held, memory_order_relaxed) == 0;
}

void room_review(struct producer *producer) {
    if (!is_plenty(producer)) {
        rt_budget_settle(&producer->budget, 0, room_left(producer));
    }
}

void room_give(struct producer *producer, int64_t bytes) {
    if (is_plenty(producer)) {
        rt_budget_give(&producer->budget, bytes);
    } else {
        rt_budget_settle(&producer->budget, bytes, room_left(producer));
    }
    share_review(producer);
    RT_UNLESS_MUTANT(room_wakes_nobody, news_tell(producer));
}
