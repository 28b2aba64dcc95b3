/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "harness.h"

#include "runtime/threads.h"
#include "runtime/threads_internal.h"
#include "test.h"

enum { MS = 1000000 };

static const uint64_t patience_ns = UINT64_C(60) * 1000000000;

struct rt_world *harness_world(unsigned workers) {
    int error = 0;
    struct rt_threads_options options = {.workers = workers, .name = "test"};
    struct rt_world *world = rt_threads_create(&options, &error);
    cr_assert_not_null(world, "create: %s", strerror(error));
    return world;
}

void harness_end(struct rt_world *world) {
    uint64_t used = atomic_load(&world->memory_used);
    rt_world_destroy(world);
    cr_assert_eq(used, 0, "memory of the world is given back");
}

void harness_add(struct harness_count *count, uint32_t by) {
    atomic_fetch_add(&count->value, by);
    rt_wake(count->world, &count->value);
}

void harness_await(struct harness_count *count, uint32_t at_least) {
    uint64_t deadline_ns = rt_now(count->world) + patience_ns;
    for (;;) {
        uint32_t seen = atomic_load(&count->value);
        if (seen >= at_least) {
            return;
        }
        if (!rt_wait(count->world, &count->value, seen, deadline_ns)) {
            cr_assert_eq(atomic_load(&count->value), at_least, "in time");
        }
    }
}

void harness_let_time_pass(struct rt_world *world, uint64_t ns) {
    _Atomic uint32_t never = 0;
    uint64_t deadline_ns = rt_now(world) + ns;
    while (rt_wait(world, &never, 0, deadline_ns)) {
    }
}

void harness_await_idle(struct rt_world *world) {
    uint64_t all = (UINT64_C(1) << world->workers) - 1;
    uint64_t before = UINT64_MAX;
    for (;;) {
        uint64_t wakeups = atomic_load(&world->wakeups);
        uint64_t idle = atomic_load(&threads_of(world)->idle);
        if ((idle & IDLE_PARKED_ALL) == all && wakeups == before) {
            return;
        }
        before = wakeups;
        harness_let_time_pass(world, 10 * MS);
    }
}

struct thread_argument {
    void (*body)(void *context, unsigned index);
    void *context;
    unsigned index;
    pthread_t thread;
};

static void *thread_main(void *pointer) {
    struct thread_argument *argument = pointer;
    argument->body(argument->context, argument->index);
    return NULL;
}

void harness_threads(unsigned count, void (*body)(void *context, unsigned index), void *context) {
    struct thread_argument *arguments = calloc(count, sizeof *arguments);
    cr_assert_not_null(arguments);
    for (unsigned i = 0; i < count; i++) {
        arguments[i] = (struct thread_argument){.body = body, .context = context, .index = i};
        cr_assert_eq(pthread_create(&arguments[i].thread, NULL, thread_main, &arguments[i]), 0);
    }
    for (unsigned i = 0; i < count; i++) {
        pthread_join(arguments[i].thread, NULL);
    }
    free(arguments);
}

static enum rt_verdict run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct harness_actor *self = (struct harness_actor *)(void *)actor;
    return self->run(self, turn, marks);
}

static void gone(struct rt_actor *actor) {
    struct harness_actor *self = (struct harness_actor *)(void *)actor;
    if (self->gone != NULL) {
        self->gone(self);
    }
}

static const struct rt_actor_kind actor_kind = {
    .name = "test", .class = RT_CLASS_ACTOR, .run = run, .gone = gone};
static const struct rt_actor_kind job_kind = {
    .name = "test job", .class = RT_CLASS_JOB, .run = run, .gone = gone};

void harness_start(struct harness_actor *self, struct rt_world *world) {
    rt_actor_start(&self->actor, &actor_kind, world);
}

void harness_start_job(struct harness_actor *self, struct rt_world *world) {
    rt_actor_start(&self->actor, &job_kind, world);
}
