/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The real workers: threads_worker.c, threads_runq.c, threads_park.c, threads_poller.c and the
 * timers, over the futex, the eventfd and the epoll of kernel.c. Somebody outside submits while
 * they go to sleep; an actor wakes others from inside.
 */
#include "runtime/activate.h"
#include "stress/explore/explore.h"
#include "stress/explore/rig.h"
#include "stress/explore/scenarios.h"

enum { WORKERS = 2, PASSED = 3 };
enum { BY_BOTH };

static struct {
    struct threads *threads;
    struct rt_actor actors[PASSED], job;
    unsigned runs[PASSED], job_runs;
    bool inside[PASSED];
    unsigned worker[PASSED];
} state;

static unsigned index_of(const struct rt_actor *actor) {
    return (unsigned)(actor - state.actors);
}

static enum rt_verdict run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    (void)marks;
    unsigned index = index_of(actor);
    EXPLORE_CHECK(!state.inside[index], "two workers are inside");
    state.inside[index] = true;
    EXPLORE_STEP("run the actor");
    state.runs[index]++;
    state.worker[index] = turn->worker;
    state.inside[index] = false;
    return RT_IDLE;
}

static enum rt_verdict run_job(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    (void)actor;
    (void)turn;
    (void)marks;
    EXPLORE_STEP("run the job");
    state.job_runs++;
    return RT_IDLE;
}

/* Wakes all others and a job. */
static enum rt_verdict run_first(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    for (unsigned i = 1; i < PASSED; i++) {
        rt_notify(&state.actors[i]);
    }
    rt_notify(&state.job);
    return run(actor, turn, marks);
}

static const struct rt_actor_kind kind = {.name = "explored", .run = run};
static const struct rt_actor_kind first_kind = {.name = "first", .run = run_first};
static const struct rt_actor_kind job_kind = {.name = "job", .class = RT_CLASS_JOB, .run = run_job};

static void set_up_with(const struct rt_actor_kind *first) {
    state.threads = rig_reset_workers(WORKERS);
    for (unsigned i = 0; i < PASSED; i++) {
        rt_actor_start(&state.actors[i], i == 0 ? first : &kind, rig_world());
        state.runs[i] = 0;
        state.inside[i] = false;
    }
    rt_actor_start(&state.job, &job_kind, rig_world());
    state.job_runs = 0;
}

static void set_up_outside(void) {
    set_up_with(&kind);
}

static void set_up_inside(void) {
    set_up_with(&first_kind);
}

static void work(void) {
    (void)worker_main(&state.threads->workers[explore_self()]);
}

/* ---- outside --------------------------------------------------------------------------------- */

/* As rt_notify and worker_submit from outside, but it looks who sleeps before it queues. */
static void submit_carelessly(struct rt_actor *actor) {
    atomic_fetch_or(&actor->word, RT_NOTIFIED);
    park_submitted_outside(state.threads);
    runq_shared_push(&state.threads->actors, actor);
}

static void submit_two(void) {
    for (unsigned i = 0; i < 2; i++) {
        if (explore_variant("look-then-push")) {
            submit_carelessly(&state.actors[i]);
        } else {
            rt_notify(&state.actors[i]);
        }
    }
}

static void submit_first(void) {
    rt_notify(&state.actors[0]);
}

/* ---- the end --------------------------------------------------------------------------------- */

static void all_sleep(void) {
    uint64_t idle = atomic_load(&state.threads->idle);
    EXPLORE_CHECK(idle == (IDLE_PARKED(0) | IDLE_PARKED(1)), "not at rest: idle is %llx",
                  (unsigned long long)idle);
}

static void has_run(unsigned actors) {
    for (unsigned i = 0; i < actors; i++) {
        EXPLORE_CHECK(state.runs[i] == 1, "actor %u ran %u times", i, state.runs[i]);
        if (state.worker[i] != state.worker[0]) {
            explore_reached(BY_BOTH);
        }
    }
}

static void settled_outside(void) {
    has_run(2);
    all_sleep();
}

static void settled_inside(void) {
    has_run(PASSED);
    EXPLORE_CHECK(state.job_runs == 1, "the job ran %u times", state.job_runs);
    all_sleep();
}

const struct explore_scenario parking_scenario = {
    .name = "parking",
    .says = "what is submitted while workers go to sleep is run; then both sleep",
    .threads = {{"worker 1", work, true}, {"worker 2", work, true}, {"outside", submit_two, false}},
    .variants = {{"look-then-push", NULL},
                 {"announce-torn", "announce"},
                 {"withdraw-torn", "withdraw"},
                 {"found-torn", "park_found_work"},
                 {"fall-asleep-torn", "fall_asleep"},
                 {"unpark-torn", "unpark"}},
    .marks = {[BY_BOTH] = "both workers run something"},
    .bound = 2,
    .drawn = 10000,
    .set_up = set_up_outside,
    .settled = settled_outside,
};

const struct explore_scenario passing_scenario = {
    .name = "passing",
    .says = "what an actor wakes from inside, a job among it, is run by whoever is free",
    .threads = {{"worker 1", work, true},
                {"worker 2", work, true},
                {"outside", submit_first, false}},
    .variants = {{"steal-torn", "runq_ring_steal"}, {"away-torn", "park_step_away"}},
    .marks = {[BY_BOTH] = "both workers run something"},
    .bound = 1,
    .drawn = 10000,
    .set_up = set_up_inside,
    .settled = settled_inside,
};
