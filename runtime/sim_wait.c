/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Simulated application threads. They are the code that calls into the world from outside of any
 * activation: the test's own flow, which runs the world while it waits, and the calls given to
 * rt_sim_at, which have stacks of their own and pause.
 *
 * A wait ends by rt_wake and by nothing else before its deadline: a word that was changed without
 * a wake is found as a deadlock here, as it would be on futexes. Sometimes it ends early.
 */
#include <inttypes.h>

#include "runtime/sim_internal.h"

enum { EARLY_ONCE_IN = 32, RESUME_LATE_NS_MAX = 2000, CALL_NS = 1000 };

struct sim_waiter {
    _Atomic uint32_t *word;
    uint32_t seen;
    unsigned thread;
    bool woken;
    struct sim_stack *stack; /* NULL: the test's own flow */
    struct sim_event resume; /* of a stack */
    struct sim_waiter *next, *previous;
};

/* ---- deadlock -------------------------------------------------------------------------------- */

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
    for (const struct sim_waiter *each = sim->waiters; each != NULL; each = each->next) {
        uint32_t value = atomic_load(each->word);
        fprintf(stderr, "  application thread %u waits, its word is %" PRIu32 "%s\n", each->thread,
                value, value != each->seen ? ", changed without rt_wake" : "");
    }
    print_actors(sim);
}

/* ---- waiting --------------------------------------------------------------------------------- */

static void waiters_add(struct sim *sim, struct sim_waiter *waiter) {
    waiter->next = sim->waiters;
    if (waiter->next != NULL) {
        waiter->next->previous = waiter;
    }
    sim->waiters = waiter;
}

static void waiters_remove(struct sim *sim, struct sim_waiter *waiter) {
    if (waiter->previous != NULL) {
        waiter->previous->next = waiter->next;
    } else {
        sim->waiters = waiter->next;
    }
    if (waiter->next != NULL) {
        waiter->next->previous = waiter->previous;
    }
}

/* The test's own flow: one step of the world after the other. */
static bool wait_in_flow(struct sim *sim, struct sim_waiter *waiter, uint64_t deadline_ns,
                         bool early) {
    while (!waiter->woken) {
        if (!sim_step_before(sim, deadline_ns)) {
            bool nothing_left_to_happen = deadline_ns == RT_FOREVER;
            if (nothing_left_to_happen) {
                fprintf(stderr, "deadlock: nothing left to happen\n");
                sim_print_state(sim);
            }
            RT_ASSERT(!nothing_left_to_happen);
            sim_time_pass(sim, deadline_ns);
            return false;
        }
        if (early) {
            break;
        }
    }
    return true;
}

/* A scripted call: comes back when it is resumed. */
static bool wait_on_stack(struct sim *sim, struct sim_waiter *waiter, uint64_t deadline_ns,
                          bool early) {
    if (early) {
        sim_schedule(sim, &waiter->resume, sim->now_ns + sim_draw(sim, RESUME_LATE_NS_MAX));
    } else if (deadline_ns != RT_FOREVER) {
        sim_schedule(sim, &waiter->resume, deadline_ns);
    }
    sim_stack_pause(sim);
    return waiter->woken || sim->now_ns < deadline_ns;
}

bool sim_wait(struct rt_world *world, _Atomic uint32_t *word, uint32_t seen, uint64_t deadline_ns) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(sim->running == NULL); /* application threads only */
    if (atomic_load_explicit(word, memory_order_acquire) != seen) {
        return true;
    }
    if (deadline_ns < sim->now_ns + CALL_NS) {
        deadline_ns = sim->now_ns + CALL_NS; /* who only looks in a loop lets time pass as well */
    }
    struct sim_waiter waiter = {
        .word = word, .seen = seen, .thread = sim->thread, .stack = sim->stack};
    sim_event_init(&waiter.resume, SIM_EVENT_RESUME, &waiter);
    sim_note(sim, SIM_NOTE_WAIT, NULL, waiter.thread, seen, deadline_ns);
    waiters_add(sim, &waiter);
    bool early = sim_once_in(sim, EARLY_ONCE_IN);
    bool in_time = waiter.stack == NULL ? wait_in_flow(sim, &waiter, deadline_ns, early)
                                        : wait_on_stack(sim, &waiter, deadline_ns, early);
    waiters_remove(sim, &waiter);
    sim->thread = waiter.thread;
    sim_note(sim, SIM_NOTE_WAITED, NULL, waiter.thread, in_time, 0);
    return in_time;
}

void sim_resume_event(struct sim *sim, void *subject) {
    struct sim_waiter *waiter = subject;
    unsigned thread = sim->thread;
    sim_stack_enter(sim, waiter->stack);
    sim->thread = thread;
}

static bool waits_on(const struct sim_waiter *waiter, const _Atomic uint32_t *word) {
    return waiter->word == word && !waiter->woken;
}

static void waiter_wake(struct sim *sim, struct sim_waiter *waiter) {
    waiter->woken = true;
    if (waiter->stack != NULL) {
        sim_unschedule(sim, &waiter->resume);
        sim_schedule(sim, &waiter->resume, sim->now_ns + sim_draw(sim, RESUME_LATE_NS_MAX));
    }
}

void sim_wake(struct rt_world *world, _Atomic uint32_t *word, uint32_t most) {
    struct sim *sim = sim_of(world);
    uint32_t left = 0;
    for (struct sim_waiter *each = sim->waiters; each != NULL; each = each->next) {
        left += waits_on(each, word);
    }
    uint32_t wanted = most < left ? most : left;
    sim_note(sim, SIM_NOTE_WAKE, sim->running, wanted, 0, 0);
    for (struct sim_waiter *each = sim->waiters; wanted > 0; each = each->next) {
        if (waits_on(each, word) && (wanted == left-- || sim_once_in(sim, left + 1))) {
            waiter_wake(sim, each);
            wanted--;
        }
    }
}

/* ---- threads --------------------------------------------------------------------------------- */

void **sim_thread_slot(struct rt_world *world) {
    struct sim *sim = sim_of(world);
    return &sim->slots[sim->thread];
}

void rt_sim_thread(struct rt_world *world, unsigned thread) {
    struct sim *sim = sim_of(world);
    RT_ASSERT(thread < SIM_THREADS_MAX);
    sim_note(sim, SIM_NOTE_THREAD, NULL, thread, 0, 0);
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

/* ---- scripted calls -------------------------------------------------------------------------- */

void rt_sim_at(struct rt_world *world, uint64_t when_ns, void (*callback)(void *), void *context) {
    struct sim *sim = sim_of(world);
    struct sim_event *event = sim_event_acquire(sim, SIM_EVENT_CALL, context);
    event->callback = callback;
    sim_schedule(sim, event, when_ns > sim->now_ns ? when_ns : sim->now_ns);
}

void sim_call_event(struct sim *sim, void (*callback)(void *), void *context) {
    unsigned thread = sim->thread;
    sim_note(sim, SIM_NOTE_CALL, NULL, 0, 0, 0);
    sim_stack_call(sim, callback, context);
    sim->thread = thread;
}
