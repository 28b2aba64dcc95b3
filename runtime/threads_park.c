/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who sleeps, who is woken.
 *
 * The word `idle` has a bit for each parked worker, the number of searching ones (woken, nothing
 * found yet) and the number of those away (in a long slice, or in user code). Every access is
 * sequentially consistent, which closes the one race that matters:
 *
 *   submitter  pushes (exchange), then loads `idle`
 *   parker     sets its bit in `idle` (read-modify-write), then looks at every queue
 *
 * so the submitter sees the bit, or the parker sees the push. A worker that submits to its own ring
 * needs no such care: it looks into that ring itself before it parks.
 *
 * Waking is taking the bit away. Who took it also counts the sleeper as searching, so a burst of
 * submits wakes one worker only; that one wakes the next when it found more than it can run.
 *
 *   bit set,   SLEEP_AWAKE       on the way to sleep
 *   bit set,   SLEEP_FUTEX/EPOLL asleep
 *   bit taken, any               awake soon: the waker's exchange to SLEEP_NOTIFIED follows, maybe
 *                                so late that it meets the next sleep, which then ends early
 */
#include "runtime/threads_internal.h"

#include "runtime/assert.h"

static bool is_parked(uint64_t idle) {
    return (idle & IDLE_PARKED_ALL) != 0;
}

static bool is_searched(uint64_t idle) {
    return (idle & IDLE_SEARCHING_ALL) != 0;
}

/* Awake, and sure to look at the queues soon. */
static unsigned present(const struct threads *threads, uint64_t idle) {
    unsigned parked = (unsigned)__builtin_popcountll(idle & IDLE_PARKED_ALL);
    unsigned away = (unsigned)(idle / IDLE_AWAY);
    return threads->world.workers - parked - away;
}

/* ---- waking ---------------------------------------------------------------------------------- */

static void unpark(struct worker *worker) {
    uint32_t before = atomic_exchange(&worker->sleep, SLEEP_NOTIFIED);
    if (before == SLEEP_FUTEX) {
        system_wake_one(&worker->sleep);
    } else if (before == SLEEP_EPOLL) {
        poller_interrupt(&worker->threads->poller);
    }
}

/* Who sleeps in epoll is the last choice, so that readiness goes on being seen. */
static unsigned choose(struct threads *threads, uint64_t parked) {
    uint32_t token = atomic_load_explicit(&threads->poller.token, memory_order_relaxed);
    uint64_t others = token == 0 ? parked : parked & ~IDLE_PARKED(token - 1);
    return (unsigned)__builtin_ctzll(others != 0 ? others : parked);
}

void park_wake_another(struct threads *threads) {
    uint64_t idle = atomic_load(&threads->idle);
    while (is_parked(idle) && !is_searched(idle)) {
        unsigned index = choose(threads, idle & IDLE_PARKED_ALL);
        uint64_t next = (idle & ~IDLE_PARKED(index)) + IDLE_SEARCHING;
        if (atomic_compare_exchange_weak(&threads->idle, &idle, next)) {
            unpark(&threads->workers[index]);
            return;
        }
    }
}

void park_submitted_outside(struct threads *threads) {
    uint64_t idle = atomic_load(&threads->idle); /* pairs: announce */
    if (present(threads, idle) == 0) {
        park_wake_another(threads);
    }
}

void park_wake_all(struct threads *threads) {
    for (unsigned i = 0; i < threads->world.workers; i++) {
        unpark(&threads->workers[i]);
    }
}

/* ---- the worker's own changes ---------------------------------------------------------------- */

void park_found_work(struct worker *worker) {
    if (!worker->searching) {
        return;
    }
    worker->searching = false;
    struct threads *threads = worker->threads;
    atomic_fetch_sub(&threads->idle, IDLE_SEARCHING);
    /* Submitters that saw us searching woke nobody: look for them. Pairs: park_wake_another. */
    if (worker_leaves_work(worker)) {
        park_wake_another(threads);
    }
}

void park_step_away(struct worker *worker, bool away) {
    struct threads *threads = worker->threads;
    if (worker->away == away) {
        return;
    }
    worker->away = away;
    if (!away) {
        atomic_fetch_sub(&threads->idle, IDLE_AWAY);
        return;
    }
    uint64_t idle = atomic_fetch_add(&threads->idle, IDLE_AWAY);
    /* What waits for us, and epoll when nobody sleeps in it, become somebody else's. */
    if (is_parked(idle) &&
        (worker_leaves_work(worker) ||
         atomic_load_explicit(&threads->poller.token, memory_order_relaxed) == 0)) {
        park_wake_another(threads);
    }
}

static void announce(struct worker *worker) {
    uint64_t change = IDLE_PARKED(worker->index) - (worker->searching ? IDLE_SEARCHING : 0);
    worker->searching = false;
    uint64_t before = atomic_fetch_add(&worker->threads->idle, change);
    RT_ASSERT((before & IDLE_PARKED(worker->index)) == 0);
}

/* Awake again. If a waker took the bit, it has counted us as searching. */
static void withdraw(struct worker *worker) {
    uint64_t bit = IDLE_PARKED(worker->index);
    worker->searching = (atomic_fetch_and(&worker->threads->idle, ~bit) & bit) == 0;
}

static bool is_announced(const struct worker *worker) {
    return (atomic_load(&worker->threads->idle) & IDLE_PARKED(worker->index)) != 0;
}

/* ---- sleeping -------------------------------------------------------------------------------- */

/* False when a waker was faster. A notice that is left from an earlier wake-up is dropped: while
 * our bit is set nobody has claimed us, and whoever takes it later will say so again. */
static bool fall_asleep(struct worker *worker, enum sleep_state how) {
    uint32_t seen = SLEEP_AWAKE;
    while (!atomic_compare_exchange_strong(&worker->sleep, &seen, (uint32_t)how)) {
        atomic_store(&worker->sleep, SLEEP_AWAKE);
        if (!is_announced(worker) || atomic_load(&worker->threads->stopping)) {
            return false;
        }
        seen = SLEEP_AWAKE;
    }
    return true;
}

static void count_wakeup(struct worker *worker) {
    atomic_fetch_add_explicit(&worker->threads->world.wakeups, 1, memory_order_relaxed);
}

static void sleep_on_futex(struct worker *worker) {
    if (!fall_asleep(worker, SLEEP_FUTEX)) {
        return;
    }
    reclaim_offline(worker->threads);
    while (atomic_load(&worker->sleep) == SLEEP_FUTEX) {
        system_sleep(&worker->sleep, SLEEP_FUTEX);
    }
    reclaim_online(worker->threads);
    atomic_store(&worker->sleep, SLEEP_AWAKE);
    count_wakeup(worker);
}

/* Publishes until when we sleep, so that whoever finds an earlier deadline interrupts us. Both
 * sides store, then load the other's word: pairs with timers_run. */
static uint64_t publish_sleep(struct threads *threads) {
    uint64_t next_ns = atomic_load(&threads->timers.next_ns);
    for (;;) {
        atomic_store(&threads->poller.sleep_until_ns, next_ns);
        uint64_t again_ns = atomic_load(&threads->timers.next_ns);
        if (again_ns == next_ns) {
            return next_ns;
        }
        next_ns = again_ns;
    }
}

static void sleep_in_epoll(struct worker *worker) {
    struct threads *threads = worker->threads;
    uint64_t until_ns = publish_sleep(threads);
    uint64_t now_ns = system_now_ns(&threads->world);
    if (until_ns > now_ns && fall_asleep(worker, SLEEP_EPOLL)) {
        poller_wait(worker, until_ns == RT_FOREVER ? RT_FOREVER : until_ns - now_ns);
        atomic_store(&worker->sleep, SLEEP_AWAKE);
        count_wakeup(worker);
    }
    atomic_store(&threads->poller.sleep_until_ns, 0);
}

void park(struct worker *worker) {
    struct threads *threads = worker->threads;
    announce(worker);
    if (!worker_sees_work(worker) && !atomic_load(&threads->stopping)) {
        worker->slept = true;
        if (poller_try_token(worker)) {
            sleep_in_epoll(worker);
            poller_drop_token(worker);
        } else {
            sleep_on_futex(worker);
        }
    }
    withdraw(worker);
}
