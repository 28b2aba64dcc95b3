/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reclamation: what ended or was retired is finished when every activation that ran then is over.
 *
 * Workers, and the lookup helper while it raises a mark, are readers of liburcu's qsbr flavour: a
 * quiescent state after each activation, offline while they sleep or run user code. One helper
 * thread waits for grace periods, one for everything that came in meanwhile, and does the rest.
 * It does so by itself and not by call_rcu, whose thread in liburcu 0.13 cannot be joined, takes
 * signals, and looks for work by sleeping 10 ms at a time.
 *
 * | who may call                   | from where                                     |
 * | reclaim_actor, reclaim_retire  | any thread                                     |
 * | reclaim_quiescent, …           | a reader, of itself                            |
 *
 * Both stacks: push by compare-and-swap, taken as a whole by exchange. The helper raises `asleep`,
 * then looks at the stacks; who pushes looks at `asleep` afterwards (all sequentially consistent).
 */
#include "runtime/threads_internal.h"

#include <urcu-qsbr.h>

#include "runtime/activate.h"
#include "runtime/assert.h"
#include "runtime/sanitize.h"

/* ---- readers --------------------------------------------------------------------------------- */

void reclaim_quiescent(struct threads *threads) {
    RT_HAPPENS_BEFORE(&threads->reclaim);
    rcu_quiescent_state();
}

void reclaim_offline(struct threads *threads) {
    RT_HAPPENS_BEFORE(&threads->reclaim);
    rcu_thread_offline();
}

void reclaim_online(struct threads *threads) {
    (void)threads;
    rcu_thread_online();
}

/* ---- handing over ---------------------------------------------------------------------------- */

static void wake(struct reclaim *reclaim) {
    if (atomic_load(&reclaim->asleep) != 0 && atomic_exchange(&reclaim->asleep, 0) != 0) {
        system_wake_one(&reclaim->asleep);
    }
}

void reclaim_actor(struct threads *threads, struct rt_actor *actor) {
    struct reclaim *reclaim = &threads->reclaim;
    atomic_fetch_add_explicit(&reclaim->pending, 1, memory_order_relaxed);
    struct rt_actor *first = atomic_load_explicit(&reclaim->ended, memory_order_relaxed);
    do {
        atomic_store_explicit(&actor->queue_next, first, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak(&reclaim->ended, &first, actor));
    wake(reclaim);
}

void reclaim_retire(struct rt_world *world, struct rt_retired *retired) {
    struct reclaim *reclaim = &threads_of(world)->reclaim;
    RT_ASSERT(retired->free != NULL);
    atomic_fetch_add_explicit(&reclaim->pending, 1, memory_order_relaxed);
    struct rt_retired *first = atomic_load_explicit(&reclaim->retired, memory_order_relaxed);
    do {
        retired->reserved[0] = first;
    } while (!atomic_compare_exchange_weak(&reclaim->retired, &first, retired));
    wake(reclaim);
}

/* ---- the helper ------------------------------------------------------------------------------ */

/* Stacks come newest first; things are finished in the order in which they came. */
static struct rt_actor *reverse_ended(struct rt_actor *actor) {
    struct rt_actor *reversed = NULL;
    while (actor != NULL) {
        struct rt_actor *next = atomic_load_explicit(&actor->queue_next, memory_order_relaxed);
        atomic_store_explicit(&actor->queue_next, reversed, memory_order_relaxed);
        reversed = actor;
        actor = next;
    }
    return reversed;
}

static struct rt_retired *reverse_retired(struct rt_retired *retired) {
    struct rt_retired *reversed = NULL;
    while (retired != NULL) {
        struct rt_retired *next = retired->reserved[0];
        retired->reserved[0] = reversed;
        reversed = retired;
        retired = next;
    }
    return reversed;
}

static uint64_t finish_ended(struct rt_actor *actor) {
    uint64_t count = 0;
    while (actor != NULL) {
        struct rt_actor *next = atomic_load_explicit(&actor->queue_next, memory_order_relaxed);
        rt_actor_finish(actor);
        actor = next;
        count++;
    }
    return count;
}

static uint64_t free_retired(struct rt_retired *retired) {
    uint64_t count = 0;
    while (retired != NULL) {
        struct rt_retired *next = retired->reserved[0];
        retired->free(retired);
        retired = next;
        count++;
    }
    return count;
}

/* False when there was nothing to do. */
static bool finish_some(struct reclaim *reclaim) {
    struct rt_actor *ended = reverse_ended(atomic_exchange(&reclaim->ended, NULL));
    struct rt_retired *retired = reverse_retired(atomic_exchange(&reclaim->retired, NULL));
    if (ended == NULL && retired == NULL) {
        return false;
    }
    synchronize_rcu(); /* this thread is no reader */
    RT_HAPPENS_AFTER(reclaim);
    uint64_t count = finish_ended(ended) + free_retired(retired);
    /* Release: what they submitted is seen by a worker that sees nothing pending (may_leave). */
    atomic_fetch_sub(&reclaim->pending, count);
    return true;
}

static bool is_empty(struct reclaim *reclaim) {
    return atomic_load(&reclaim->ended) == NULL && atomic_load(&reclaim->retired) == NULL;
}

static void *reclaim_main(void *argument) {
    struct reclaim *reclaim = argument;
    for (;;) {
        if (finish_some(reclaim)) {
            continue;
        }
        if (atomic_load(&reclaim->stopping)) {
            return NULL;
        }
        atomic_store(&reclaim->asleep, 1); /* pairs: wake */
        if (is_empty(reclaim) && !atomic_load(&reclaim->stopping)) {
            while (atomic_load(&reclaim->asleep) != 0) {
                system_sleep(&reclaim->asleep, 1);
            }
        }
        atomic_store(&reclaim->asleep, 0);
    }
}

int reclaim_start(struct threads *threads) {
    return system_thread_start(&threads->reclaim.thread, reclaim_main, &threads->reclaim,
                               threads->name, "free");
}

void reclaim_stop(struct threads *threads) {
    struct reclaim *reclaim = &threads->reclaim;
    atomic_store(&reclaim->stopping, true);
    wake(reclaim);
    pthread_join(reclaim->thread, NULL);
    RT_ASSERT(is_empty(reclaim) && atomic_load(&reclaim->pending) == 0);
}
