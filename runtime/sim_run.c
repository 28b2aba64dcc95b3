/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What runs next. One event at a time: what is due, else any runnable actor, else time jumps to
 * what comes next. An activation takes 50 to 100 ns, so that timers fall between any two of them.
 *
 * The window between a push and its notify is not a place where the one thread can stop. What it
 * leads to is: mail that lies in a lane while others run, with the actor not yet in a run queue.
 * Submits that reach their queue late (SIM_EVENT_LATE) make that.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "runtime/activate.h"
#include "runtime/sim_internal.h"

enum {
    ACTIVATION_MIN_NS = 50,
    ACTIVATION_MAX_NS = 100,
    LATE_ONCE_IN = 32,
    LATE_MAX_NS = 10000,
    GRACE_MAX_NS = 10000,
    GRACE_LONG_ONCE_IN = 16,
    GRACE_LONG_MAX_NS = 2000000,
    JOB_ONCE_IN = 8,
    ACTIVATIONS_PER_JOB_MAX = 16 /* promised in rt_class */
};

/* ---- events ---------------------------------------------------------------------------------- */

void sim_schedule(struct sim *sim, struct sim_event *event, uint64_t when_ns) {
    uint64_t rank = (sim_random_next(&sim->chance) << 32) | (sim->sequence++ & UINT32_MAX);
    sim_queue_insert(&sim->queue, event, when_ns, rank);
}

void sim_unschedule(struct sim *sim, struct sim_event *event) {
    if (sim_scheduled(event)) {
        sim_queue_remove(&sim->queue, event);
    }
}

struct sim_event *sim_event_acquire(struct sim *sim, enum sim_event_kind kind, void *subject) {
    struct sim_event *event = sim->free_events;
    if (event == NULL) {
        event = sim_allocate(sizeof(*event));
    } else {
        sim->free_events = event->next_free;
    }
    sim_event_init(event, kind, subject);
    return event;
}

void sim_event_release(struct sim *sim, struct sim_event *event) {
    RT_ASSERT(!sim_scheduled(event));
    event->next_free = sim->free_events;
    sim->free_events = event;
}

/* ---- actors ---------------------------------------------------------------------------------- */

static void actors_push(struct sim_actors *actors, struct rt_actor *actor) {
    if (actors->count == actors->capacity) {
        actors->capacity = actors->capacity == 0 ? 64 : actors->capacity * 2;
        actors->list = sim_grow(actors->list, actors->capacity * sizeof(struct rt_actor *));
    }
    actors->list[actors->count++] = actor;
}

static void actor_know(struct sim *sim, struct rt_actor *actor) {
    while (sim->known.count <= actor->id) {
        actors_push(&sim->known, NULL);
    }
    RT_ASSERT(sim->known.list[actor->id] == NULL || sim->known.list[actor->id] == actor);
    sim->known.list[actor->id] = actor;
}

static void make_ready(struct sim *sim, struct rt_actor *actor) {
    bool job = actor->kind->class == RT_CLASS_JOB;
    actors_push(job ? &sim->ready_jobs : &sim->ready, actor);
}

void sim_submit(struct rt_world *world, struct rt_actor *actor) {
    struct sim *sim = sim_of(world);
    actor_know(sim, actor);
    if (!sim->busy) {
        sim->busy = true;
        atomic_fetch_add_explicit(&world->wakeups, 1, memory_order_relaxed);
    }
    if (!sim->settling && sim_once_in(sim, LATE_ONCE_IN)) {
        uint64_t late_ns = 1 + sim_draw(sim, LATE_MAX_NS);
        sim_note(sim, SIM_NOTE_SUBMIT, actor, late_ns, 0, 0);
        sim_schedule(sim, sim_event_acquire(sim, SIM_EVENT_LATE, actor), sim->now_ns + late_ns);
        return;
    }
    make_ready(sim, actor);
}

/* ---- the end of an actor --------------------------------------------------------------------- */

static uint64_t grace_ns(struct sim *sim) {
    bool lengthy = sim_once_in(sim, GRACE_LONG_ONCE_IN);
    return 1 + sim_draw(sim, lengthy ? GRACE_LONG_MAX_NS : GRACE_MAX_NS);
}

static void actor_end(struct sim *sim, struct rt_actor *actor) {
    sim_note(sim, SIM_NOTE_END, actor, 0, 0, 0);
    sim_timers_detach(sim, actor);
    RT_ASSERT(!sim_actor_has_socket(sim, actor)); /* closed before RT_END */
    RT_ASSERT(!sim_actor_has_lookup(sim, actor)); /* finished or abandoned before RT_END */
    sim_schedule(sim, sim_event_acquire(sim, SIM_EVENT_GONE, actor), sim->now_ns + grace_ns(sim));
}

static void actor_gone(struct sim *sim, struct rt_actor *actor) {
    sim_note(sim, SIM_NOTE_GONE, actor, 0, 0, 0);
    sim->known.list[actor->id] = NULL;
    rt_actor_finish(actor);
}

/* ---- activations ----------------------------------------------------------------------------- */

static struct rt_actor *pick(struct sim *sim) {
    bool job =
        sim->ready.count == 0 ||
        (sim->ready_jobs.count > 0 && (sim->activations_since_job + 1 >= ACTIVATIONS_PER_JOB_MAX ||
                                       sim_once_in(sim, JOB_ONCE_IN)));
    sim->activations_since_job = job ? 0 : sim->activations_since_job + 1;
    struct sim_actors *from = job ? &sim->ready_jobs : &sim->ready;
    uint32_t index = (uint32_t)sim_draw(sim, from->count);
    struct rt_actor *actor = from->list[index];
    from->list[index] = from->list[--from->count];
    return actor;
}

static void activate(struct sim *sim) {
    struct rt_actor *actor = pick(sim);
    struct rt_turn turn = {.world = &sim->world,
                           .budget = 1 + (uint32_t)sim_draw(sim, sim->options.budget_max),
                           .worker = (uint32_t)sim_draw(sim, SIM_WORKERS)};
    uint32_t marks = atomic_load_explicit(&actor->word, memory_order_relaxed) / RT_MARK(0);
    sim_note(sim, SIM_NOTE_RUN, actor, marks, turn.budget, turn.worker);
    sim->running = actor;
    enum rt_activation result = rt_activate(actor, &turn);
    sim->activations++;
    sim->running = NULL;
    RT_ASSERT(!sim->user_code);
    sim->now_ns += ACTIVATION_MIN_NS + sim_draw(sim, ACTIVATION_MAX_NS - ACTIVATION_MIN_NS + 1);
    if (result == RT_ACTIVATION_REQUEUE) {
        sim_note(sim, SIM_NOTE_AGAIN, actor, 0, 0, 0);
        make_ready(sim, actor);
    } else if (result == RT_ACTIVATION_ENDED) {
        actor_end(sim, actor);
    }
}

/* ---- reclamation ----------------------------------------------------------------------------- */

void sim_retire(struct rt_world *world, struct rt_retired *retired) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(retired->free != NULL);
    sim_note(sim, SIM_NOTE_RETIRE, sim->running, 0, 0, 0);
    sim_schedule(sim, sim_event_acquire(sim, SIM_EVENT_RETIRED, retired),
                 sim->now_ns + grace_ns(sim));
}

static void retired_free(struct sim *sim, struct rt_retired *retired) {
    sim_note(sim, SIM_NOTE_FREE, NULL, 0, 0, 0);
    retired->free(retired);
}

/* ---- steps ----------------------------------------------------------------------------------- */

/* Events that were acquired are given back before their subject is called: it may need one. */
static void dispatch(struct sim *sim, struct sim_event *event) {
    struct sim_event copy = *event;
    sim_queue_remove(&sim->queue, event);
    bool owned = copy.kind != SIM_EVENT_ARRIVAL && copy.kind != SIM_EVENT_ROOM &&
                 copy.kind != SIM_EVENT_HANDSHAKE && copy.kind != SIM_EVENT_LOOKUP &&
                 copy.kind != SIM_EVENT_RESUME;
    if (owned) {
        sim_event_release(sim, event);
    }
    switch (copy.kind) {
    case SIM_EVENT_TIMER:
        sim_timer_event(sim, copy.subject);
        break;
    case SIM_EVENT_ARRIVAL:
        sim_pipe_arrival_event(sim, copy.subject);
        break;
    case SIM_EVENT_ROOM:
        sim_pipe_room_event(sim, copy.subject);
        break;
    case SIM_EVENT_HANDSHAKE:
        sim_handshake_event(sim, copy.subject);
        break;
    case SIM_EVENT_LOOKUP:
        sim_lookup_event(sim, copy.subject);
        break;
    case SIM_EVENT_CALL:
        sim_call_event(sim, copy.callback, copy.subject);
        break;
    case SIM_EVENT_RESUME:
        sim_resume_event(sim, copy.subject);
        break;
    case SIM_EVENT_LATE:
        make_ready(sim, copy.subject);
        break;
    case SIM_EVENT_RETIRED:
        retired_free(sim, copy.subject);
        break;
    case SIM_EVENT_GONE:
        actor_gone(sim, copy.subject);
        break;
    }
}

static void jump(struct sim *sim, uint64_t to_ns) {
    sim->busy = false;
    sim->parked_ns += to_ns - sim->now_ns;
    sim->now_ns = to_ns;
}

void sim_count(struct rt_world *world, struct rt_counts *counts) {
    const struct sim *sim = sim_of(world);
    *counts = (struct rt_counts){.activations = sim->activations, .parked_ns = sim->parked_ns};
}

bool sim_step_before(struct sim *sim, uint64_t deadline_ns) {
    RT_ASSERT(sim->running == NULL); /* an activation never runs the world */
    bool runnable = sim->ready.count + sim->ready_jobs.count > 0;
    const struct sim_queue_entry *next = sim->queue.count > 0 ? &sim->queue.entries[0] : NULL;
    if (sim->now_ns > deadline_ns) {
        return false;
    }
    if (next != NULL && next->when_ns <= sim->now_ns) {
        sim->events++;
        dispatch(sim, next->event);
        return true;
    }
    if (runnable) {
        sim->events++;
        activate(sim);
        return true;
    }
    if (next == NULL || next->when_ns > deadline_ns) {
        return false;
    }
    sim->events++;
    jump(sim, next->when_ns);
    dispatch(sim, next->event);
    return true;
}

bool rt_sim_step(struct rt_world *world) {
    return sim_step_before(sim_of(world), RT_FOREVER);
}

void sim_time_pass(struct sim *sim, uint64_t deadline_ns) {
    if (sim->now_ns < deadline_ns && deadline_ns != RT_FOREVER) {
        jump(sim, deadline_ns);
    }
}

void rt_sim_run_until(struct rt_world *world, uint64_t deadline_ns) {
    struct sim *sim = sim_of(world);
    while (sim_step_before(sim, deadline_ns)) {
    }
    sim_time_pass(sim, deadline_ns);
}

/* Submits that are late are late no more. */
static void hurry_late(struct sim *sim) {
    for (uint32_t i = 0; i < sim->queue.count;) {
        struct sim_event *event = sim->queue.entries[i].event;
        if (event->kind == SIM_EVENT_LATE) {
            dispatch(sim, event);
            i = 0;
        } else {
            i++;
        }
    }
}

void rt_sim_settle(struct rt_world *world) {
    struct sim *sim = sim_of(world);
    uint64_t began_ns = sim->now_ns;
    RT_ASSERT(sim->running == NULL && !sim->settling);
    sim->settling = true;
    hurry_late(sim);
    for (;;) {
        const struct sim_queue_entry *next = sim->queue.count > 0 ? &sim->queue.entries[0] : NULL;
        if (next != NULL && next->when_ns <= began_ns) {
            dispatch(sim, next->event);
        } else if (sim->ready.count + sim->ready_jobs.count > 0) {
            activate(sim);
        } else {
            break;
        }
        sim->events++;
    }
    sim->settling = false;
}

void sim_finish_grace(struct sim *sim) {
    for (;;) {
        struct sim_queue_entry first = {.event = NULL};
        for (uint32_t i = 0; i < sim->queue.count; i++) {
            const struct sim_queue_entry *each = &sim->queue.entries[i];
            bool waits =
                each->event->kind == SIM_EVENT_GONE || each->event->kind == SIM_EVENT_RETIRED;
            bool earlier = first.event == NULL || each->when_ns < first.when_ns ||
                           (each->when_ns == first.when_ns && each->rank < first.rank);
            if (waits && earlier) {
                first = *each;
            }
        }
        if (first.event == NULL) {
            return;
        }
        dispatch(sim, first.event);
    }
}
