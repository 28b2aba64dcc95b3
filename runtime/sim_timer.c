/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Simulated timers: exact, in order of their deadlines, ties in any order. */
#include "runtime/sim_internal.h"

/* As the threads do: once armed, a timer stays in its actor's list until the actor is gone. Who
 * initialises one again, or frees it before, is found here. */
enum { TIMER_LISTED = 1 };

static void list(struct rt_timer *timer) {
    for (const struct rt_timer *each = timer->actor->timers; each != NULL; each = each->sibling) {
        RT_ASSERT(each != timer);
    }
    timer->state = TIMER_LISTED;
    timer->sibling = timer->actor->timers;
    timer->actor->timers = timer;
}

void sim_timer_arm(struct rt_world *world, struct rt_timer *timer, uint64_t deadline_ns) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(sim->running == timer->actor); /* inside its actor's activation */
    sim_note(sim, SIM_NOTE_ARM, timer->actor, timer->mark / RT_MARK(0), deadline_ns, 0);
    if (timer->state != TIMER_LISTED) {
        list(timer);
    }
    struct sim_event *event = timer->event;
    if (event == NULL) {
        event = sim_event_acquire(sim, SIM_EVENT_TIMER, timer);
        timer->event = event;
    }
    RT_ASSERT(event->subject == timer);
    sim_unschedule(sim, event);
    timer->deadline_ns = deadline_ns;
    if (deadline_ns == RT_FOREVER) {
        timer->event = NULL;
        sim_event_release(sim, event);
        return;
    }
    sim_schedule(sim, event, deadline_ns > sim->now_ns ? deadline_ns : sim->now_ns);
}

void sim_timer_cancel(struct rt_world *world, struct rt_timer *timer) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(sim->running == timer->actor);
    timer->deadline_ns = RT_FOREVER;
    struct sim_event *event = timer->event;
    if (event != NULL) {
        RT_ASSERT(event->subject == timer);
        sim_note(sim, SIM_NOTE_CANCEL, timer->actor, timer->mark / RT_MARK(0), 0, 0);
        timer->event = NULL;
        sim_unschedule(sim, event);
        sim_event_release(sim, event);
    }
}

void sim_timer_event(struct sim *sim, struct rt_timer *timer) {
    sim_note(sim, SIM_NOTE_TIMER, timer->actor, timer->mark / RT_MARK(0), 0, 0);
    timer->event = NULL;
    timer->deadline_ns = RT_FOREVER;
    rt_mark(timer->actor, timer->mark);
}

void sim_timers_detach(struct sim *sim, const struct rt_actor *actor) {
    for (struct rt_timer *timer = actor->timers; timer != NULL; timer = timer->sibling) {
        struct sim_event *event = timer->event;
        if (event != NULL) {
            timer->event = NULL;
            sim_unschedule(sim, event);
            sim_event_release(sim, event);
        }
    }
}
