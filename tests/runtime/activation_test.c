/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The activation protocol on real threads: nothing lost, nobody inside twice, nobody starved. */
#include <signal.h>

#include "harness.h"
#include "test.h"

/* ---- one wake-up at a time: the window between a last look and the release ------------------- */

struct echo {
    struct harness_actor self;
    struct harness_count answered;
    struct rt_lane_unbounded lane;
    uint64_t runs;
    _Atomic uint32_t inside;
};

static enum rt_verdict answer_pings(struct harness_actor *self, struct rt_turn *turn,
                                    uint32_t marks) {
    struct echo *echo = (struct echo *)(void *)self;
    cr_assert_eq(atomic_fetch_add(&echo->inside, 1), 0, "one worker is inside");
    uint32_t taken = 0;
    enum rt_take take = RT_EMPTY;
    struct rt_node *node;
    while (taken < turn->budget &&
           (take = rt_lane_unbounded_take(&echo->lane, &node)) == RT_TAKEN) {
        free(node);
        taken++;
    }
    echo->runs++;
    atomic_fetch_sub(&echo->inside, 1);
    if (taken > 0) {
        harness_add(&echo->answered, taken);
    }
    if (take != RT_EMPTY) {
        return RT_AGAIN;
    }
    return (marks & RT_MARK(0)) != 0 ? RT_END : RT_IDLE;
}

static void echo_start(struct echo *echo, struct rt_world *world) {
    memset(echo, 0, sizeof *echo);
    echo->answered.world = world;
    echo->self.run = answer_pings;
    rt_lane_unbounded_init(&echo->lane);
    harness_start(&echo->self, world);
}

static void ping(struct echo *echo) {
    struct rt_node *node = malloc(sizeof *node);
    cr_assert_not_null(node);
    rt_lane_unbounded_push(&echo->lane, node);
    rt_notify_pushed(&echo->self.actor);
}

static void a_ping_is_always_answered(unsigned workers) {
    struct rt_world *world = harness_world(workers);
    struct echo echo;
    echo_start(&echo, world);
    uint32_t rounds = 10000 * HARNESS_SCALE;
    for (uint32_t i = 1; i <= rounds; i++) {
        ping(&echo);
        if (i % 3 != 0) { /* a second one meets the first at every point of its run */
            harness_await(&echo.answered, i);
        }
    }
    harness_await(&echo.answered, rounds);
    rt_mark(&echo.self.actor, RT_MARK(0));
    harness_end(world);
    cr_assert_eq(atomic_load(&echo.answered.value), rounds);
}

Test(activation, a_message_that_meets_the_release_is_not_lost_with_one_worker) {
    a_ping_is_always_answered(1);
}

Test(activation, a_message_that_meets_the_release_is_not_lost_with_four_workers) {
    a_ping_is_always_answered(4);
}

/* ---- a submit that meets a worker on its way to sleep ---------------------------------------- */

struct nap {
    struct harness_actor self;
    struct rt_world *world;
    _Atomic uint32_t runs;
};

/* No system call: the worker is back at its queues, and asleep, within a microsecond. */
static enum rt_verdict count_quietly(struct harness_actor *self, struct rt_turn *turn,
                                     uint32_t marks) {
    struct nap *nap = (struct nap *)(void *)self;
    (void)turn;
    atomic_fetch_add(&nap->runs, 1);
    return (marks & RT_MARK(0)) != 0 ? RT_END : RT_IDLE;
}

static void linger_a_moment(struct rt_world *world) {
    for (uint64_t i = rt_random(world) % 1500; i > 0; i--) {
        __asm__ __volatile__("" ::: "memory");
    }
}

static void await_run(struct nap *nap, uint32_t runs) {
    uint64_t deadline_ns = rt_now(nap->world) + UINT64_C(20000000000);
    for (uint32_t spins = 0; atomic_load(&nap->runs) != runs; spins++) {
        if (spins % 10000 == 9999) {
            cr_assert_lt(rt_now(nap->world), deadline_ns, "run %u was lost", runs);
            (void)rt_wait(nap->world, &nap->runs, runs - 1, rt_now(nap->world) + 1000);
        }
    }
}

static void nobody_sleeps_beside_work(unsigned workers) {
    struct rt_world *world = harness_world(workers);
    struct nap nap = {.self.run = count_quietly, .world = world};
    harness_start(&nap.self, world);
    uint32_t rounds = 30000 * HARNESS_SCALE;
    for (uint32_t i = 1; i <= rounds; i++) {
        rt_notify(&nap.self.actor);
        await_run(&nap, i);
        linger_a_moment(world);
    }
    rt_mark(&nap.self.actor, RT_MARK(0));
    harness_end(world);
}

Test(activation, a_submit_that_meets_a_worker_on_its_way_to_sleep_is_not_lost) {
    nobody_sleeps_beside_work(1);
    nobody_sleeps_beside_work(3);
}

/* ---- several threads at once ----------------------------------------------------------------- */

struct crowd {
    struct echo echo[3];
    uint32_t each;
};

static void ping_all(void *context, unsigned index) {
    struct crowd *crowd = context;
    for (uint32_t i = 0; i < crowd->each; i++) {
        ping(&crowd->echo[(i + index) % 3]);
    }
}

Test(activation, several_threads_lose_no_message_to_actors_that_go_idle_and_wake) {
    struct rt_world *world = harness_world(2);
    struct crowd crowd = {.each = 3 * 5000 * HARNESS_SCALE};
    for (int i = 0; i < 3; i++) {
        echo_start(&crowd.echo[i], world);
    }
    harness_threads(4, ping_all, &crowd);
    for (int i = 0; i < 3; i++) {
        harness_await(&crowd.echo[i].answered, 4 * crowd.each / 3);
        rt_mark(&crowd.echo[i].self.actor, RT_MARK(0));
    }
    harness_end(world);
}

/* ---- marks ----------------------------------------------------------------------------------- */

struct marked {
    struct harness_actor self;
    struct harness_count seen;
    uint32_t marks;
};

static enum rt_verdict collect_marks(struct harness_actor *self, struct rt_turn *turn,
                                     uint32_t marks) {
    struct marked *marked = (struct marked *)(void *)self;
    (void)turn;
    marked->marks |= marks;
    if (marked->marks == RT_MARKS_ALL) {
        harness_add(&marked->seen, 1);
        return RT_END;
    }
    return RT_IDLE;
}

Test(activation, each_of_thirty_marks_arrives) {
    struct rt_world *world = harness_world(2);
    struct marked marked = {.self.run = collect_marks, .seen.world = world};
    harness_start(&marked.self, world);
    for (unsigned i = 0; i < 30; i++) {
        rt_mark(&marked.self.actor, RT_MARK(i));
    }
    harness_await(&marked.seen, 1);
    harness_end(world);
}

static enum rt_verdict count_runs_until_end(struct harness_actor *self, struct rt_turn *turn,
                                            uint32_t marks) {
    struct marked *marked = (struct marked *)(void *)self;
    (void)turn;
    harness_add(&marked->seen, 1);
    /* A mark raised inside the own activation is another activation, with that mark alone. */
    if (marks == RT_MARK(3)) {
        rt_mark(&self->actor, RT_MARK(4));
        return RT_IDLE;
    }
    cr_assert_eq(marks, RT_MARK(4));
    return RT_END;
}

Test(activation, a_mark_raised_in_its_own_activation_brings_another_one) {
    struct rt_world *world = harness_world(1);
    struct marked marked = {.self.run = count_runs_until_end, .seen.world = world};
    harness_start(&marked.self, world);
    rt_mark(&marked.self.actor, RT_MARK(3));
    harness_await(&marked.seen, 2);
    harness_end(world);
    cr_assert_eq(atomic_load(&marked.seen.value), 2);
}

/* ---- fairness -------------------------------------------------------------------------------- */

enum { GREEDY = 600, RUNS_EACH = 100 }; /* more than a worker's ring holds */

struct fair_world;

struct fair {
    struct harness_actor self;
    struct fair_world *world;
    uint32_t runs;
};

struct fair_world {
    struct harness_count served; /* had RUNS_EACH */
    struct harness_count finished;
    _Atomic uint32_t most_runs;
    _Atomic bool stop;
    struct fair actors[GREEDY];
};

static enum rt_verdict never_enough(struct harness_actor *self, struct rt_turn *turn,
                                    uint32_t marks) {
    struct fair *fair = (struct fair *)(void *)self;
    struct fair_world *world = fair->world;
    (void)turn;
    (void)marks;
    if (atomic_load(&world->stop)) {
        harness_add(&world->finished, 1);
        return RT_END;
    }
    fair->runs++;
    if (fair->runs == RUNS_EACH) {
        harness_add(&world->served, 1);
    }
    if (fair->runs > atomic_load(&world->most_runs)) {
        atomic_store(&world->most_runs, fair->runs);
    }
    return RT_AGAIN;
}

static struct fair_world *start_greedy(struct rt_world *world, int count) {
    struct fair_world *fair = calloc(1, sizeof *fair);
    cr_assert_not_null(fair);
    fair->served.world = world;
    fair->finished.world = world;
    for (int i = 0; i < count; i++) {
        fair->actors[i].self.run = never_enough;
        fair->actors[i].world = fair;
        harness_start(&fair->actors[i].self, world);
    }
    for (int i = 0; i < count; i++) {
        rt_notify(&fair->actors[i].self.actor);
    }
    return fair;
}

static void stop_greedy(struct fair_world *fair, uint32_t count) {
    atomic_store(&fair->stop, true);
    harness_await(&fair->finished, count);
}

Test(activation, no_actor_starves_while_hundreds_always_have_more_to_do) {
    struct rt_world *world = harness_world(2);
    struct fair_world *fair = start_greedy(world, GREEDY);
    harness_await(&fair->served, GREEDY);
    stop_greedy(fair, GREEDY);
    harness_end(world);
    free(fair);
}

/* Among actors that have begun, what one gets before another has its share is bounded. */
static enum rt_verdict take_turns(struct harness_actor *self, struct rt_turn *turn,
                                  uint32_t marks) {
    struct fair *fair = (struct fair *)(void *)self;
    struct fair_world *world = fair->world;
    (void)turn;
    (void)marks;
    fair->runs++;
    uint32_t most = atomic_load(&world->most_runs);
    if (fair->runs > most) {
        atomic_store(&world->most_runs, fair->runs);
    } else {
        cr_assert_leq(most - fair->runs, 8, "turns behind another actor");
    }
    if (fair->runs == RUNS_EACH) {
        harness_add(&world->finished, 1);
        return RT_END;
    }
    return RT_AGAIN;
}

struct gun {
    struct harness_actor self;
    struct fair_world *fair;
};

static enum rt_verdict start_all_at_once(struct harness_actor *self, struct rt_turn *turn,
                                         uint32_t marks) {
    struct gun *gun = (struct gun *)(void *)self;
    (void)turn;
    (void)marks;
    for (int i = 0; i < GREEDY; i++) {
        rt_notify(&gun->fair->actors[i].self.actor);
    }
    return RT_END;
}

Test(activation, actors_that_have_more_to_do_take_turns) {
    struct rt_world *world = harness_world(1);
    struct fair_world *fair = calloc(1, sizeof *fair);
    cr_assert_not_null(fair);
    fair->finished.world = world;
    for (int i = 0; i < GREEDY; i++) {
        fair->actors[i].self.run = take_turns;
        fair->actors[i].world = fair;
        harness_start(&fair->actors[i].self, world);
    }
    struct gun gun = {.self.run = start_all_at_once, .fair = fair};
    harness_start(&gun.self, world);
    rt_notify(&gun.self.actor);
    harness_await(&fair->finished, GREEDY);
    harness_end(world);
    free(fair);
}

Test(activation, a_message_from_outside_is_handled_while_all_workers_are_busy) {
    struct rt_world *world = harness_world(2);
    struct fair_world *fair = start_greedy(world, 8);
    struct echo echo;
    echo_start(&echo, world);
    for (uint32_t i = 1; i <= 100; i++) {
        ping(&echo);
        harness_await(&echo.answered, i);
    }
    rt_mark(&echo.self.actor, RT_MARK(0));
    stop_greedy(fair, 8);
    harness_end(world);
    free(fair);
}

/* ---- worlds ---------------------------------------------------------------------------------- */

/* An actor of one world that gives work to an actor of another, from its own worker. */
static enum rt_verdict pass_on(struct harness_actor *self, struct rt_turn *turn, uint32_t marks) {
    (void)turn;
    (void)marks;
    ping(self->context);
    return RT_END;
}

Test(activation, a_worker_may_send_to_an_actor_of_another_world) {
    struct rt_world *here = harness_world(1), *there = harness_world(1);
    struct echo echo;
    echo_start(&echo, there);
    struct harness_actor sender = {.run = pass_on, .context = &echo};
    harness_start(&sender, here);
    rt_notify(&sender.actor);
    harness_await(&echo.answered, 1);
    rt_mark(&echo.self.actor, RT_MARK(0));
    harness_end(here);
    harness_end(there);
}

static enum rt_verdict answer_nonsense(struct harness_actor *self, struct rt_turn *turn,
                                       uint32_t marks) {
    (void)self;
    (void)turn;
    (void)marks;
    return (enum rt_verdict)77;
}

Test(activation, an_answer_that_is_no_verdict_is_found, .signal = SIGABRT) {
    struct rt_world *world = harness_world(1);
    struct harness_actor actor = {.run = answer_nonsense};
    harness_start(&actor, world);
    rt_notify(&actor.actor);
    harness_end(world);
}

Test(activation, several_worlds_live_beside_each_other) {
    struct rt_world *worlds[4];
    struct echo echo[4];
    for (int i = 0; i < 4; i++) {
        worlds[i] = harness_world(2);
        echo_start(&echo[i], worlds[i]);
    }
    for (uint32_t round = 1; round <= 200; round++) {
        for (int i = 0; i < 4; i++) {
            ping(&echo[i]);
        }
        for (int i = 0; i < 4; i++) {
            harness_await(&echo[i].answered, round);
        }
    }
    for (int i = 0; i < 4; i++) {
        rt_mark(&echo[i].self.actor, RT_MARK(0));
        harness_end(worlds[i]);
    }
}
