/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stress/explore/rig.h"

#include <string.h>

#include "runtime/activate.h"
#include "stress/explore/explore.h"

enum { QUEUE_MAX = 8, WORKERS = 3, MEMORY_BYTES = 4096 };

static struct threads threads;
static struct worker workers[WORKERS];

static struct {
    struct rt_actor *actors[QUEUE_MAX];
    unsigned count;
} queue;

static struct {
    _Alignas(CACHE_LINE_BYTES) uint8_t bytes[MEMORY_BYTES];
    size_t used;
} memory;

static void *acquire(struct rt_world *world, size_t size) {
    (void)world;
    void *start = memory.bytes + memory.used;
    memory.used += (size + 15) / 16 * 16;
    EXPLORE_CHECK(memory.used <= MEMORY_BYTES, "the rig's memory is too small");
    return start;
}

static void release(struct rt_world *world, void *bytes, size_t size) {
    (void)world;
    (void)bytes;
    (void)size;
}

/* Without steps: what happens here happens at once. */
static void submit(struct rt_world *world, struct rt_actor *actor) {
    (void)world;
    for (unsigned i = 0; i < queue.count; i++) {
        EXPLORE_CHECK(queue.actors[i] != actor, "an actor is in the run queue twice");
    }
    queue.actors[queue.count++] = actor;
    explore_wake(&queue, 1);
}

void rig_worker(void) {
    struct rt_turn turn = {.world = &threads.world, .budget = 64, .worker = explore_self()};
    for (;;) {
        while (queue.count == 0) {
            explore_block(&queue);
        }
        struct rt_actor *actor = queue.actors[0];
        queue.count--;
        memmove(queue.actors, queue.actors + 1, queue.count * sizeof(*queue.actors));
        if (rt_activate(actor, &turn) == RT_ACTIVATION_REQUEUE) {
            submit(&threads.world, actor);
        }
    }
}

bool rig_is_quiet(void) {
    return queue.count == 0;
}

static const struct rt_world_ops ops = {
    .now_ns = system_now_ns,
    .memory_acquire = acquire,
    .memory_release = release,
    .submit = submit,
    .wait = system_wait,
    .wake = system_wake,
    .fence_everywhere = system_fence_everywhere,
};

static const struct rt_world_ops ops_of_workers = {
    .now_ns = system_now_ns,
    .memory_acquire = acquire,
    .memory_release = release,
    .submit = worker_submit,
    .wait = system_wait,
    .wake = system_wake,
    .fence_everywhere = system_fence_everywhere,
};

struct threads *rig_reset(void) {
    memset(&threads, 0, sizeof threads);
    queue.count = 0;
    memory.used = 0;
    threads.world.ops = &ops;
    threads.world.cheap_fences = true;
    return &threads;
}

struct rt_world *rig_world(void) {
    return &threads.world;
}

struct threads *rig_reset_workers(unsigned count) {
    rig_reset();
    threads.world.ops = &ops_of_workers;
    threads.world.workers = count;
    threads.workers = workers;
    memset(workers, 0, sizeof workers);
    for (unsigned i = 0; i < count; i++) {
        workers[i].threads = &threads;
        workers[i].index = i;
        runq_ring_init(&workers[i].ring);
    }
    runq_shared_init(&threads.actors);
    runq_shared_init(&threads.jobs);
    timers_init(&threads.timers, system_now_ns(&threads.world));
    return &threads;
}
