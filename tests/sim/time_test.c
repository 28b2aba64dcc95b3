/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Virtual time: timers, the wall clock, and a program that does nothing. */
#include "runtime/sim.h"
#include "test.h"

#define SECOND UINT64_C(1000000000)
enum { TIMERS = 20, MARK_STOP = RT_MARK(29), MARK_WORK = RT_MARK(28) };

/* Arms the timers as told and notes when each mark came. */
struct clock {
    struct rt_actor actor;
    struct rt_timer timers[TIMERS];
    uint64_t wanted_ns[TIMERS]; /* armed at MARK_WORK; 0: cancelled */
    uint64_t fired_ns[TIMERS];
    unsigned order[TIMERS];
    unsigned fired;
    unsigned runs;
};

static enum rt_verdict clock_run(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct clock *clock = (struct clock *)actor;
    clock->runs++;
    for (unsigned i = 0; i < TIMERS; i++) {
        if ((marks & RT_MARK(i)) != 0) {
            clock->fired_ns[i] = rt_turn_now(turn);
            clock->order[clock->fired++ % TIMERS] = i;
        }
        if ((marks & MARK_WORK) != 0 && clock->wanted_ns[i] > 0) {
            rt_timer_arm(turn->world, &clock->timers[i], clock->wanted_ns[i]);
        } else if ((marks & MARK_WORK) != 0) {
            rt_timer_cancel(turn->world, &clock->timers[i]);
        }
    }
    return (marks & MARK_STOP) != 0 ? RT_END : RT_IDLE;
}

static struct rt_world *clock_start(struct clock *clock, uint64_t seed) {
    static const struct rt_actor_kind kind = {.name = "clock", .run = clock_run};
    struct rt_sim_options options = {.seed = seed, .wall_start_ms = 1000};
    struct rt_world *world = rt_sim_create(&options);
    memset(clock, 0, sizeof(*clock));
    rt_actor_start(&clock->actor, &kind, world);
    for (unsigned i = 0; i < TIMERS; i++) {
        rt_timer_init(&clock->timers[i], &clock->actor, RT_MARK(i));
    }
    return world;
}

static void clock_finish(struct clock *clock, struct rt_world *world) {
    rt_mark(&clock->actor, MARK_STOP);
    rt_sim_run_until(world, rt_now(world) + SECOND);
    rt_world_destroy(world);
}

Test(sim_time, timers_fire_in_order_and_never_early) {
    struct clock clock;
    struct rt_world *world = clock_start(&clock, 1);
    for (unsigned i = 0; i < TIMERS; i++) {
        clock.wanted_ns[i] = SECOND + ((i * 7) % TIMERS) * 1000000;
    }
    rt_mark(&clock.actor, MARK_WORK);
    rt_sim_run_until(world, 2 * SECOND);
    cr_assert_eq(clock.fired, TIMERS);
    for (unsigned i = 0; i < TIMERS; i++) {
        cr_assert_geq(clock.fired_ns[i], clock.wanted_ns[i]);
        cr_assert_leq(clock.fired_ns[i], clock.wanted_ns[i] + 20000);
        cr_assert_eq((clock.order[i] * 7) % TIMERS, i);
    }
    clock_finish(&clock, world);
}

Test(sim_time, a_cancelled_timer_does_not_fire_and_a_moved_one_fires_once) {
    struct clock clock;
    struct rt_world *world = clock_start(&clock, 1);
    clock.wanted_ns[0] = clock.wanted_ns[1] = clock.wanted_ns[2] = SECOND;
    rt_mark(&clock.actor, MARK_WORK);
    rt_sim_run_until(world, SECOND / 2);
    clock.wanted_ns[0] = 0;
    clock.wanted_ns[1] = 2 * SECOND;
    clock.wanted_ns[2] = SECOND - 1000;
    rt_mark(&clock.actor, MARK_WORK);
    rt_sim_run_until(world, 5 * SECOND);
    cr_assert_eq(clock.fired, 2);
    cr_assert_eq(clock.fired_ns[0], 0);
    cr_assert_geq(clock.fired_ns[1], 2 * SECOND);
    cr_assert_lt(clock.fired_ns[2], SECOND + 20000);
    clock_finish(&clock, world);
}

Test(sim_time, a_timer_armed_for_never_is_cancelled) {
    struct clock clock;
    struct rt_world *world = clock_start(&clock, 1);
    clock.wanted_ns[0] = SECOND;
    rt_mark(&clock.actor, MARK_WORK);
    rt_sim_run_until(world, SECOND / 2);
    clock.wanted_ns[0] = RT_FOREVER;
    rt_mark(&clock.actor, MARK_WORK);
    rt_sim_run_until(world, 5 * SECOND);
    cr_assert_eq(clock.fired, 0);
    clock_finish(&clock, world);
}

Test(sim_time, timers_of_an_actor_that_ends_are_let_go) {
    struct clock clock;
    struct rt_world *world = clock_start(&clock, 1);
    for (unsigned i = 0; i < TIMERS; i++) {
        clock.wanted_ns[i] = SECOND;
    }
    rt_mark(&clock.actor, MARK_WORK | MARK_STOP);
    rt_sim_run_until(world, 2 * SECOND);
    cr_assert_eq(clock.fired, 0);
    cr_assert_eq(atomic_load(&world->actors_gone), 1);
    rt_world_destroy(world);
}

Test(sim_time, an_idle_program_sleeps_but_for_due_timers) {
    struct clock clock;
    struct rt_world *world = clock_start(&clock, 1);
    for (unsigned i = 0; i < 3; i++) {
        clock.wanted_ns[i] = (i + 1) * 600 * SECOND;
    }
    rt_mark(&clock.actor, MARK_WORK);
    rt_sim_run_until(world, SECOND);
    uint64_t wakeups = atomic_load(&world->wakeups);
    uint64_t events = rt_sim_events(world);
    rt_sim_run_until(world, 3601 * SECOND);
    cr_assert_eq(atomic_load(&world->wakeups) - wakeups, 3);
    cr_assert_leq(rt_sim_events(world) - events, 9);
    cr_assert_eq(rt_now(world), 3601 * SECOND);
    clock_finish(&clock, world);
}

Test(sim_time, the_wall_clock_follows_virtual_time_and_jumps) {
    struct clock clock;
    struct rt_world *world = clock_start(&clock, 1);
    cr_assert_eq(rt_wall_ms(world), 1000);
    rt_sim_run_until(world, 5 * SECOND);
    cr_assert_eq(rt_wall_ms(world), 6000);
    rt_sim_wall_jump(world, -3600000);
    cr_assert_eq(rt_wall_ms(world), 6000 - 3600000);
    cr_assert_eq(rt_now(world), 5 * SECOND);
    clock_finish(&clock, world);
}

Test(sim_time, settle_runs_what_is_due_and_lets_no_timer_come) {
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct clock clock;
        struct rt_world *world = clock_start(&clock, seed);
        clock.wanted_ns[0] = 100000;
        rt_mark(&clock.actor, MARK_WORK);
        rt_sim_settle(world);
        cr_assert_eq(clock.runs, 1);
        cr_assert_eq(clock.fired, 0);
        clock_finish(&clock, world);
    }
}

static void add_one(void *context) {
    ++*(unsigned *)context;
}

Test(sim_time, scripted_calls_come_at_their_time) {
    struct rt_sim_options options = {.seed = 1};
    struct rt_world *world = rt_sim_create(&options);
    unsigned calls = 0;
    for (unsigned i = 1; i <= 5; i++) {
        rt_sim_at(world, i * SECOND, add_one, &calls);
    }
    for (unsigned i = 1; i <= 5; i++) {
        rt_sim_run_until(world, i * SECOND - 1);
        cr_assert_eq(calls, i - 1);
        rt_sim_run_until(world, i * SECOND);
        cr_assert_eq(calls, i);
    }
    cr_assert_not(rt_sim_step(world));
    rt_world_destroy(world);
}

Test(sim_time, settle_makes_the_calls_that_are_due_now) {
    struct rt_sim_options options = {.seed = 1};
    struct rt_world *world = rt_sim_create(&options);
    unsigned calls = 0;
    rt_sim_run_until(world, SECOND);
    rt_sim_at(world, SECOND, add_one, &calls);
    rt_sim_at(world, SECOND + 1, add_one, &calls);
    rt_sim_settle(world);
    cr_assert_eq(calls, 1);
    rt_world_destroy(world);
}

static void work(void *context) {
    struct clock *clock = context;
    clock->wanted_ns[0] = 0;
    rt_mark(&clock->actor, MARK_WORK);
}

Test(sim_time, settle_runs_who_is_told_meanwhile) {
    for (uint64_t seed = 0; seed < 100; seed++) {
        struct clock clock;
        struct rt_world *world = clock_start(&clock, seed);
        rt_sim_at(world, 0, work, &clock);
        rt_sim_settle(world);
        cr_assert_eq(clock.runs, 1);
        clock_finish(&clock, world);
    }
}

Test(sim_time, runs_to_the_end_of_all_that_will_happen_and_stays_there) {
    struct rt_sim_options options = {.seed = 1};
    struct rt_world *world = rt_sim_create(&options);
    unsigned calls = 0;
    rt_sim_at(world, 7 * SECOND, add_one, &calls);
    rt_sim_run_until(world, RT_FOREVER);
    cr_assert_eq(calls, 1);
    cr_assert_eq(rt_now(world), 7 * SECOND);
    rt_world_destroy(world);
}
