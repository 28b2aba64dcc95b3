/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Simulated application threads. They are the code that calls into the world from outside of any
 * activation: the test's own flow, and callbacks given to rt_sim_at. While one waits, the world
 * runs on its stack.
 *
 * A callback that waits runs the world as well, so waits nest like calls: the outer one goes on
 * only when the inner one is over, even if its word changed long before. Let at most one thread use
 * waiting calls without a deadline, and script the others with calls that do not wait.
 *
 * A wait ends by rt_wake and by nothing else before its deadline: a word that was changed without
 * a wake is found as a deadlock here, as it would be on futexes. Sometimes it ends early.
 */
#include <inttypes.h>

#include "runtime/sim_internal.h"

enum { EARLY_ONCE_IN = 32, DALLY_EVENTS_MAX = 4, CALL_NS = 1000 };

/* ---- deadlock ---------------------------------------------------------------------------------- */

static void print_actors(const struct sim *sim) {
    uint64_t started = atomic_load(&sim->world.actors_started);
    uint64_t gone = atomic_load(&sim->world.actors_gone);
    fprintf(stderr, "  actors: %" PRIu64 " started, %" PRIu64 " gone\n", started, gone);
    for (uint32_t i = 0; i < sim->known.count; i++) {
        const struct rt_actor *actor = sim->known.list[i];
        if (actor != NULL) {
            uint32_t word = atomic_load(&actor->word);
            fprintf(stderr, "  actor %s#%" PRIu32 ": run %u, notified %u, marks 0x%" PRIx32 "\n",
                    actor->kind->name, actor->id, (word & RT_RUN) != 0, (word & RT_NOTIFIED) != 0,
                    word / RT_MARK(0));
        }
    }
}

void sim_print_state(const struct sim *sim) {
    fprintf(stderr, "  seed %" PRIu64 ", virtual time %" PRIu64 " ns, %" PRIu64 " events\n",
            sim->options.seed, sim->now_ns, sim->events);
    print_actors(sim);
}

static void report_deadlock(const struct sim *sim, uint32_t seen) {
    fprintf(stderr, "deadlock: nothing left to happen\n");
    for (const struct sim_waiter *each = sim->waiting; each != NULL; each = each->outer) {
        uint32_t value = atomic_load(each->word);
        fprintf(stderr, "  application thread %u waits, its word is %" PRIu32 "%s%s\n",
                each->thread, value, each->woken ? ", it was woken but a nested wait holds it" : "",
                each == sim->waiting && value != seen ? ", changed without rt_wake" : "");
    }
    sim_print_state(sim);
}

/* ---- waiting ----------------------------------------------------------------------------------- */

/* One more step of the world. False: nothing happens any more before the deadline. */
static bool wait_step(struct sim *sim, uint32_t seen, uint64_t deadline_ns) {
    if (sim_step_before(sim, deadline_ns)) {
        return true;
    }
    if (deadline_ns == RT_FOREVER) {
        report_deadlock(sim, seen);
        bool something_left_to_happen = false;
        RT_ASSERT(something_left_to_happen);
    }
    if (sim->now_ns < deadline_ns) {
        sim->busy = false;
        sim->now_ns = deadline_ns;
    }
    return false;
}

bool sim_wait(struct rt_world *world, _Atomic uint32_t *word, uint32_t seen, uint64_t deadline_ns) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(sim->running == NULL); /* application threads only */
    RT_ASSERT(sim->wait_depth < SIM_WAITS_MAX);
    if (atomic_load_explicit(word, memory_order_acquire) != seen) {
        return true;
    }
    if (deadline_ns < sim->now_ns + CALL_NS) {
        deadline_ns = sim->now_ns + CALL_NS; /* who only looks in a loop lets time pass as well */
    }
    struct sim_waiter waiter = {.word = word, .thread = sim->thread, .outer = sim->waiting};
    sim_note(sim, SIM_NOTE_WAIT, NULL, waiter.thread, seen, deadline_ns);
    sim->waiting = &waiter;
    sim->wait_depth++;
    bool early = sim_once_in(sim, EARLY_ONCE_IN);
    bool in_time = true;
    while (in_time && !waiter.woken) {
        in_time = wait_step(sim, seen, deadline_ns);
        if (early) {
            break;
        }
    }
    for (uint64_t dally = sim_draw(sim, DALLY_EVENTS_MAX); in_time && dally > 0; dally--) {
        sim_step_before(sim, sim->now_ns); /* others run before a woken thread does */
    }
    sim->waiting = waiter.outer;
    sim->wait_depth--;
    sim->thread = waiter.thread;
    bool result = waiter.woken || in_time;
    sim_note(sim, SIM_NOTE_WAITED, NULL, waiter.thread, result, 0);
    return result;
}

void sim_wake(struct rt_world *world, _Atomic uint32_t *word) {
    struct sim *sim = sim_of(world);
    uint64_t count = 0;
    for (struct sim_waiter *each = sim->waiting; each != NULL; each = each->outer) {
        if (each->word == word) {
            each->woken = true;
            count++;
        }
    }
    sim_note(sim, SIM_NOTE_WAKE, sim->running, count, 0, 0);
}

/* ---- threads ----------------------------------------------------------------------------------- */

void **sim_thread_slot(struct rt_world *world) {
    struct sim *sim = sim_of(world);
    return &sim->slots[sim->thread];
}

void rt_sim_thread(struct rt_world *world, unsigned thread) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(thread < SIM_THREADS_MAX);
    sim->thread = thread;
}

void rt_sim_thread_end(struct rt_world *world, unsigned thread) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(thread < SIM_THREADS_MAX && sim->running == NULL);
    sim_note(sim, SIM_NOTE_THREAD, NULL, thread, 1, 0);
    void *slot = sim->slots[thread];
    sim->slots[thread] = NULL;
    if (slot != NULL && sim->options.thread_end != NULL) {
        sim->options.thread_end(slot, sim->options.context);
    }
}

/* ---- scripted calls ---------------------------------------------------------------------------- */

void rt_sim_at(struct rt_world *world, uint64_t when_ns, void (*callback)(void *), void *context) {
    struct sim *sim = sim_of(world);
    struct sim_event *event = sim_event_acquire(sim, SIM_EVENT_CALL, context);
    event->callback = callback;
    sim_schedule(sim, event, when_ns > sim->now_ns ? when_ns : sim->now_ns);
}

void sim_call_event(struct sim *sim, void (*callback)(void *), void *context) {
    unsigned thread = sim->thread;
    sim_note(sim, SIM_NOTE_CALL, NULL, 0, 0, 0);
    callback(context);
    sim->thread = thread;
}
