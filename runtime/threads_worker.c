/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The worker: take an actor, activate it, look around, and park when nothing is in sight.
 *
 * Order of taking: own ring, what was submitted from outside, another worker's ring, jobs. What
 * waits outside joins the ring whenever those that were in it have run once, and a ring that is
 * half full sends actors outside while others wait there: so all take turns. Every 16th activation
 * is a job's, if there is one.
 *
 * What time it is, for the next look at epoll and timers, it learns from activations that ask for
 * it, and looks itself when eight in a row do not.
 *
 * | who may call     | from where                                                        |
 * | worker_submit    | any thread; a worker's own ring only from that worker             |
 * | worker_user_code | a worker, in an activation; nothing happens on other threads      |
 */
#include "runtime/threads_internal.h"

#include <sched.h>
#include <urcu-qsbr.h>

#include "runtime/activate.h"
#include "runtime/assert.h"

enum {
    JOB_INTERVAL = 16,
    OUTSIDE_INTERVAL_MAX = 61,
    RING_HALF_ACTORS = RUNQ_RING_SLOTS / 2,
    CLOCK_INTERVAL = 8 /* activations that need no clock, for one look at it */
};

/* Which worker this thread is; NULL on all other threads. */
static _Thread_local struct worker *current __attribute__((tls_model("initial-exec")));

/* ---- taking ---------------------------------------------------------------------------------- */

static struct rt_actor *steal(struct worker *worker) {
    struct threads *threads = worker->threads;
    for (unsigned i = 1; i < threads->world.workers; i++) {
        unsigned victim = (worker->index + i) % threads->world.workers;
        if (runq_ring_steal(&worker->ring, &threads->workers[victim].ring)) {
            return runq_ring_pop(&worker->ring);
        }
    }
    return NULL;
}

/* Lets in what waits outside, and looks again when each actor of the ring has had its turn. */
static void take_in(struct worker *worker) {
    runq_shared_refill(&worker->threads->actors, &worker->ring, RING_HALF_ACTORS);
    uint64_t count = runq_ring_count(&worker->ring);
    worker->outside_countdown =
        count < OUTSIDE_INTERVAL_MAX ? (uint32_t)count : OUTSIDE_INTERVAL_MAX;
}

static struct rt_actor *next_actor(struct worker *worker) {
    struct threads *threads = worker->threads;
    struct rt_actor *actor = NULL;
    worker->tick++;
    if (worker->tick % JOB_INTERVAL == 0) {
        actor = runq_shared_pop(&threads->jobs);
    }
    if (worker->outside_countdown-- == 0) {
        take_in(worker);
    }
    if (actor == NULL) {
        actor = runq_ring_pop(&worker->ring);
    }
    if (actor == NULL) {
        take_in(worker);
        actor = runq_ring_pop(&worker->ring);
    }
    if (actor == NULL) {
        actor = steal(worker);
    }
    if (actor == NULL) {
        actor = runq_shared_pop(&threads->jobs);
    }
    return actor;
}

bool worker_leaves_work(struct worker *worker) {
    struct threads *threads = worker->threads;
    return runq_ring_count(&worker->ring) > 0 || !runq_shared_empty(&threads->actors) ||
           !runq_shared_empty(&threads->jobs);
}

bool worker_sees_work(struct worker *worker) {
    struct threads *threads = worker->threads;
    if (worker_leaves_work(worker) ||
        timers_pending(&threads->timers, system_now_ns(&threads->world))) {
        return true;
    }
    for (unsigned i = 0; i < threads->world.workers; i++) {
        if (runq_ring_count(&threads->workers[i].ring) > 0) {
            return true;
        }
    }
    return false;
}

/* ---- submitting ------------------------------------------------------------------------------ */

static void queue(struct worker *worker, struct rt_actor *actor) {
    struct threads *threads = worker->threads;
    if (actor->kind->class == RT_CLASS_JOB) {
        runq_shared_push(&threads->jobs, actor);
        return;
    }
    bool others_first =
        runq_ring_count(&worker->ring) >= RING_HALF_ACTORS && !runq_shared_empty(&threads->actors);
    if (others_first || !runq_ring_push(&worker->ring, actor)) {
        runq_shared_push(&threads->actors, actor);
    }
}

static bool someone_is_parked(const struct threads *threads) {
    return (atomic_load_explicit(&threads->idle, memory_order_relaxed) & IDLE_PARKED_ALL) != 0;
}

void worker_submit(struct rt_world *world, struct rt_actor *actor) {
    struct threads *threads = threads_of(world);
    struct worker *worker = current;
    bool job = actor->kind->class == RT_CLASS_JOB;
    if (worker == NULL || worker->threads != threads || worker->away) {
        runq_shared_push(job ? &threads->jobs : &threads->actors, actor);
        park_submitted_outside(threads);
        return;
    }
    queue(worker, actor);
    /* One waiting actor is not worth another core: we get to it when this activation is over. */
    if (someone_is_parked(threads) && (job || runq_ring_count(&worker->ring) > 1)) {
        park_wake_another(threads);
    }
}

/* ---- running --------------------------------------------------------------------------------- */

/* What the activation read, or, each CLOCK_INTERVAL of them and whenever it matters, a look of our
 * own. */
static void note_time(struct worker *worker, uint64_t read_ns, bool job) {
    worker->unseen++;
    if (read_ns == RT_FOREVER && !job && !worker->slept && worker->unseen < CLOCK_INTERVAL) {
        return;
    }
    worker->now_ns = read_ns != RT_FOREVER ? read_ns : system_now_ns(&worker->threads->world);
    worker->unseen = 0;
}

/* The first look at the clock after a sleep ends it. */
static void count_parked(struct worker *worker, uint64_t now_ns) {
    if (worker->parked_since_ns != 0) {
        rt_count_add(&worker->parked_ns, now_ns - worker->parked_since_ns);
    }
    worker->parked_since_ns = 0;
}

void worker_count(struct rt_world *world, struct rt_counts *counts) {
    struct threads *threads = threads_of(world);
    *counts = (struct rt_counts){.activations = 0};
    for (unsigned i = 0; i < world->workers; i++) {
        counts->activations += rt_count_read(&threads->workers[i].activations);
        counts->parked_ns += rt_count_read(&threads->workers[i].parked_ns);
    }
}

static void run(struct worker *worker, struct rt_actor *actor) {
    struct threads *threads = worker->threads;
    bool job = actor->kind->class == RT_CLASS_JOB; /* the actor may be gone after its run */
    struct rt_turn turn = {
        .world = &threads->world,
        .budget = TURN_BUDGET_MESSAGES,
        .worker = worker->index,
    };
    if (job) {
        park_step_away(worker, true);
    }
    enum rt_activation result = rt_activate(actor, &turn);
    rt_count_add(&worker->activations, 1);
    note_time(worker, turn.now_ns, job);
    if (worker->slept) {
        worker->slept = false;
        worker->awake_since_ns = worker->now_ns;
        count_parked(worker, worker->now_ns);
    }
    switch (result) {
    case RT_ACTIVATION_DONE:
        break;
    case RT_ACTIVATION_REQUEUE:
        queue(worker, actor);
        break;
    case RT_ACTIVATION_ENDED:
        timers_let_go(threads, actor);
        break;
    }
    park_step_away(worker, false);
    reclaim_quiescent(threads);
}

void worker_user_code(struct rt_world *world, bool inside) {
    struct worker *worker = current;
    if (worker == NULL || worker->threads != threads_of(world)) {
        return;
    }
    if (inside) {
        park_step_away(worker, true);
        reclaim_offline(worker->threads);
    } else {
        reclaim_online(worker->threads);
        park_step_away(worker, false);
    }
}

/* ---- the loop -------------------------------------------------------------------------------- */

/* A look at epoll and the timers by a worker that has no time to sleep. */
static void look_around(struct worker *worker) {
    struct threads *threads = worker->threads;
    struct poller *poller = &threads->poller;
    uint64_t last_ns = atomic_load_explicit(&poller->last_ns, memory_order_relaxed);
    if (worker->now_ns < last_ns + POLL_INTERVAL_NS ||
        worker->now_ns < worker->awake_since_ns + POLL_INTERVAL_NS) {
        return;
    }
    atomic_store_explicit(&poller->last_ns, worker->now_ns, memory_order_relaxed);
    if (timers_pending(&threads->timers, worker->now_ns)) {
        (void)timers_run(threads, worker->now_ns);
    }
    if (atomic_load_explicit(&poller->open, memory_order_relaxed) > 0 && poller_try_token(worker)) {
        poller_wait(worker, 0);
        poller_drop_token(worker);
    }
}

/* Nothing to run. */
static void rest(struct worker *worker) {
    struct threads *threads = worker->threads;
    uint64_t now_ns = system_now_ns(&threads->world);
    count_parked(worker, now_ns);
    if (timers_pending(&threads->timers, now_ns)) {
        if (!timers_run(threads, now_ns)) {
            sched_yield();
        }
    } else if (atomic_load(&threads->stopping)) {
        /* What has ended is still being finished, and may have a last word to actors. */
        reclaim_offline(threads);
        sched_yield();
        reclaim_online(threads);
    } else {
        park(worker);
        worker->parked_since_ns = worker->slept ? now_ns : 0;
    }
}

static bool may_leave(struct worker *worker) {
    struct threads *threads = worker->threads;
    return atomic_load(&threads->stopping) && atomic_load(&threads->reclaim.pending) == 0 &&
           !worker_sees_work(worker);
}

void *worker_main(void *argument) {
    struct worker *worker = argument;
    struct threads *threads = worker->threads;
    current = worker;
    rcu_register_thread();
    for (;;) {
        struct rt_actor *actor = next_actor(worker);
        if (actor != NULL) {
            park_found_work(worker);
            if (someone_is_parked(threads) && worker_leaves_work(worker)) {
                park_wake_another(threads);
            }
            run(worker, actor);
            look_around(worker);
        } else if (may_leave(worker)) {
            break;
        } else {
            rest(worker);
        }
    }
    RT_ASSERT(!worker->searching || atomic_load(&threads->stopping));
    rcu_unregister_thread();
    return NULL;
}
