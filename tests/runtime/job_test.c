/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Jobs: below actors, and never starved by them. */
#include "harness.h"
#include "test.h"

struct plant {
    struct harness_actor job;
    struct harness_actor busy[3];
    struct harness_count slices;
    struct harness_count ended;
    uint32_t slices_wanted;
    _Atomic uint64_t actor_runs;
    uint64_t runs_at_last_slice;
    uint64_t most_between;
    _Atomic bool stop;
};

static enum rt_verdict keep_busy(struct harness_actor *self, struct rt_turn *turn, uint32_t marks) {
    struct plant *plant = self->context;
    (void)turn;
    (void)marks;
    atomic_fetch_add(&plant->actor_runs, 1);
    if (atomic_load(&plant->stop)) {
        harness_add(&plant->ended, 1);
        return RT_END;
    }
    return RT_AGAIN;
}

static enum rt_verdict one_slice(struct harness_actor *self, struct rt_turn *turn, uint32_t marks) {
    struct plant *plant = self->context;
    (void)turn;
    (void)marks;
    uint64_t runs = atomic_load(&plant->actor_runs);
    uint64_t between = runs - plant->runs_at_last_slice;
    plant->runs_at_last_slice = runs;
    if (atomic_load(&plant->slices.value) > 0 && between > plant->most_between) {
        plant->most_between = between;
    }
    harness_add(&plant->slices, 1);
    if (atomic_load(&plant->slices.value) == plant->slices_wanted) {
        atomic_store(&plant->stop, true);
        return RT_END;
    }
    return RT_AGAIN;
}

Test(job, gets_one_activation_in_sixteen_while_actors_wait_and_no_more) {
    struct rt_world *world = harness_world(1);
    struct plant plant = {.slices.world = world, .ended.world = world, .slices_wanted = 500};
    for (int i = 0; i < 3; i++) {
        plant.busy[i] = (struct harness_actor){.run = keep_busy, .context = &plant};
        harness_start(&plant.busy[i], world);
        rt_notify(&plant.busy[i].actor);
    }
    plant.job = (struct harness_actor){.run = one_slice, .context = &plant};
    harness_start_job(&plant.job, world);
    rt_notify(&plant.job.actor);
    harness_await(&plant.ended, 3);
    harness_end(world);
    cr_assert_eq(atomic_load(&plant.slices.value), 500);
    cr_assert_leq(plant.most_between, 16);
    cr_assert_geq(atomic_load(&plant.actor_runs), 499 * 14);
}

/* ---- all workers take jobs ------------------------------------------------------------------- */

enum { JOBS = 2 };

struct meeting {
    struct harness_actor jobs[JOBS];
    struct harness_count present;
};

static enum rt_verdict meet(struct harness_actor *self, struct rt_turn *turn, uint32_t marks) {
    struct meeting *meeting = self->context;
    (void)turn;
    (void)marks;
    harness_add(&meeting->present, 1);
    harness_await(&meeting->present, JOBS); /* only where they run at the same time */
    return RT_END;
}

static enum rt_verdict start_jobs(struct harness_actor *self, struct rt_turn *turn,
                                  uint32_t marks) {
    struct meeting *meeting = self->context;
    (void)turn;
    (void)marks;
    for (int i = 0; i < JOBS; i++) {
        rt_notify(&meeting->jobs[i].actor);
    }
    return RT_END;
}

Test(job, jobs_of_one_actor_run_on_all_workers_at_once) {
    for (int round = 0; round < 20; round++) {
        struct rt_world *world = harness_world(JOBS);
        struct meeting meeting = {.present.world = world};
        for (int i = 0; i < JOBS; i++) {
            meeting.jobs[i] = (struct harness_actor){.run = meet, .context = &meeting};
            harness_start_job(&meeting.jobs[i], world);
        }
        struct harness_actor starter = {.run = start_jobs, .context = &meeting};
        harness_start(&starter, world);
        rt_notify(&starter.actor);
        harness_await(&meeting.present, JOBS);
        harness_end(world);
    }
}

/* ---- an actor goes before a job, wherever it comes from -------------------------------------- */

struct long_job {
    struct harness_actor self;
    struct harness_actor other;
    struct harness_count inside;
    struct harness_count answered;
};

static enum rt_verdict answer(struct harness_actor *self, struct rt_turn *turn, uint32_t marks) {
    struct long_job *job = self->context;
    (void)turn;
    (void)marks;
    harness_add(&job->answered, 1);
    return RT_END;
}

static enum rt_verdict notify_and_go_on(struct harness_actor *self, struct rt_turn *turn,
                                        uint32_t marks) {
    struct long_job *job = (struct long_job *)(void *)self;
    (void)turn;
    (void)marks;
    rt_notify(&job->other.actor);
    harness_await(&job->answered, 1); /* by the other worker, while this slice lasts */
    return RT_END;
}

Test(job, what_a_slice_notifies_is_run_by_another_worker_meanwhile) {
    for (int round = 0; round < 20; round++) {
        struct rt_world *world = harness_world(2);
        struct long_job job = {.self.run = notify_and_go_on, .answered.world = world};
        job.other = (struct harness_actor){.run = answer, .context = &job};
        harness_start_job(&job.self, world);
        harness_start(&job.other, world);
        rt_notify(&job.self.actor);
        harness_await(&job.answered, 1);
        harness_end(world);
    }
}
