/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The wheel alone, against a plain list: what is due fires, nothing else, over all its levels. */
#include "runtime/threads_internal.h"
#include "test.h"

enum { TIMERS = 200, TICK_NS = 65536 };

struct subject {
    struct rt_actor actor;
    struct rt_timer timer;
    uint64_t wanted_ns; /* what the plain list knows */
};

struct bench {
    struct wheel wheel;
    struct subject subjects[TIMERS];
    uint64_t random;
    uint64_t now_ns;
    uint64_t fired;
};

static uint64_t draw(struct bench *bench) {
    bench->random = bench->random * UINT64_C(6364136223846793005) + 1442695040888963407;
    return bench->random >> 20;
}

static struct bench *new_bench(uint64_t seed) {
    struct bench *bench = calloc(1, sizeof *bench);
    cr_assert_not_null(bench);
    bench->random = seed;
    bench->now_ns = UINT64_C(123456789012345);
    wheel_init(&bench->wheel, bench->now_ns);
    for (int i = 0; i < TIMERS; i++) {
        struct subject *subject = &bench->subjects[i];
        atomic_init(&subject->actor.word, RT_RUN); /* so that a mark submits nothing */
        rt_timer_init(&subject->timer, &subject->actor, RT_MARK(0));
        atomic_init(&subject->timer.scheduled_ns, RT_FOREVER);
        subject->wanted_ns = RT_FOREVER;
    }
    return bench;
}

/* As timers_arm does: the deadline first; the wheel is told when it comes earlier. */
static void arm(struct bench *bench, struct subject *subject, uint64_t deadline_ns) {
    subject->wanted_ns = deadline_ns;
    atomic_store(&subject->timer.deadline_ns, deadline_ns);
    if (atomic_load(&subject->timer.scheduled_ns) > deadline_ns) {
        wheel_place(&bench->wheel, &subject->timer, bench->now_ns);
    }
}

/* Collects what fired and looks for what should have. */
static void check(struct bench *bench) {
    for (int i = 0; i < TIMERS; i++) {
        struct subject *subject = &bench->subjects[i];
        bool fired = atomic_exchange(&subject->actor.word, RT_RUN) != RT_RUN;
        if (fired) {
            cr_assert_leq(subject->wanted_ns, bench->now_ns, "never early, never cancelled");
            subject->wanted_ns = RT_FOREVER;
            bench->fired++;
        } else if (subject->wanted_ns != RT_FOREVER) {
            cr_assert_gt(subject->wanted_ns + TICK_NS, bench->now_ns, "at most a tick late");
        }
    }
}

static uint64_t earliest(struct bench *bench) {
    uint64_t least = RT_FOREVER;
    for (int i = 0; i < TIMERS; i++) {
        uint64_t wanted_ns = bench->subjects[i].wanted_ns;
        least = wanted_ns < least ? wanted_ns : least;
    }
    return least;
}

static void one_step(struct bench *bench) {
    for (uint64_t i = draw(bench) % 8; i > 0; i--) {
        struct subject *subject = &bench->subjects[draw(bench) % TIMERS];
        uint64_t range_ns = UINT64_C(1) << (draw(bench) % 50);
        bool cancel = draw(bench) % 4 == 0;
        arm(bench, subject, cancel ? RT_FOREVER : bench->now_ns + draw(bench) % range_ns);
        check(bench); /* what is due at once fires at once */
    }
    uint64_t next_ns = wheel_next_ns(&bench->wheel, bench->now_ns);
    uint64_t due_ns = earliest(bench);
    if (due_ns != RT_FOREVER && due_ns > bench->now_ns) {
        cr_assert_lt(next_ns, due_ns + TICK_NS, "wakes in time");
    }
    if (draw(bench) % 2 == 0 && next_ns != RT_FOREVER) {
        bench->now_ns = next_ns > bench->now_ns ? next_ns : bench->now_ns;
    } else {
        bench->now_ns += draw(bench) % (UINT64_C(1) << (draw(bench) % 45));
    }
    wheel_advance(&bench->wheel, bench->now_ns);
    check(bench);
}

Test(wheel, fires_what_a_plain_list_would) {
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct bench *bench = new_bench(seed);
        for (int i = 0; i < 3000; i++) {
            one_step(bench);
        }
        cr_assert_gt(bench->fired, 1000, "the test reaches something");
        free(bench);
    }
}

Test(wheel, wants_no_look_for_what_was_cancelled_or_moved_later) {
    struct bench *bench = new_bench(1);
    struct subject *subject = &bench->subjects[0];
    cr_assert_eq(wheel_next_ns(&bench->wheel, bench->now_ns), RT_FOREVER);
    for (uint64_t delay_ns = 1000; delay_ns < UINT64_C(1) << 60; delay_ns *= 3) {
        arm(bench, subject, bench->now_ns + delay_ns);
        uint64_t next_ns = wheel_next_ns(&bench->wheel, bench->now_ns);
        cr_assert_geq(next_ns, bench->now_ns + delay_ns);
        cr_assert_lt(next_ns, bench->now_ns + delay_ns + TICK_NS);
        atomic_store(&subject->timer.deadline_ns, bench->now_ns + 5 * delay_ns);
        next_ns = wheel_next_ns(&bench->wheel, bench->now_ns);
        cr_assert_geq(next_ns, bench->now_ns + 5 * delay_ns);
        cr_assert_lt(next_ns, bench->now_ns + 5 * delay_ns + TICK_NS);
        atomic_store(&subject->timer.deadline_ns, RT_FOREVER);
        cr_assert_eq(wheel_next_ns(&bench->wheel, bench->now_ns), RT_FOREVER);
    }
    free(bench);
}

/* Another worker has moved the wheel on since this one read the clock. */
Test(wheel, fires_at_once_what_it_has_already_passed) {
    struct bench *bench = new_bench(1);
    struct subject *subject = &bench->subjects[0];
    uint64_t stale_ns = bench->now_ns;
    wheel_advance(&bench->wheel, stale_ns + 10 * TICK_NS);
    subject->wanted_ns = stale_ns + 2 * TICK_NS;
    atomic_store(&subject->timer.deadline_ns, subject->wanted_ns);
    wheel_place(&bench->wheel, &subject->timer, stale_ns);
    cr_assert_eq(atomic_load(&subject->timer.deadline_ns), RT_FOREVER);
    cr_assert_eq(wheel_next_ns(&bench->wheel, bench->now_ns), RT_FOREVER);
    free(bench);
}

Test(wheel, sleeps_until_the_very_next_of_a_hundred_thousand) {
    struct bench *bench = new_bench(7);
    struct rt_timer *timers = calloc(100000, sizeof *timers);
    cr_assert_not_null(timers);
    uint64_t base_ns = bench->now_ns + UINT64_C(30000000000);
    for (uint64_t i = 0; i < 100000; i++) {
        rt_timer_init(&timers[i], &bench->subjects[0].actor, RT_MARK(0));
        atomic_init(&timers[i].scheduled_ns, RT_FOREVER);
        atomic_store(&timers[i].deadline_ns, base_ns + (i * 7919 % 100000) * 1000);
        wheel_place(&bench->wheel, &timers[i], bench->now_ns);
    }
    uint64_t next_ns = wheel_next_ns(&bench->wheel, bench->now_ns);
    cr_assert_geq(next_ns, base_ns);
    cr_assert_lt(next_ns, base_ns + TICK_NS);
    wheel_advance(&bench->wheel, base_ns + UINT64_C(200000000));
    cr_assert_eq(wheel_next_ns(&bench->wheel, base_ns), RT_FOREVER);
    free(timers);
    free(bench);
}
