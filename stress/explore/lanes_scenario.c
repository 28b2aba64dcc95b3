/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The lanes of runtime/lane.c over ck_ring and wfcqueue themselves. The rings are filled to the
 * last slot, and their counters wrap on the way.
 */
#include <limits.h>

#include "runtime/assert.h"
#include "runtime/lane.h"
#include "stress/explore/explore.h"
#include "stress/explore/rig.h"
#include "stress/explore/scenarios.h"

/* ---- rings ----------------------------------------------------------------------------------- */

enum { SLOTS = 3, WRITERS = 2, FROM_ONE = 5, FROM_EACH = 2 };
enum { RING_FULL };

static struct {
    struct rt_lane_ring ring;
    _Atomic uint32_t places; /* that a writer may fill: what keeps the ring from overflowing */
    uintptr_t seen[WRITERS];
} rings;

static void set_up_ring(void) {
    (void)rig_reset();
    RT_ASSERT(rt_lane_ring_init(&rings.ring, rig_world(), SLOTS));
    rings.ring.ring->c_head = UINT_MAX - 1;
    rings.ring.ring->p_head = UINT_MAX - 1;
    rings.ring.ring->p_tail = UINT_MAX - 1;
    atomic_init(&rings.places, SLOTS);
    rings.seen[0] = rings.seen[1] = 0;
}

static void take_place(void) {
    for (;;) {
        uint32_t seen = atomic_load(&rings.places);
        if (seen == 0) {
            explore_reached(RING_FULL);
            explore_pause();
        } else if (atomic_compare_exchange_strong(&rings.places, &seen, seen - 1)) {
            return;
        }
    }
}

static void write_one_by_one(void) {
    for (uintptr_t i = 1; i <= FROM_ONE; i++) {
        take_place();
        rt_lane_spsc_push(&rings.ring, (void *)(i * WRITERS));
    }
}

static void write_among_others(void) {
    for (uintptr_t i = 1; i <= FROM_EACH; i++) {
        take_place();
        void *message = (void *)(i * WRITERS + explore_self());
        if (explore_variant("a-ring-for-one-writer")) {
            rt_lane_spsc_push(&rings.ring, message);
        } else {
            rt_lane_mpsc_push(&rings.ring, message);
        }
    }
}

static void take(unsigned count) {
    while (count > 0) {
        bool early = explore_variant("place-given-back-early") && rt_lane_ring_count(&rings.ring);
        if (early) {
            atomic_fetch_add(&rings.places, 1);
        }
        void *message;
        if (!rt_lane_ring_take(&rings.ring, &message)) {
            explore_pause();
            continue;
        }
        if (!early) {
            atomic_fetch_add(&rings.places, 1);
        }
        unsigned writer = (uintptr_t)message % WRITERS;
        rings.seen[writer]++;
        EXPLORE_CHECK((uintptr_t)message / WRITERS == rings.seen[writer],
                      "from writer %u came %u, not %u", writer,
                      (unsigned)((uintptr_t)message / WRITERS), (unsigned)rings.seen[writer]);
        count--;
    }
}

static void take_from_one(void) {
    take(FROM_ONE);
}

static void take_from_each(void) {
    take(FROM_EACH * WRITERS);
}

static void settled_ring(void) {
    EXPLORE_CHECK(rt_lane_ring_count(&rings.ring) == 0, "left in the ring");
}

const struct explore_scenario spsc_scenario = {
    .name = "spsc",
    .says = "a ring of one writer: each message once, in order, over the wrap of its counters",
    .threads = {{"writer", write_one_by_one, false}, {"reader", take_from_one, false}},
    .variants = {{"place-given-back-early", NULL}},
    .marks = {[RING_FULL] = "a full ring"},
    .bound = 4,
    .drawn = 20000,
    .set_up = set_up_ring,
    .settled = settled_ring,
};

const struct explore_scenario mpsc_scenario = {
    .name = "mpsc",
    .says = "a ring of two writers: each message once, in the order of its writer",
    .threads = {{"writer 1", write_among_others, false},
                {"writer 2", write_among_others, false},
                {"reader", take_from_each, false}},
    .variants = {{"a-ring-for-one-writer", NULL}, {"place-given-back-early", NULL}},
    .marks = {[RING_FULL] = "a full ring"},
    .bound = 2,
    .drawn = 20000,
    .set_up = set_up_ring,
    .settled = settled_ring,
};

/* ---- unbounded ------------------------------------------------------------------------------- */

enum { PUSHERS = 3, FIRST_MESSAGES = 2, MESSAGES = PUSHERS - 1 + FIRST_MESSAGES };
enum { LANE_BUSY, LANE_EMPTY };

struct message {
    struct rt_node node;
    unsigned pusher, number;
};

static struct {
    struct rt_lane_unbounded lane;
    struct message messages[PUSHERS][FIRST_MESSAGES];
    _Atomic unsigned pushed; /* pushes that are over */
    unsigned taken;
    unsigned next[PUSHERS];
} unbounded;

static void set_up_unbounded(void) {
    (void)rig_reset();
    rt_lane_unbounded_init(&unbounded.lane);
    atomic_init(&unbounded.pushed, 0);
    unbounded.taken = 0;
    for (unsigned i = 0; i < PUSHERS; i++) {
        unbounded.next[i] = 0;
    }
}

static void push(void) {
    unsigned pusher = explore_self();
    for (unsigned i = 0; i < (pusher == 0 ? FIRST_MESSAGES : 1); i++) {
        struct message *message = &unbounded.messages[pusher][i];
        message->pusher = pusher;
        message->number = i;
        rt_lane_unbounded_push(&unbounded.lane, &message->node);
        atomic_fetch_add(&unbounded.pushed, 1);
    }
}

/* Takes until the lane is empty, which then held all whose pushes were over before. */
static void empty_lane(void) {
    unsigned least = atomic_load(&unbounded.pushed);
    for (;;) {
        struct rt_node *node = NULL;
        enum rt_take took = rt_lane_unbounded_take(&unbounded.lane, &node);
        if (took == RT_EMPTY || (took == RT_BUSY && explore_variant("busy-is-empty"))) {
            break;
        }
        if (took == RT_BUSY) {
            explore_reached(LANE_BUSY);
            explore_pause();
            continue;
        }
        struct message *message = (struct message *)(void *)node;
        EXPLORE_CHECK(message->number == unbounded.next[message->pusher]++, "not in order");
        unbounded.taken++;
    }
    EXPLORE_CHECK(unbounded.taken >= least, "%u pushes were over, %u were there", least,
                  unbounded.taken);
}

static void read_all(void) {
    while (unbounded.taken < MESSAGES) {
        empty_lane();
        if (unbounded.taken < MESSAGES) {
            explore_reached(LANE_EMPTY);
            explore_pause();
        }
    }
}

static void read_as_second(void) {
    if (explore_variant("two-readers")) {
        empty_lane();
    }
}

static void settled_unbounded(void) {
    EXPLORE_CHECK(unbounded.taken == MESSAGES, "%u of %u were taken", unbounded.taken, MESSAGES);
}

const struct explore_scenario unbounded_scenario = {
    .name = "unbounded",
    .says = "an unbounded lane: each message once, in its pusher's order; empty is said only when "
            "every push that was over has been taken, otherwise busy",
    .threads = {{"pusher 1", push, false},
                {"pusher 2", push, false},
                {"pusher 3", push, false},
                {"reader", read_all, false},
                {"reader 2", read_as_second, false}},
    .variants = {{"busy-is-empty", NULL}, {"two-readers", NULL}},
    .marks = {[LANE_BUSY] = "a lane that is busy", [LANE_EMPTY] = "an empty lane"},
    .bound = 2,
    .drawn = 20000,
    .set_up = set_up_unbounded,
    .settled = settled_unbounded,
};
