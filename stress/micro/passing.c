/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages handed on: two actors back and forth, and five in a row. */
#include "runtime.h"

/* ---- ping-pong ------------------------------------------------------------------------------- */

struct player {
    struct rt_actor actor; /* first */
    struct player *other;
    struct rt_lane_unbounded lane;
    char pad[64];
};

struct ball {
    struct rt_node node; /* first */
    uint64_t hops_left;
};

static enum rt_verdict hit(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct player *player = (struct player *)(void *)actor;
    struct rt_node *node;
    if ((marks & RT_MARK(0)) != 0) {
        return RT_END;
    }
    if (rt_lane_unbounded_take(&player->lane, &node) != RT_TAKEN) {
        return RT_IDLE;
    }
    struct ball *ball = (struct ball *)(void *)node;
    if (--ball->hops_left == 0) {
        rt_mark(&player->other->actor, RT_MARK(0));
        bench_done(turn->world);
        return RT_END;
    }
    rt_lane_unbounded_push(&player->other->lane, node);
    rt_notify_pushed(&player->other->actor);
    return RT_IDLE;
}

static const struct rt_actor_kind player_kind = {.name = "player", .run = hit};

uint64_t bench_ping_pong(struct rt_world *world, uint64_t messages) {
    struct player *players = bench_memory(2 * sizeof *players);
    struct ball ball = {.hops_left = messages};
    for (int i = 0; i < 2; i++) {
        rt_lane_unbounded_init(&players[i].lane);
        players[i].other = &players[1 - i];
        rt_actor_start(&players[i].actor, &player_kind, world);
    }
    bench_start(world);
    rt_lane_unbounded_push(&players[0].lane, &ball.node);
    rt_notify_pushed(&players[0].actor);
    bench_await(world);
    bench_await_gone(world);
    free(players);
    return messages;
}

/* ---- a pipeline: a source, three stages, a sink ---------------------------------------------- */

enum { STAGES = 5, WINDOW = 1024, STEP = WINDOW / 4 };

/* Each message by itself, all of an activation with one notification, or through rings. */
enum way { EACH, ONCE, RINGS };

struct stage {
    struct rt_actor actor; /* first */
    struct stage *next;
    struct stage *first;
    enum way way;
    struct rt_lane_ring ring;
    struct rt_lane_unbounded lane;
    struct rt_node *nodes; /* the source's: WINDOW of them, used in turn */
    uint64_t count;        /* sent by the source, received by the sink */
    uint64_t wanted;
    char pad[64];
    _Atomic uint64_t taken; /* the sink's, in steps */
};

static void hand_on(struct stage *stage, void *message) {
    if (stage->way == RINGS) {
        rt_lane_spsc_push(&stage->next->ring, message);
    } else {
        rt_lane_unbounded_push(&stage->next->lane, message);
    }
    if (stage->way == EACH) {
        rt_notify_pushed(&stage->next->actor);
    } else if (stage->way == RINGS) {
        rt_notify(&stage->next->actor);
    }
}

static void handed_on(struct stage *stage, uint32_t count) {
    if (stage->way == ONCE && count > 0) {
        rt_notify(&stage->next->actor);
    }
}

static enum rt_take take(struct stage *stage, void **message) {
    if (stage->way == RINGS) {
        return rt_lane_ring_take(&stage->ring, message) ? RT_TAKEN : RT_EMPTY;
    }
    struct rt_node *node = NULL;
    enum rt_take taken = rt_lane_unbounded_take(&stage->lane, &node);
    *message = node;
    return taken;
}

static enum rt_verdict produce(struct stage *source, struct rt_turn *turn) {
    uint32_t count = 0;
    while (count < turn->budget && source->count < source->wanted &&
           source->count - atomic_load_explicit(&source->taken, memory_order_acquire) < WINDOW) {
        hand_on(source, &source->nodes[source->count++ % WINDOW]);
        count++;
    }
    handed_on(source, count);
    if (source->count == source->wanted) {
        return RT_END;
    }
    return count == turn->budget ? RT_AGAIN : RT_IDLE;
}

/* What the sink does with `count` more messages: true when that were all. */
static bool consume(struct stage *sink, struct rt_world *world, uint32_t count) {
    uint64_t before = sink->count;
    sink->count += count;
    if (before / STEP != sink->count / STEP) {
        atomic_store_explicit(&sink->first->taken, sink->count, memory_order_release);
        rt_notify(&sink->first->actor);
    }
    if (sink->count < sink->wanted) {
        return false;
    }
    for (struct stage *stage = sink->first->next; stage != sink; stage = stage->next) {
        rt_mark(&stage->actor, RT_MARK(0));
    }
    bench_done(world);
    return true;
}

static enum rt_verdict pass(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct stage *stage = (struct stage *)(void *)actor;
    if ((marks & RT_MARK(0)) != 0) {
        return RT_END;
    }
    if (stage == stage->first) {
        return produce(stage, turn);
    }
    uint32_t count = 0;
    enum rt_take taken = RT_TAKEN;
    void *message;
    while (count < turn->budget && (taken = take(stage, &message)) == RT_TAKEN) {
        if (stage->next != NULL) {
            hand_on(stage, message);
        }
        count++;
    }
    if (stage->next != NULL) {
        handed_on(stage, count);
    } else if (consume(stage, turn->world, count)) {
        return RT_END;
    }
    return taken == RT_EMPTY ? RT_IDLE : RT_AGAIN;
}

static const struct rt_actor_kind stage_kind = {.name = "stage", .run = pass};

static uint64_t run_pipeline(struct rt_world *world, uint64_t messages, enum way way) {
    struct stage *stages = bench_memory(STAGES * sizeof *stages);
    stages[0].nodes = bench_memory(WINDOW * sizeof *stages[0].nodes);
    for (int i = 0; i < STAGES; i++) {
        stages[i].first = &stages[0];
        stages[i].next = i + 1 < STAGES ? &stages[i + 1] : NULL;
        stages[i].wanted = messages;
        stages[i].way = way;
        rt_lane_unbounded_init(&stages[i].lane);
        if (!rt_lane_ring_init(&stages[i].ring, world, WINDOW)) {
            abort();
        }
        rt_actor_start(&stages[i].actor, &stage_kind, world);
    }
    bench_start(world);
    rt_notify(&stages[0].actor);
    bench_await(world);
    bench_await_gone(world);
    for (int i = 0; i < STAGES; i++) {
        rt_lane_ring_deinit(&stages[i].ring, world);
    }
    free(stages[0].nodes);
    free(stages);
    return messages;
}

uint64_t bench_pipeline(struct rt_world *world, uint64_t messages) {
    return run_pipeline(world, messages, EACH);
}

uint64_t bench_pipeline_rings(struct rt_world *world, uint64_t messages) {
    return run_pipeline(world, messages, RINGS);
}

uint64_t bench_pipeline_once(struct rt_world *world, uint64_t messages) {
    return run_pipeline(world, messages, ONCE);
}
