/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages handed on: two actors back and forth, and five in a row. */
#include "bench.h"

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
    rt_notify(&player->other->actor);
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
    rt_lane_unbounded_push(&players[0].lane, &ball.node);
    rt_notify(&players[0].actor);
    bench_await(world);
    bench_await_gone(world);
    free(players);
    return messages;
}

/* ---- a pipeline: a source, three stages, a sink ---------------------------------------------- */

enum { STAGES = 5, WINDOW = 1024 };

struct stage {
    struct rt_actor actor; /* first */
    struct stage *next;
    struct stage *first;
    struct rt_lane_ring in;
    uint64_t count; /* sent by the source, received by the sink */
    uint64_t wanted;
    char pad[64];
    _Atomic uint64_t taken; /* the sink's, in steps */
};

static enum rt_verdict produce(struct stage *source, struct rt_turn *turn) {
    uint32_t count = 0;
    while (count < turn->budget && source->count < source->wanted &&
           source->count - atomic_load_explicit(&source->taken, memory_order_acquire) < WINDOW) {
        rt_lane_spsc_push(&source->next->in, (void *)(uintptr_t)++source->count);
        count++;
    }
    if (count > 0) {
        rt_notify(&source->next->actor);
    }
    if (source->count == source->wanted) {
        return RT_END;
    }
    return count == turn->budget ? RT_AGAIN : RT_IDLE;
}

static enum rt_verdict consume(struct stage *sink, struct rt_turn *turn, uint32_t count) {
    uint64_t before = sink->count;
    sink->count += count;
    if (before / (WINDOW / 4) != sink->count / (WINDOW / 4)) {
        atomic_store_explicit(&sink->first->taken, sink->count, memory_order_release);
        rt_notify(&sink->first->actor);
    }
    if (sink->count == sink->wanted) {
        for (struct stage *stage = sink->first->next; stage != sink; stage = stage->next) {
            rt_mark(&stage->actor, RT_MARK(0));
        }
        bench_done(turn->world);
        return RT_END;
    }
    return count == turn->budget ? RT_AGAIN : RT_IDLE;
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
    void *message;
    while (count < turn->budget && rt_lane_ring_take(&stage->in, &message)) {
        if (stage->next != NULL) {
            rt_lane_spsc_push(&stage->next->in, message);
        }
        count++;
    }
    if (stage->next == NULL) {
        return consume(stage, turn, count);
    }
    if (count > 0) {
        rt_notify(&stage->next->actor);
    }
    return count == turn->budget ? RT_AGAIN : RT_IDLE;
}

static const struct rt_actor_kind stage_kind = {.name = "stage", .run = pass};

uint64_t bench_pipeline(struct rt_world *world, uint64_t messages) {
    struct stage *stages = bench_memory(STAGES * sizeof *stages);
    for (int i = 0; i < STAGES; i++) {
        stages[i].first = &stages[0];
        stages[i].next = i + 1 < STAGES ? &stages[i + 1] : NULL;
        stages[i].wanted = messages;
        if (!rt_lane_ring_init(&stages[i].in, world, WINDOW)) {
            abort();
        }
        rt_actor_start(&stages[i].actor, &stage_kind, world);
    }
    rt_notify(&stages[0].actor);
    bench_await(world);
    bench_await_gone(world);
    for (int i = 0; i < STAGES; i++) {
        rt_lane_ring_deinit(&stages[i].in, world);
    }
    free(stages);
    return messages;
}
