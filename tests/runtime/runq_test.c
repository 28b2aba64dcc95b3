/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The run queues alone: each actor comes out once, first in first out, whoever takes. */
#include "harness.h"
#include "runtime/threads_internal.h"
#include "test.h"

enum { ACTORS = 1000, THIEVES = 3 };

Test(runq, a_ring_is_first_in_first_out_and_refuses_when_full) {
    static struct runq_ring ring;
    static struct rt_actor actors[RUNQ_RING_SLOTS + 1];
    runq_ring_init(&ring);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < RUNQ_RING_SLOTS; i++) {
            cr_assert(runq_ring_push(&ring, &actors[i]));
        }
        cr_assert(!runq_ring_push(&ring, &actors[RUNQ_RING_SLOTS]));
        for (int i = 0; i < RUNQ_RING_SLOTS; i++) {
            cr_assert_eq(runq_ring_pop(&ring), &actors[i]);
        }
        cr_assert_null(runq_ring_pop(&ring));
    }
}

Test(runq, a_thief_takes_the_older_half) {
    static struct runq_ring own;
    static struct runq_ring victim;
    static struct rt_actor actors[7];
    runq_ring_init(&own);
    runq_ring_init(&victim);
    cr_assert(!runq_ring_steal(&own, &victim));
    for (int i = 0; i < 7; i++) {
        cr_assert(runq_ring_push(&victim, &actors[i]));
    }
    cr_assert(runq_ring_steal(&own, &victim));
    for (int i = 0; i < 7; i++) {
        cr_assert_eq(runq_ring_pop(i < 4 ? &own : &victim), &actors[i]);
    }
}

Test(runq, a_thief_takes_no_more_than_it_has_room_for) {
    static struct runq_ring own;
    static struct runq_ring victim;
    static struct rt_actor actors[RUNQ_RING_SLOTS];
    runq_ring_init(&own);
    runq_ring_init(&victim);
    for (int i = 0; i < 4; i++) {
        cr_assert(runq_ring_push(&victim, &actors[i]));
    }
    for (int i = 0; i < RUNQ_RING_SLOTS - 1; i++) {
        cr_assert(runq_ring_push(&own, &actors[i]));
    }
    cr_assert(!runq_ring_steal(&own, &victim));
    cr_assert_eq(runq_ring_count(&victim), 4);
    runq_ring_pop(&own);
    cr_assert(runq_ring_steal(&own, &victim));
    cr_assert_eq(runq_ring_count(&victim), 2);
}

/* The head was read, then others took and put: the tail read after it is of another moment. */
Test(runq, a_thief_that_read_head_and_tail_of_two_moments_takes_nothing) {
    static struct runq_ring own;
    static struct runq_ring victim;
    runq_ring_init(&own);
    runq_ring_init(&victim);
    atomic_store(&victim.head, 5);
    atomic_store(&victim.tail, 3);
    cr_assert(!runq_ring_steal(&own, &victim));
    atomic_store(&victim.tail, 5 + 2 * RUNQ_RING_SLOTS + 2);
    cr_assert(!runq_ring_steal(&own, &victim));
    cr_assert_eq(runq_ring_count(&own), 0);
}

Test(runq, a_push_that_stopped_half_way_holds_back_what_is_behind_it_and_no_more) {
    static struct runq_shared queue;
    static struct rt_actor actors[2];
    runq_shared_init(&queue);
    runq_shared_push(&queue, &actors[0]);
    atomic_store(&actors[1].queue_next, NULL);
    struct rt_actor *before = atomic_exchange(&queue.tail, &actors[1]);
    cr_assert_eq(before, &actors[0]);
    cr_assert(!runq_shared_empty(&queue));
    cr_assert_null(runq_shared_pop(&queue), "whether it is the last cannot be told");
    atomic_store(&before->queue_next, &actors[1]);
    cr_assert_eq(runq_shared_pop(&queue), &actors[0]);
    cr_assert_eq(runq_shared_pop(&queue), &actors[1]);
    before = atomic_exchange(&queue.tail, &actors[0]);
    atomic_store(&actors[0].queue_next, NULL);
    cr_assert(!runq_shared_empty(&queue));
    cr_assert_null(runq_shared_pop(&queue), "the first push is half-way");
    atomic_store(&before->queue_next, &actors[0]);
    cr_assert_eq(runq_shared_pop(&queue), &actors[0]);
}

Test(runq, a_shared_queue_is_first_in_first_out_and_has_no_end) {
    static struct runq_shared queue;
    static struct rt_actor actors[ACTORS];
    runq_shared_init(&queue);
    for (int round = 0; round < 3; round++) {
        cr_assert(runq_shared_empty(&queue));
        cr_assert_null(runq_shared_pop(&queue));
        for (int i = 0; i < ACTORS; i++) {
            runq_shared_push(&queue, &actors[i]);
        }
        cr_assert(!runq_shared_empty(&queue));
        for (int i = 0; i < ACTORS; i++) {
            cr_assert_eq(runq_shared_pop(&queue), &actors[i]);
        }
    }
}

/* ---- everybody at once ----------------------------------------------------------------------- */

/* Each actor goes around: taken by whoever gets it, counted, put back, until it has had its turns.
 * An actor in two places at a time would be counted by two threads at a time. */
struct round_trip {
    struct runq_shared shared;
    struct runq_ring rings[THIEVES];
    struct {
        struct rt_actor actor; /* first */
        uint32_t turns;        /* whose lock is being in exactly one place */
        _Atomic uint32_t held;
    } travellers[ACTORS];
    uint32_t turns;
    _Atomic uint32_t arrived;
};

static struct rt_actor *find(struct round_trip *trip, unsigned index) {
    struct runq_ring *own = &trip->rings[index];
    struct rt_actor *actor = runq_ring_pop(own);
    if (actor == NULL) {
        runq_shared_refill(&trip->shared, own, 50);
        actor = runq_ring_pop(own);
    }
    for (unsigned i = 1; i < THIEVES && actor == NULL; i++) {
        if (runq_ring_steal(own, &trip->rings[(index + i) % THIEVES])) {
            actor = runq_ring_pop(own);
        }
    }
    return actor != NULL ? actor : runq_shared_pop(&trip->shared);
}

static void travel(void *context, unsigned index) {
    struct round_trip *trip = context;
    while (atomic_load(&trip->arrived) < ACTORS) {
        struct rt_actor *actor = find(trip, index);
        if (actor == NULL) {
            continue;
        }
        size_t at = ((uintptr_t)actor - (uintptr_t)trip->travellers) / sizeof *trip->travellers;
        cr_assert_eq(atomic_exchange(&trip->travellers[at].held, 1), 0, "in one place only");
        bool ready = ++trip->travellers[at].turns == trip->turns;
        atomic_store(&trip->travellers[at].held, 0);
        if (ready) {
            atomic_fetch_add(&trip->arrived, 1);
        } else if (trip->travellers[at].turns % 3 == 0 ||
                   !runq_ring_push(&trip->rings[index], actor)) {
            runq_shared_push(&trip->shared, actor);
        }
    }
}

Test(runq, taking_stealing_and_refilling_at_once_loses_and_doubles_no_actor) {
    struct round_trip *trip = aligned_alloc(64, (sizeof *trip + 63) / 64 * 64);
    cr_assert_not_null(trip);
    memset(trip, 0, sizeof *trip);
    trip->turns = 100 * HARNESS_SCALE;
    runq_shared_init(&trip->shared);
    for (int i = 0; i < THIEVES; i++) {
        runq_ring_init(&trip->rings[i]);
    }
    for (int i = 0; i < ACTORS; i++) {
        runq_shared_push(&trip->shared, &trip->travellers[i].actor);
    }
    harness_threads(THIEVES, travel, trip);
    cr_assert_eq(atomic_load(&trip->arrived), ACTORS);
    cr_assert(runq_shared_empty(&trip->shared));
    free(trip);
}
