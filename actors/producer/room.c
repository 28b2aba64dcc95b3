/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See room.h. */
#include "actors/producer/room.h"

#include "actors/producer/producer.h"
#include "runtime/mutant.h"

enum {
    BEYOND_BYTES = 1 << 20, /* that may be used above the limit before admission becomes less */
    INPUT_GROWS_PARTS = 2,  /* input may take half as much more until all of it lies in batches */
    ACTOR_BYTES = 512,      /* nearly all are leader actors, in a partition of that size ... */
    ACTORS_PARTS = 4,       /* ... and they count as no more than a quarter of what is used */
    CHARGED_TIMES = 32
};

/* What is in use for records now, but for `leaving` of it. Credit that threads cache counts, unless
 * that matters. */
static int64_t charged(const struct rt_budget *budget, int64_t leaving) {
    int64_t most = rt_budget_charged_at_most(budget);
    return (most > budget->limit / CHARGED_TIMES ? most : rt_budget_charged(budget)) - leaving;
}

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
    int64_t grows = input > kept ? (input - kept) / INPUT_GROWS_PARTS : 0;
    used += actors < used / ACTORS_PARTS ? actors : used / ACTORS_PARTS;
    return producer->budget.limit + BEYOND_BYTES + kept - used - grows;
}

/* No more is held than CHARGED_TIMES what is charged: memory that no record has is nothing to wait
 * for, and when nothing is in the way everything may come. */
static void settle(struct producer *producer, int64_t bytes) {
    struct rt_budget *budget = &producer->budget;
    int64_t room = room_left(producer);
    int64_t least = budget->limit - CHARGED_TIMES * charged(budget, bytes);
    rt_budget_settle(budget, bytes, room > least ? room : least);
}

/* Nearly always: then there is nothing to reckon. Nor is there before anybody produces, or when the
 * lanes are freed. */
static bool is_plenty(const struct producer *producer) {
    const struct rt_budget *budget = &producer->budget;
    return (rt_pool_used(producer->pool) < budget->limit / 2 &&
            atomic_load_explicit(&budget->held, memory_order_relaxed) == 0) ||
           atomic_load_explicit(&producer->lanes, memory_order_relaxed) == NULL;
}

void room_review(struct producer *producer) {
    if (!is_plenty(producer)) {
        settle(producer, 0);
    }
}

bool room_refused(struct producer *producer) {
    struct rt_budget *budget = &producer->budget;
    int64_t before = atomic_load(&budget->held);
    if (before != 0) {
        settle(producer, 0);
    }
    return atomic_load(&budget->held) < before;
}

void room_give(struct producer *producer, int64_t bytes) {
    if (is_plenty(producer)) {
        rt_budget_give(&producer->budget, bytes);
    } else {
        settle(producer, bytes);
    }
    share_review(producer);
    RT_UNLESS_MUTANT(room_wakes_nobody, news_tell(producer));
}
