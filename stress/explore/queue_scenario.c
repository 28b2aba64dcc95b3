/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The run queues, runtime/threads_runq.c: an owner that pushes, pops and lets in, a thief, and
 * somebody outside who submits. The ring's positions wrap around its slots on the way.
 */
#include "runtime/threads_internal.h"
#include "stress/explore/explore.h"
#include "stress/explore/rig.h"
#include "stress/explore/scenarios.h"

enum { OWN = 3, OUTSIDE = 2, ACTORS = OWN + OUTSIDE };
enum { STOLEN, LET_IN, TAKEN_OUTSIDE };

static struct {
    struct rt_actor actors[ACTORS];
    struct runq_ring own, thief;
    struct runq_shared shared;
    unsigned seen[ACTORS];
} state;

static void set_up_ring(struct runq_ring *ring, uint64_t position) {
    atomic_init(&ring->head, position);
    atomic_init(&ring->tail, position);
}

static void set_up(void) {
    (void)rig_reset();
    set_up_ring(&state.own, RUNQ_RING_SLOTS - 2);
    set_up_ring(&state.thief, 0);
    runq_shared_init(&state.shared);
    for (unsigned i = 0; i < ACTORS; i++) {
        state.seen[i] = 0;
    }
}

static void see(const struct rt_actor *actor) {
    unsigned index = (unsigned)(actor - state.actors);
    EXPLORE_CHECK(index < ACTORS, "taken what was never queued");
    EXPLORE_CHECK(state.seen[index]++ == 0, "actor %u was taken twice", index);
}

/* As runq_ring_pop, but without looking whether a thief was there. */
static struct rt_actor *pop_by_store(void) {
    uint64_t head = atomic_load(&state.own.head);
    if (head == atomic_load(&state.own.tail)) {
        return NULL;
    }
    struct rt_actor *actor = atomic_load(&state.own.slots[head % RUNQ_RING_SLOTS]);
    atomic_store(&state.own.head, head + 1);
    return actor;
}

static void own(void) {
    for (unsigned i = 0; i < OWN; i++) {
        EXPLORE_CHECK(runq_ring_push(&state.own, &state.actors[i]), "the ring is full");
    }
    for (unsigned i = 0; i < OWN; i++) {
        if (i == 1) {
            uint64_t before = runq_ring_count(&state.own);
            runq_shared_refill(&state.shared, &state.own, OUTSIDE);
            if (runq_ring_count(&state.own) > before) {
                explore_reached(LET_IN);
            }
        }
        struct rt_actor *actor =
            explore_variant("pop-by-store") ? pop_by_store() : runq_ring_pop(&state.own);
        if (actor != NULL) {
            see(actor);
        }
    }
}

static void steal(void) {
    if (runq_ring_steal(&state.thief, &state.own)) {
        explore_reached(STOLEN);
    }
    struct rt_actor *actor;
    while ((actor = runq_ring_pop(&state.thief)) != NULL) {
        see(actor);
    }
    actor = runq_shared_pop(&state.shared);
    if (actor != NULL) {
        explore_reached(TAKEN_OUTSIDE);
        see(actor);
    }
}

static void submit(void) {
    for (unsigned i = OWN; i < ACTORS; i++) {
        runq_shared_push(&state.shared, &state.actors[i]);
    }
}

static void settled(void) {
    struct rt_actor *actor;
    while ((actor = runq_ring_pop(&state.own)) != NULL) {
        see(actor);
    }
    while ((actor = runq_shared_pop(&state.shared)) != NULL) {
        see(actor);
    }
    EXPLORE_CHECK(runq_ring_count(&state.thief) == 0 && runq_shared_empty(&state.shared),
                  "left in a queue");
    for (unsigned i = 0; i < ACTORS; i++) {
        EXPLORE_CHECK(state.seen[i] == 1, "actor %u is lost", i);
    }
}

const struct explore_scenario queue_scenario = {
    .name = "queue",
    .says = "each queued actor is taken once, by its owner, a thief or who lets it in",
    .threads = {{"owner", own, false}, {"thief", steal, false}, {"outside", submit, false}},
    .variants = {{"pop-by-store", NULL},
                 {"pop-torn", "runq_ring_pop"},
                 {"steal-torn", "runq_ring_steal"},
                 {"push-torn", "runq_shared_push"},
                 {"take-torn", "take"},
                 {"lock-torn", "begin_taking"}},
    .marks = {[STOLEN] = "a theft",
              [LET_IN] = "the owner lets in what waits outside",
              [TAKEN_OUTSIDE] = "the thief takes what waits outside"},
    .bound = 3,
    .drawn = 20000,
    .set_up = set_up,
    .settled = settled,
};
