/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A world of worker threads for a test, and waiting for what actors do there: on counters, never by
 * time. The deadlines are only there to turn a hang into a failure.
 */
#ifndef TESTS_RUNTIME_HARNESS_H
#define TESTS_RUNTIME_HARNESS_H

#include <pthread.h>

#include "runtime/lane.h"
#include "runtime/world.h"

/* How much work a test makes: less where each step is slow. */
#if defined(SLUICE_TEST_PLAIN)
enum { HARNESS_SCALE = 1 };
#else
enum { HARNESS_SCALE = 4 };
#endif

struct rt_world *harness_world(unsigned workers);
/* Destroys the world, which waits for actors that are ending, and checks that it held no memory. */
void harness_end(struct rt_world *world);

/* A counter that a test waits on. */
struct harness_count {
    struct rt_world *world;
    _Atomic uint32_t value;
};

void harness_add(struct harness_count *count, uint32_t by);
/* Fails the test when the count does not get there. */
void harness_await(struct harness_count *count, uint32_t at_least);

/* Returns when all workers sleep, and none was woken for some moments. */
void harness_await_idle(struct rt_world *world);
/* For what must not happen while time passes; what must happen is awaited. */
void harness_let_time_pass(struct rt_world *world, uint64_t ns);

/* `count` threads run `body(context, index)`; returns when all have ended. */
void harness_threads(unsigned count, void (*body)(void *context, unsigned index), void *context);

/* An actor made of a function: the usual actor of a test. */
struct harness_actor {
    struct rt_actor actor;
    enum rt_verdict (*run)(struct harness_actor *self, struct rt_turn *turn, uint32_t marks);
    void (*gone)(struct harness_actor *self);
    void *context;
};

void harness_start(struct harness_actor *self, struct rt_world *world);
void harness_start_job(struct harness_actor *self, struct rt_world *world);

#endif
