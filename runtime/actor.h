/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Actors: one word of state, one behaviour, run by one worker at a time.
 *
 * The word:   bit 0 RUN       a worker is inside
 *             bit 1 NOTIFIED  there is mail or a mark; queued, or to be looked at again
 *             bits 2-31       marks: coalescing one-bit messages
 *   IDLE 0 · QUEUED NOTIFIED · RUNNING RUN · RUNNING+NOTIFIED both
 *
 *   send     push to a lane, then fetch_or(NOTIFIED)  -- an unconditional RMW after a ring, because
 *            ck_ring ends in a plain store; after the unbounded lane, whose push is a full fence,
 *            only if NOTIFIED is not seen. Whoever turned IDLE into QUEUED submits the actor
 *   claim    exchange(word, RUN): takes the marks and clears NOTIFIED before the lanes are read
 *   release  compare-and-swap RUN -> 0; when it fails, mail came: queue again
 *
 * | who may call        | from where                                        |
 * | rt_actor_start      | anybody, before the actor is known to others      |
 * | rt_notify, rt_mark  | any thread that keeps the actor alive             |
 * | rt_notify_pushed    | the same, right after rt_lane_unbounded_push      |
 * | behaviour           | the executor, one worker at a time                |
 * | kind->gone          | the executor, once, when nobody can hold it       |
 */
#ifndef RT_ACTOR_H
#define RT_ACTOR_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct rt_world;
struct rt_actor;
struct rt_timer;

#define RT_RUN 1u
#define RT_NOTIFIED 2u
/* Mark n, 0 <= n < 30. */
#define RT_MARK(n) (4u << (n))
#define RT_MARKS_ALL (~3u)

/* What one activation knows. */
struct rt_turn {
    struct rt_world *world;
    uint64_t now_ns; /* rt_turn_now's: RT_FOREVER until it is first asked for */
    uint32_t budget; /* messages to handle at most, then answer RT_AGAIN */
    uint32_t worker; /* index of the worker */
};

enum rt_verdict {
    RT_IDLE,  /* lanes were seen empty */
    RT_AGAIN, /* more to do (budget spent, or a lane answered RT_BUSY): to the back of the queue */
    RT_END    /* the actor ends; nobody will send on purpose any more (see rt_actor_kind.gone) */
};

enum rt_class {
    RT_CLASS_ACTOR, /* normal */
    RT_CLASS_JOB    /* long work in slices of about 0.5 ms; runs when no actor is waiting, and at
                       least once in 16 activations when any does */
};

struct rt_actor_kind {
    const char *name;
    enum rt_class class;
    enum rt_verdict (*run)(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks);
    /* After RT_END, once no worker, timer, poller or lookup can still reach the actor. Late mail is
     * still in its lanes: dispose of it here. May free the actor. NULL when there is nothing to do.
     * Runs on any runtime thread. */
    void (*gone)(struct rt_actor *actor);
};

struct rt_actor {
    _Atomic uint32_t word;
    uint32_t id; /* in order of start; stable between runs of one seed */
    const struct rt_actor_kind *kind;
    struct rt_world *world;
    _Atomic(struct rt_actor *) queue_next; /* executor's, while queued or ending */
    struct rt_timer *timers; /* executor's: every timer that was ever armed, to be let go of */
};

/* Counts the actor in. rt_world_destroy asserts that each one started has gone. */
void rt_actor_start(struct rt_actor *actor, const struct rt_actor_kind *kind,
                    struct rt_world *world);

void rt_submit(struct rt_actor *actor); /* executor's door; called by rt_notify only */

/* Raises marks and wakes the actor. Publishes everything written before (release). */
static inline void rt_mark(struct rt_actor *actor, uint32_t marks) {
    uint32_t old =
        atomic_fetch_or_explicit(&actor->word, marks | RT_NOTIFIED, memory_order_acq_rel);
    if ((old & (RT_RUN | RT_NOTIFIED)) == 0) {
        rt_submit(actor);
    }
}

/* Wakes the actor after a push to one of its lanes. */
static inline void rt_notify(struct rt_actor *actor) {
    rt_mark(actor, 0);
}

/* The same, cheaper when the actor is queued already. Only in an activation: an actor that the
 * message has ended is freed when all workers have passed on, but nobody waits for other threads,
 * and only the read-modify-write of rt_notify tells that they are done with it. Only after
 * rt_lane_unbounded_push, and for nothing but that message: its exchange is a full fence between
 * the message and this look, which a ring's push is not. Pairs with the fence of the claim: who
 * sees NOTIFIED looks before the claim that clears it, and so the drain sees the message, or that
 * one is on its way (RT_BUSY). */
static inline void rt_notify_pushed(struct rt_actor *actor) {
    if ((atomic_load(&actor->word) & RT_NOTIFIED) == 0) {
        rt_mark(actor, 0);
    }
}

#endif
