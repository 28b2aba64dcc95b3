/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One actor, two workers, and who sends to it: by a ring, by an unbounded lane, by the mark of a
 * timer. The word of runtime/actor.h and runtime/activate.c, with the real lanes.
 */
#include "runtime/activate.h"
#include "runtime/assert.h"
#include "runtime/lane.h"
#include "stress/explore/explore.h"
#include "stress/explore/rig.h"
#include "stress/explore/scenarios.h"

enum { RING_MESSAGES = 2, LANE_MESSAGES = 2 };
enum { MARK = 3, DUE_NS = 1 };
enum { SAW_BUSY };

bool rt_mutant_clock_before_claim;

static struct {
    struct rt_world_ops ops;
    uint64_t now_ns;
    struct rt_actor actor;
    struct rt_lane_ring ring;
    struct rt_lane_unbounded lane;
    struct rt_node nodes[LANE_MESSAGES];
    unsigned from_ring, from_lane;
    bool told, marked;
    bool inside; /* plain: the word alone keeps others out */
} state;

static enum rt_verdict run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    (void)actor;
    EXPLORE_CHECK(!state.inside, "two workers are inside");
    state.inside = true;
    if ((marks & RT_MARK(MARK)) != 0) {
        EXPLORE_CHECK(state.told, "a mark without what was written before it");
        EXPLORE_CHECK(rt_turn_now(turn) >= DUE_NS, "a timer that rings before its time");
        state.marked = true;
    }
    void *message;
    while (rt_lane_ring_take(&state.ring, &message)) {
        state.from_ring++;
        EXPLORE_CHECK((uintptr_t)message == state.from_ring, "not in order");
    }
    struct rt_node *node;
    enum rt_take took = RT_TAKEN;
    while ((took = rt_lane_unbounded_take(&state.lane, &node)) == RT_TAKEN) {
        EXPLORE_CHECK(node == &state.nodes[state.from_lane], "not in order");
        state.from_lane++;
    }
    state.inside = false;
    if (took == RT_BUSY) {
        explore_reached(SAW_BUSY);
        explore_pause();
        return RT_AGAIN;
    }
    return RT_IDLE;
}

static const struct rt_actor_kind kind = {.name = "explored", .run = run};

static uint64_t now(struct rt_world *world) {
    (void)world;
    EXPLORE_STEP("clock");
    return state.now_ns;
}

static void set_up(void) {
    rt_mutant_clock_before_claim = explore_variant("clock-first");
    state.now_ns = 0;
    state.from_ring = state.from_lane = 0;
    state.told = state.marked = state.inside = false;
    struct rt_world *world = &rig_reset()->world;
    state.ops = *world->ops;
    state.ops.now_ns = now;
    world->ops = &state.ops;
    rt_actor_start(&state.actor, &kind, world);
    RT_ASSERT(rt_lane_ring_init(&state.ring, rig_world(), RING_MESSAGES));
    rt_lane_unbounded_init(&state.lane);
}

static void notify_first(void) {
    if (explore_variant("notify-first")) {
        rt_notify(&state.actor);
    }
}

static void notify_then(void (*notify)(struct rt_actor *actor)) {
    if (!explore_variant("notify-first")) {
        notify(&state.actor);
    }
}

static void send_by_ring(void) {
    for (uintptr_t i = 1; i <= RING_MESSAGES; i++) {
        notify_first();
        rt_lane_spsc_push(&state.ring, (void *)i);
        notify_then(rt_notify);
    }
}

static void send_by_lane(void) {
    for (unsigned i = 0; i < LANE_MESSAGES; i++) {
        notify_first();
        bool looked =
            explore_variant("look-first") && (atomic_load(&state.actor.word) & RT_NOTIFIED) != 0;
        rt_lane_unbounded_push(&state.lane, &state.nodes[i]);
        if (!looked) {
            notify_then(rt_notify_pushed);
        }
    }
}

/* As a timer does. */
static void send_mark(void) {
    state.told = true;
    state.now_ns = DUE_NS;
    rt_mark(&state.actor, RT_MARK(MARK));
}

static void settled(void) {
    EXPLORE_CHECK(state.from_ring == RING_MESSAGES, "left in the ring");
    EXPLORE_CHECK(state.from_lane == LANE_MESSAGES, "left in the lane");
    EXPLORE_CHECK(state.marked, "a mark is lost");
    EXPLORE_CHECK(atomic_load(&state.actor.word) == 0 && rig_is_quiet(), "not idle");
}

const struct explore_scenario activation_scenario = {
    .name = "activation",
    .says = "nothing is left behind, never two workers are inside one actor",
    .threads = {{"ring", send_by_ring, false},
                {"lane", send_by_lane, false},
                {"mark", send_mark, false},
                {"worker 1", rig_worker, true},
                {"worker 2", rig_worker, true}},
    .variants = {{"notify-first", NULL},
                 {"look-first", NULL},
                 {"clock-first", NULL},
                 {"release-torn", "release"},
                 {"requeue-torn", "requeue"},
                 {"claim-torn", "rt_activate"},
                 {"send-torn", "rt_mark"}},
    .marks = {[SAW_BUSY] = "a lane that is busy"},
    .bound = 2,
    .drawn = 20000,
    .set_up = set_up,
    .settled = settled,
};
