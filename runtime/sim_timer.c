/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Simulated timers: exact, in order of their deadlines, ties in any order. */
#include "runtime/sim_internal.h"

void sim_timer_arm(struct rt_world *world, struct rt_timer *timer, uint64_t deadline_ns) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(sim->running == timer->actor); /* inside its actor's activation */
    sim_note(sim, SIM_NOTE_ARM, timer->actor, timer->mark / RT_MARK(0), deadline_ns, 0);
    struct sim_event *event = timer->executor;
    if (event == NULL) {
        event = sim_event_acquire(sim, SIM_EVENT_TIMER, timer);
        timer->executor = event;
    }
    RT_ASSERT(event->subject == timer);
    sim_unschedule(sim, event);
    timer->deadline_ns = deadline_ns;
    if (deadline_ns == RT_FOREVER) {
        timer->executor = NULL;
        sim_event_release(sim, event);
        return;
    }
    sim_schedule(sim, event, deadline_ns > sim->now_ns ? deadline_ns : sim->now_ns);
}

void sim_timer_cancel(struct rt_world *world, struct rt_timer *timer) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(sim->running == timer->actor);
    timer->deadline_ns = RT_FOREVER;
    struct sim_event *event = timer->executor;
    if (event != NULL) {
        RT_ASSERT(event->subject == timer);
        sim_note(sim, SIM_NOTE_CANCEL, timer->actor, timer->mark / RT_MARK(0), 0, 0);
        timer->executor = NULL;
        sim_unschedule(sim, event);
        sim_event_release(sim, event);
    }
}

void sim_timer_event(struct sim *sim, struct rt_timer *timer) {
    sim_note(sim, SIM_NOTE_TIMER, timer->actor, timer->mark / RT_MARK(0), 0, 0);
    timer->executor = NULL;
    timer->deadline_ns = RT_FOREVER;
    rt_mark(timer->actor, timer->mark);
}

void sim_timers_detach(struct sim *sim, const struct rt_actor *actor) {
    for (uint32_t i = 0; i < sim->queue.count;) {
        struct sim_event *event = sim->queue.entries[i].event;
        struct rt_timer *timer = event->subject;
        if (event->kind == SIM_EVENT_TIMER && timer->actor == actor) {
            sim_queue_remove(&sim->queue, event);
            sim_event_release(sim, event);
            timer->executor = NULL;
            i = 0; /* what was moved here may have come from anywhere */
        } else {
            i++;
        }
    }
}
