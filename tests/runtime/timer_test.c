/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Timers on real threads: never early, not late on an idle machine, cancelled and moved freely. */
#include <signal.h>

#include "harness.h"
#include "runtime/activate.h"
#include "test.h"

enum { MS = 1000000 };

/* ---- the clock of an activation -------------------------------------------------------------- */

enum { RINGS = 1, DUE_NS = 7 };

static struct {
    struct rt_actor actor;
    uint64_t now_ns;
    bool rung;
    uint32_t submitted, rings_seen;
} moment;

/* In the moment in which somebody reads the clock a timer's time comes, and it rings. */
static uint64_t read_while_it_rings(struct rt_world *world) {
    uint64_t read_ns = moment.now_ns;
    (void)world;
    if (!moment.rung) {
        moment.rung = true;
        moment.now_ns = DUE_NS;
        rt_mark(&moment.actor, RT_MARK(RINGS));
    }
    return read_ns;
}

static void count_submitted(struct rt_world *world, struct rt_actor *actor) {
    (void)world;
    (void)actor;
    moment.submitted++;
}

static enum rt_verdict look_at_the_clock(struct rt_actor *actor, struct rt_turn *turn,
                                         uint32_t marks) {
    (void)actor;
    uint64_t now_ns = rt_turn_now(turn);
    if ((marks & RT_MARK(RINGS)) != 0) {
        moment.rings_seen++;
        cr_assert_geq(now_ns, DUE_NS, "rung before its time");
    }
    return RT_IDLE;
}

/* Else it would be taken for one that was moved since, and wait for a ring that never comes. */
Test(timer, that_rings_in_an_activation_is_due_by_the_clock_of_that_activation) {
    static const struct rt_actor_kind kind = {.name = "watcher", .run = look_at_the_clock};
    static const struct rt_world_ops ops = {.now_ns = read_while_it_rings,
                                            .submit = count_submitted};
    struct rt_world world = {.ops = &ops};
    struct rt_turn turn = {.world = &world, .budget = 1};
    rt_actor_start(&moment.actor, &kind, &world);
    rt_notify(&moment.actor);
    cr_assert_eq(rt_activate(&moment.actor, &turn), RT_ACTIVATION_REQUEUE);
    cr_assert_eq(rt_activate(&moment.actor, &turn), RT_ACTIVATION_DONE);
    cr_expect_eq(moment.rings_seen, 1);
    cr_expect_eq(moment.submitted, 1);
}

/* ---- one timer, armed again and again -------------------------------------------------------- */

struct clocked {
    struct harness_actor self;
    struct rt_timer timer;
    struct harness_count rounds;
    uint32_t rounds_wanted;
    uint64_t delay_ns;
    uint64_t due_ns;
    uint64_t late_least_ns;
};

static enum rt_verdict measure_lateness(struct harness_actor *self, struct rt_turn *turn,
                                        uint32_t marks) {
    struct clocked *clocked = (struct clocked *)(void *)self;
    if ((marks & RT_MARK(1)) != 0) {
        cr_assert_geq(rt_turn_now(turn), clocked->due_ns, "never early");
        uint64_t late_ns = rt_turn_now(turn) - clocked->due_ns;
        clocked->late_least_ns =
            late_ns < clocked->late_least_ns ? late_ns : clocked->late_least_ns;
        harness_add(&clocked->rounds, 1);
        if (atomic_load(&clocked->rounds.value) == clocked->rounds_wanted) {
            return RT_END;
        }
    }
    clocked->due_ns = rt_now(turn->world) + clocked->delay_ns;
    rt_timer_arm(turn->world, &clocked->timer, clocked->due_ns);
    return RT_IDLE;
}

Test(timer, a_timer_of_five_milliseconds_is_not_early_and_can_be_less_than_one_late) {
    struct rt_world *world = harness_world(2);
    struct clocked clocked = {
        .self.run = measure_lateness,
        .rounds.world = world,
        .rounds_wanted = 40,
        .delay_ns = 5 * MS,
        .late_least_ns = UINT64_MAX,
    };
    rt_timer_init(&clocked.timer, &clocked.self.actor, RT_MARK(1));
    harness_start(&clocked.self, world);
    rt_notify(&clocked.self.actor);
    harness_await(&clocked.rounds, 40);
    harness_end(world);
    /* The best of forty: what the executor adds, not what the machine was busy with. */
    cr_assert_lt(clocked.late_least_ns, 1 * MS);
}

static enum rt_verdict arm_again(struct harness_actor *self, struct rt_turn *turn, uint32_t marks) {
    struct clocked *clocked = (struct clocked *)(void *)self;
    (void)marks;
    rt_timer_arm(turn->world, &clocked->timer, RT_FOREVER - 1);
    rt_timer_init(&clocked->timer, &self->actor, RT_MARK(1));
    rt_timer_arm(turn->world, &clocked->timer, RT_FOREVER - 1);
    return RT_END;
}

Test(timer, a_timer_that_was_initialised_twice_is_found, .signal = SIGABRT) {
    struct rt_world *world = harness_world(1);
    struct clocked clocked = {.self.run = arm_again};
    rt_timer_init(&clocked.timer, &clocked.self.actor, RT_MARK(1));
    harness_start(&clocked.self, world);
    rt_notify(&clocked.self.actor);
    harness_end(world);
}

/* ---- many ------------------------------------------------------------------------------------ */

enum { CROWD = 2000 };

struct member {
    struct harness_actor self;
    struct rt_timer timers[2];
    struct harness_count *fired;
    uint64_t due_ns[2];
    unsigned seen;
};

static enum rt_verdict wait_for_both(struct harness_actor *self, struct rt_turn *turn,
                                     uint32_t marks) {
    struct member *member = (struct member *)(void *)self;
    for (unsigned i = 0; i < 2; i++) {
        if ((marks & RT_MARK(1 + i)) != 0) {
            cr_assert_geq(rt_turn_now(turn), member->due_ns[i], "never early");
            member->seen |= 1u << i;
            harness_add(member->fired, 1);
        }
    }
    if ((marks & RT_MARK(0)) != 0) {
        for (unsigned i = 0; i < 2; i++) {
            rt_timer_init(&member->timers[i], &self->actor, RT_MARK(1 + i));
            member->due_ns[i] = rt_turn_now(turn) + rt_random(turn->world) % (300 * MS);
            rt_timer_arm(turn->world, &member->timers[i], member->due_ns[i]);
        }
    }
    return member->seen == 3 ? RT_END : RT_IDLE;
}

Test(timer, thousands_of_timers_fire_once_each_and_none_early) {
    struct rt_world *world = harness_world(2);
    struct harness_count fired = {.world = world};
    struct member *members = calloc(CROWD, sizeof *members);
    cr_assert_not_null(members);
    for (int i = 0; i < CROWD; i++) {
        members[i].self.run = wait_for_both;
        members[i].fired = &fired;
        harness_start(&members[i].self, world);
        rt_mark(&members[i].self.actor, RT_MARK(0));
    }
    harness_await(&fired, 2 * CROWD);
    harness_end(world);
    cr_assert_eq(atomic_load(&fired.value), 2 * CROWD);
    free(members);
}

/* ---- moved and cancelled --------------------------------------------------------------------- */

struct script {
    struct harness_actor self;
    struct rt_timer subject;
    struct rt_timer guard;
    struct harness_count done;
    uint64_t due_ns;
    bool fired;
    void (*begin)(struct script *script, struct rt_turn *turn);
};

static enum rt_verdict follow(struct harness_actor *self, struct rt_turn *turn, uint32_t marks) {
    struct script *script = (struct script *)(void *)self;
    if ((marks & RT_MARK(0)) != 0) {
        rt_timer_init(&script->subject, &self->actor, RT_MARK(1));
        rt_timer_init(&script->guard, &self->actor, RT_MARK(2));
        script->begin(script, turn);
    }
    if ((marks & RT_MARK(1)) != 0) {
        cr_assert_geq(rt_turn_now(turn), script->due_ns, "never early");
        script->fired = true;
        if (script->due_ns != RT_FOREVER) {
            harness_add(&script->done, 1);
            return RT_END;
        }
    }
    if ((marks & RT_MARK(2)) != 0) {
        harness_add(&script->done, 1);
        return RT_END;
    }
    return RT_IDLE;
}

static void run_script(void (*begin)(struct script *script, struct rt_turn *turn), bool fires) {
    struct rt_world *world = harness_world(2);
    struct script script = {.self.run = follow, .done.world = world, .begin = begin};
    harness_start(&script.self, world);
    rt_mark(&script.self.actor, RT_MARK(0));
    harness_await(&script.done, 1);
    harness_end(world);
    cr_assert_eq(script.fired, fires);
}

static void cancel_before_it_is_due(struct script *script, struct rt_turn *turn) {
    rt_timer_arm(turn->world, &script->subject, rt_turn_now(turn) + 2 * MS);
    rt_timer_cancel(turn->world, &script->subject);
    script->due_ns = RT_FOREVER;
    rt_timer_arm(turn->world, &script->guard, rt_turn_now(turn) + 20 * MS);
}

Test(timer, a_cancelled_timer_stays_silent) {
    run_script(cancel_before_it_is_due, false);
}

static void move_later(struct script *script, struct rt_turn *turn) {
    rt_timer_arm(turn->world, &script->subject, rt_turn_now(turn) + 1 * MS);
    script->due_ns = rt_turn_now(turn) + 15 * MS;
    rt_timer_arm(turn->world, &script->subject, script->due_ns);
}

Test(timer, a_timer_moved_later_fires_at_the_later_time) {
    run_script(move_later, true);
}

static void move_earlier(struct script *script, struct rt_turn *turn) {
    rt_timer_arm(turn->world, &script->subject, rt_turn_now(turn) + UINT64_C(3600000) * MS);
    script->due_ns = rt_turn_now(turn) + 5 * MS;
    rt_timer_arm(turn->world, &script->subject, script->due_ns);
}

Test(timer, a_timer_moved_earlier_fires_at_the_earlier_time) {
    run_script(move_earlier, true);
}

static void arm_in_the_past(struct script *script, struct rt_turn *turn) {
    script->due_ns = rt_turn_now(turn) - 1;
    rt_timer_arm(turn->world, &script->subject, script->due_ns);
}

Test(timer, a_timer_armed_for_the_past_fires_now) {
    run_script(arm_in_the_past, true);
}

/* ---- the sleeping poller learns of an earlier deadline --------------------------------------- */

struct sleeper {
    struct harness_actor self;
    struct rt_timer timer;
    struct harness_count armed;
    struct harness_count fired;
    uint64_t delay_ns;
};

static enum rt_verdict arm_on_request(struct harness_actor *self, struct rt_turn *turn,
                                      uint32_t marks) {
    struct sleeper *sleeper = (struct sleeper *)(void *)self;
    if ((marks & RT_MARK(1)) != 0) {
        harness_add(&sleeper->fired, 1);
    }
    if ((marks & RT_MARK(0)) != 0) {
        rt_timer_init(&sleeper->timer, &self->actor, RT_MARK(1));
        rt_timer_arm(turn->world, &sleeper->timer, rt_turn_now(turn) + sleeper->delay_ns);
        harness_add(&sleeper->armed, 1);
    }
    return (marks & RT_MARK(2)) != 0 ? RT_END : RT_IDLE;
}

Test(timer, an_earlier_deadline_wakes_a_poller_that_sleeps_for_a_later_one) {
    struct rt_world *world = harness_world(3);
    struct sleeper later = {.self.run = arm_on_request,
                            .armed.world = world,
                            .fired.world = world,
                            .delay_ns = UINT64_C(3600000) * MS};
    struct sleeper soon[50];
    harness_start(&later.self, world);
    rt_mark(&later.self.actor, RT_MARK(0));
    harness_await(&later.armed, 1);
    for (int i = 0; i < 50; i++) {
        soon[i] = (struct sleeper){.self.run = arm_on_request,
                                   .armed.world = world,
                                   .fired.world = world,
                                   .delay_ns = 1 * MS};
        harness_start(&soon[i].self, world);
        rt_mark(&soon[i].self.actor, RT_MARK(0));
        harness_await(&soon[i].fired, 1); /* an hour, if it were forgotten */
        rt_mark(&soon[i].self.actor, RT_MARK(2));
    }
    rt_mark(&later.self.actor, RT_MARK(2));
    harness_end(world);
}

/* ---- the end of an actor whose timers are everywhere ----------------------------------------- */

enum { TIMERS = 12 };

struct burdened {
    struct harness_actor self;
    struct rt_timer timers[TIMERS];
    struct harness_count *gone;
};

static enum rt_verdict arm_all_and_end(struct harness_actor *self, struct rt_turn *turn,
                                       uint32_t marks) {
    struct burdened *burdened = (struct burdened *)(void *)self;
    bool end = (marks & RT_MARK(0)) != 0 && rt_random(turn->world) % 2 == 0;
    for (unsigned i = 0; i < TIMERS; i++) {
        if ((marks & RT_MARK(0)) != 0) {
            rt_timer_init(&burdened->timers[i], &self->actor, RT_MARK(1));
        }
        uint64_t range_ns = UINT64_C(1) << (10 + rt_random(turn->world) % 30);
        rt_timer_arm(turn->world, &burdened->timers[i],
                     rt_turn_now(turn) + rt_random(turn->world) % range_ns);
    }
    if ((marks & RT_MARK(1)) != 0) {
        end = true;
    }
    return end ? RT_END : RT_IDLE;
}

static void free_burdened(struct harness_actor *self) {
    struct burdened *burdened = (struct burdened *)(void *)self;
    struct harness_count *gone = burdened->gone;
    memset(burdened, 0xa5, sizeof *burdened); /* a wheel that still knows it trips over this */
    free(burdened);
    harness_add(gone, 1);
}

Test(timer, the_wheel_lets_go_of_the_timers_of_an_actor_before_it_is_gone) {
    struct rt_world *world = harness_world(3);
    struct harness_count gone = {.world = world};
    uint32_t count = 1000 * HARNESS_SCALE;
    for (uint32_t i = 0; i < count; i++) {
        struct burdened *burdened = calloc(1, sizeof *burdened);
        cr_assert_not_null(burdened);
        burdened->self.run = arm_all_and_end;
        burdened->self.gone = free_burdened;
        burdened->gone = &gone;
        harness_start(&burdened->self, world);
        rt_mark(&burdened->self.actor, RT_MARK(0));
    }
    harness_await(&gone, count);
    harness_end(world);
}
