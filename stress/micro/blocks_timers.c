/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Timers of actors on one worker. Moving one later and cancelling are measured inside an
 * activation, on its thread's clock; what leads through the wheel is measured as a whole, with the
 * activations that arm (one for eight timers) and that find the marks.
 */
#include <stdlib.h>

#include "blocks.h"

enum {
    OWNERS = 2000,
    TIMERS = 8, /* of each */
    MARK_GO = 0,
    MARK_END = 1,
    MARK_TIMER = 2,
    NS_PER_MS = 1000000,
    SPAN_MS = 100
};
#define FAR_NS UINT64_C(1000000000000)

enum task { LATER, CANCEL, PLACE, EXPIRE };

struct clocks {
    enum task task;
    uint64_t loops;
    uint64_t round;
    uint64_t spent_ns;
    _Atomic uint32_t left;
    _Atomic uint32_t over;
    struct owner *owners;
};

struct owner {
    struct rt_actor actor; /* first */
    struct clocks *clocks;
    uint32_t index;
    uint32_t due; /* timers that are still to expire */
    struct rt_timer timers[TIMERS];
};

static void owner_over(struct clocks *clocks, struct rt_world *world) {
    if (atomic_fetch_sub(&clocks->left, 1) == 1) {
        atomic_store(&clocks->over, 1);
        rt_wake(world, &clocks->over);
    }
}

/* Over and over on timers that sit in the wheel already. */
static void loop(struct owner *owner, struct rt_turn *turn) {
    struct clocks *clocks = owner->clocks;
    bool cancel = clocks->task == CANCEL;
    uint64_t before_ns = thread_ns();
    for (uint64_t i = 0; i < clocks->loops; i++) {
        struct rt_timer *timer = &owner->timers[i % TIMERS];
        if (cancel) {
            rt_timer_cancel(turn->world, timer);
        } else {
            rt_timer_arm(turn->world, timer, rt_turn_now(turn) + FAR_NS + i);
        }
    }
    clocks->spent_ns += thread_ns() - before_ns;
}

/* Each time earlier than before, so that each goes to another place of the wheel. */
static void place(struct owner *owner, struct rt_turn *turn) {
    for (uint32_t i = 0; i < TIMERS; i++) {
        uint64_t spread_ns = (uint64_t)(owner->index * 37 + i * 1009) % 1000 * NS_PER_MS;
        rt_timer_arm(turn->world, &owner->timers[i],
                     rt_turn_now(turn) + FAR_NS - owner->clocks->round * 4000 * NS_PER_MS +
                         spread_ns);
    }
}

static void expire(struct owner *owner, struct rt_turn *turn) {
    owner->due = TIMERS;
    for (uint32_t i = 0; i < TIMERS; i++) {
        uint64_t spread_ns = (uint64_t)(owner->index * 37 + i * 1009) % (SPAN_MS * 1000) * 1000;
        rt_timer_arm(turn->world, &owner->timers[i], rt_turn_now(turn) + spread_ns);
    }
}

static void go(struct owner *owner, struct rt_turn *turn) {
    switch (owner->clocks->task) {
    case LATER:
    case CANCEL:
        loop(owner, turn);
        break;
    case PLACE:
        place(owner, turn);
        break;
    case EXPIRE:
        expire(owner, turn);
        return; /* over when they have expired */
    }
    owner_over(owner->clocks, turn->world);
}

static enum rt_verdict tick(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct owner *owner = (struct owner *)(void *)actor;
    if ((marks & RT_MARK(MARK_END)) != 0) {
        return RT_END;
    }
    if (owner->due > 0) {
        owner->due -= (uint32_t)__builtin_popcount(marks / RT_MARK(MARK_TIMER));
        if (owner->due == 0) {
            owner_over(owner->clocks, turn->world);
        }
    }
    if ((marks & RT_MARK(MARK_GO)) != 0) {
        go(owner, turn);
    }
    return RT_IDLE;
}

static const struct rt_actor_kind owner_kind = {.name = "owner", .run = tick};

/* Lets the first `owners` of them do a task, and waits. Answers the CPU of the process. */
static uint64_t round_of(struct clocks *clocks, struct rt_world *world, enum task task,
                         uint32_t owners) {
    clocks->task = task;
    atomic_store(&clocks->over, 0);
    atomic_store(&clocks->left, owners);
    uint64_t before_ns = process_ns();
    for (uint32_t i = 0; i < owners; i++) {
        rt_mark(&clocks->owners[i].actor, RT_MARK(MARK_GO));
    }
    block_await(world, &clocks->over, 1);
    return process_ns() - before_ns;
}

static struct clocks *clocks_start(struct rt_world *world, uint32_t owners) {
    struct clocks *clocks = block_memory(sizeof *clocks);
    clocks->owners = block_memory(owners * sizeof *clocks->owners);
    for (uint32_t i = 0; i < owners; i++) {
        struct owner *owner = &clocks->owners[i];
        owner->clocks = clocks;
        owner->index = i;
        rt_actor_start(&owner->actor, &owner_kind, world);
        for (uint32_t at = 0; at < TIMERS; at++) {
            rt_timer_init(&owner->timers[at], &owner->actor, RT_MARK(MARK_TIMER + at));
        }
    }
    return clocks;
}

static void clocks_end(struct clocks *clocks, struct rt_world *world, uint32_t owners) {
    for (uint32_t i = 0; i < owners; i++) {
        rt_mark(&clocks->owners[i].actor, RT_MARK(MARK_END));
    }
    block_world_end(world);
    free(clocks->owners);
    free(clocks);
}

static double in_activation(enum task task, uint64_t count) {
    struct rt_world *world = block_world(1);
    struct clocks *clocks = clocks_start(world, 1);
    (void)round_of(clocks, world, PLACE, 1);
    clocks->loops = count;
    clocks->spent_ns = 0;
    (void)round_of(clocks, world, task, 1);
    double ns = (double)clocks->spent_ns / (double)count;
    clocks_end(clocks, world, 1);
    return ns;
}

static double through_wheel(enum task task, uint64_t count) {
    struct rt_world *world = block_world(1);
    struct clocks *clocks = clocks_start(world, OWNERS);
    uint64_t rounds = count / (OWNERS * TIMERS) + 1;
    uint64_t spent_ns = 0;
    for (; clocks->round < rounds; clocks->round++) {
        spent_ns += round_of(clocks, world, task, OWNERS);
    }
    clocks_end(clocks, world, OWNERS);
    return (double)spent_ns / (double)(rounds * OWNERS * TIMERS);
}

double block_timer_later(uint64_t count) {
    return in_activation(LATER, count);
}

double block_timer_cancel(uint64_t count) {
    return in_activation(CANCEL, count);
}

double block_timer_place(uint64_t count) {
    return through_wheel(PLACE, count);
}

double block_timer_expire(uint64_t count) {
    return through_wheel(EXPIRE, count);
}
