/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Memory of actors that ran once and wait: what the kernel counts for the process, per actor. */
#include <stdio.h>
#include <unistd.h>

#include "runtime.h"

struct sleeper {
    struct rt_actor actor; /* first */
    struct rt_lane_unbounded lane;
    struct dormitory *dormitory;
};

struct dormitory {
    uint64_t beds;
    _Atomic uint64_t asleep;
};

static uint64_t resident_bytes(void) {
    unsigned long long all = 0;
    unsigned long long resident = 0;
    FILE *statm = fopen("/proc/self/statm", "r");
    if (statm == NULL || fscanf(statm, "%llu %llu", &all, &resident) != 2) {
        abort();
    }
    fclose(statm);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static enum rt_verdict look(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct sleeper *sleeper = (struct sleeper *)(void *)actor;
    struct rt_node *node;
    if ((marks & RT_MARK(0)) != 0) {
        return RT_END;
    }
    if (rt_lane_unbounded_take(&sleeper->lane, &node) == RT_TAKEN) {
        abort();
    }
    if (atomic_fetch_add(&sleeper->dormitory->asleep, 1) + 1 == sleeper->dormitory->beds) {
        bench_done(turn->world);
    }
    return RT_IDLE;
}

static void free_sleeper(struct rt_actor *actor) {
    rt_release(actor->world, actor, sizeof(struct sleeper));
}

static const struct rt_actor_kind sleeper_kind = {
    .name = "sleeper", .run = look, .gone = free_sleeper};

uint64_t bench_idle(struct rt_world *world, uint64_t actors) {
    struct dormitory dormitory = {.beds = actors};
    struct sleeper **sleepers = bench_memory(actors * sizeof(struct sleeper *));
    uint64_t before = resident_bytes();
    for (uint64_t i = 0; i < actors; i++) {
        struct sleeper *sleeper = rt_acquire(world, sizeof *sleeper);
        if (sleeper == NULL) {
            abort();
        }
        rt_lane_unbounded_init(&sleeper->lane);
        sleeper->dormitory = &dormitory;
        rt_actor_start(&sleeper->actor, &sleeper_kind, world);
        sleepers[i] = sleeper;
        rt_notify(&sleeper->actor);
    }
    bench_await(world);
    uint64_t bytes = (resident_bytes() - before) / actors;
    for (uint64_t i = 0; i < actors; i++) {
        rt_mark(&sleepers[i]->actor, RT_MARK(0));
    }
    bench_await_gone(world);
    free(sleepers);
    return bytes;
}
