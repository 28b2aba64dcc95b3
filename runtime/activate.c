/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The activation protocol. Every change of the word is a read-modify-write, so its modification
 * order is one chain and each step below sees the step before it:
 *
 *   claim    exchange(RUN), acquire: pairs with the sender's fetch_or (release) in rt_mark. What
 *            was pushed before that fetch_or is seen by the drain, because NOTIFIED is cleared
 *            first. It is a full fence, too: pairs with that of the push before rt_notify_pushed,
 *            which changes nothing when it sees NOTIFIED. Then its look is before the claim that
 *            clears it, so the push is before the drain.
 *   release  CAS RUN -> 0, release: pairs with the acquire of the next claim, maybe elsewhere.
 *            A sender's fetch_or is before it (the CAS fails, we queue again) or after it (it sees
 *            IDLE and submits): no wake-up is lost between them.
 */
#include "runtime/activate.h"

#include "runtime/assert.h"
#include "runtime/mutant.h"
#include "runtime/world.h"

/* RUNNING -> QUEUED, whatever was raised meanwhile stays raised. */
static enum rt_activation requeue(struct rt_actor *actor) {
    uint32_t seen = RT_RUN;
    while (!atomic_compare_exchange_weak_explicit(&actor->word, &seen,
                                                  (seen & ~RT_RUN) | RT_NOTIFIED,
                                                  memory_order_acq_rel, memory_order_relaxed)) {
        RT_ASSERT((seen & RT_RUN) != 0);
    }
    return RT_ACTIVATION_REQUEUE;
}

/* RUNNING -> IDLE, or back to the queue when mail came since the claim. */
static enum rt_activation release(struct rt_actor *actor) {
    uint32_t seen = RT_RUN;
    if (atomic_compare_exchange_strong_explicit(&actor->word, &seen, 0, memory_order_release,
                                                memory_order_relaxed)) {
        return RT_ACTIVATION_DONE;
    }
    RT_ASSERT((seen & (RT_RUN | RT_NOTIFIED)) == (RT_RUN | RT_NOTIFIED));
    return requeue(actor);
}

enum rt_activation rt_activate(struct rt_actor *actor, struct rt_turn *turn) {
    RT_IF_MUTANT(clock_before_claim, turn->now_ns = rt_now(turn->world));
    uint32_t old = atomic_exchange(&actor->word, RT_RUN);
#if !defined(__x86_64__) /* where the exchange is a full fence */
    atomic_thread_fence(memory_order_seq_cst);
#endif
    RT_ASSERT((old & (RT_RUN | RT_NOTIFIED)) == RT_NOTIFIED);
    RT_UNLESS_MUTANT(clock_before_claim, turn->now_ns = RT_FOREVER);
    switch (actor->kind->run(actor, turn, old & RT_MARKS_ALL)) {
    case RT_IDLE:
        return release(actor);
    case RT_AGAIN:
        return requeue(actor);
    case RT_END:
        return RT_ACTIVATION_ENDED;
    }
    rt_assert_failed("a behaviour answers with an rt_verdict", __FILE__, __LINE__, __func__);
}

void rt_actor_finish(struct rt_actor *actor) {
    struct rt_world *world = actor->world; /* `gone` may free the actor */
    RT_ASSERT((atomic_load_explicit(&actor->word, memory_order_relaxed) & RT_RUN) != 0);
    if (actor->kind->gone != NULL) {
        actor->kind->gone(actor);
    }
    /* Release: pairs with the acquire of whoever waits for the last actor, to free the world. */
    atomic_fetch_add_explicit(&world->actors_gone, 1, memory_order_release);
}
