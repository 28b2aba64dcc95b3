/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Many actors: messages to random ones of 100,000, and actors that start and end. */
#include "runtime.h"

/* ---- random receivers ------------------------------------------------------------------------ */

enum { MEMBERS = 100000, TRAVELLERS = 1000 };

struct crowd;

struct member {
    struct rt_actor actor; /* first */
    struct rt_lane_unbounded lane;
    struct crowd *crowd;
    uint64_t random;
};

struct traveller {
    struct rt_node node; /* first */
    uint64_t hops_left;
};

struct crowd {
    struct member *members;
    struct traveller travellers[TRAVELLERS];
    _Atomic uint32_t arrived;
};

static void send_on(struct member *member, struct traveller *traveller) {
    member->random = member->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    struct member *next = &member->crowd->members[(member->random >> 33) % MEMBERS];
    rt_lane_unbounded_push(&next->lane, &traveller->node);
    rt_notify_pushed(&next->actor);
}

static enum rt_verdict pass_on(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct member *member = (struct member *)(void *)actor;
    struct rt_node *node;
    enum rt_take take;
    while ((take = rt_lane_unbounded_take(&member->lane, &node)) == RT_TAKEN) {
        struct traveller *traveller = (struct traveller *)(void *)node;
        if (--traveller->hops_left > 0) {
            send_on(member, traveller);
        } else if (atomic_fetch_add(&member->crowd->arrived, 1) + 1 == TRAVELLERS) {
            bench_done(turn->world);
        }
    }
    if ((marks & RT_MARK(0)) != 0) {
        return RT_END;
    }
    return take == RT_BUSY ? RT_AGAIN : RT_IDLE;
}

static const struct rt_actor_kind member_kind = {.name = "member", .run = pass_on};

uint64_t bench_crowd(struct rt_world *world, uint64_t messages) {
    struct crowd *crowd = bench_memory(sizeof *crowd);
    crowd->members = bench_memory(MEMBERS * sizeof *crowd->members);
    for (uint64_t i = 0; i < MEMBERS; i++) {
        struct member *member = &crowd->members[i];
        rt_lane_unbounded_init(&member->lane);
        member->crowd = crowd;
        member->random = i * 7919;
        rt_actor_start(&member->actor, &member_kind, world);
    }
    bench_start(world);
    for (uint64_t i = 0; i < TRAVELLERS; i++) {
        crowd->travellers[i].hops_left = messages / TRAVELLERS;
        send_on(&crowd->members[i], &crowd->travellers[i]);
    }
    bench_await(world);
    for (uint64_t i = 0; i < MEMBERS; i++) {
        rt_mark(&crowd->members[i].actor, RT_MARK(0));
    }
    bench_await_gone(world);
    free(crowd->members);
    free(crowd);
    return messages;
}

/* ---- start and end --------------------------------------------------------------------------- */

struct nursery {
    struct rt_actor actor; /* first */
    struct rt_world *world;
    uint64_t left;
};

static enum rt_verdict end_at_once(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    (void)actor;
    (void)turn;
    (void)marks;
    return RT_END;
}

static void free_actor(struct rt_actor *actor) {
    rt_release(actor->world, actor, sizeof *actor);
}

static const struct rt_actor_kind mayfly_kind = {
    .name = "mayfly", .run = end_at_once, .gone = free_actor};

static enum rt_verdict start_some(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct nursery *nursery = (struct nursery *)(void *)actor;
    (void)marks;
    for (uint32_t i = 0; i < turn->budget; i++) {
        if (nursery->left == 0) {
            bench_done(turn->world);
            return RT_END;
        }
        nursery->left--;
        struct rt_actor *mayfly = rt_acquire(turn->world, sizeof *mayfly);
        if (mayfly == NULL) {
            abort();
        }
        rt_actor_start(mayfly, &mayfly_kind, turn->world);
        rt_notify(mayfly);
    }
    return RT_AGAIN;
}

static const struct rt_actor_kind nursery_kind = {.name = "nursery", .run = start_some};

uint64_t bench_start_end(struct rt_world *world, uint64_t messages) {
    struct nursery *nursery = bench_memory(sizeof *nursery);
    nursery->left = messages;
    rt_actor_start(&nursery->actor, &nursery_kind, world);
    bench_start(world);
    rt_notify(&nursery->actor);
    bench_await(world);
    bench_await_gone(world);
    bench_stop(world);
    free(nursery);
    return messages;
}
