/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The way of a timer into the wheel and out.
 *
 * Arming touches the wheel only when the deadline comes earlier than where the timer sits: then it
 * goes into an inbox, a stack that is taken as a whole. Whoever holds the try-lock empties it; who
 * does not get the lock leaves, because the holder looks again after it has let go.
 *
 * | who may call              | from where                                       |
 * | timers_arm, timers_cancel | the activation of the timer's actor              |
 * | timers_let_go             | the worker that ran the actor's end, once        |
 * | timers_run                | any worker                                       |
 *
 * | atomic               | written by            | pairs with                                 |
 * | timer.deadline_ns    | actor; wheel when due | scheduled_ns, see threads_wheel.c          |
 * | timer.state INBOX    | actor sets, wheel clears before it loads the deadline              |
 * | timers.inbox, .ended | push by CAS; exchange by the holder of the lock                    |
 * | timers.next_ns       | holder of the lock    | poller.sleep_until_ns, see publish_sleep   |
 */
#include "runtime/assert.h"
#include "runtime/threads_internal.h"

enum timer_state {
    TIMER_LISTED = 1, /* in actor->timers, for good */
    TIMER_INBOX = 2
};

void timers_init(struct timers *timers, uint64_t now_ns) {
    atomic_init(&timers->next_ns, RT_FOREVER);
    wheel_init(&timers->wheel, now_ns);
}

/* ---- actors ---------------------------------------------------------------------------------- */

static bool is_listed(const struct rt_timer *timer) {
    const struct rt_timer *listed = timer->actor->timers;
    while (listed != NULL && listed != timer) {
        listed = listed->sibling;
    }
    return listed != NULL;
}

static void list(struct rt_timer *timer) {
    RT_ASSERT(!is_listed(timer)); /* else it was initialised a second time */
    atomic_store_explicit(&timer->scheduled_ns, RT_FOREVER, memory_order_relaxed);
    timer->next = NULL;
    timer->previous = NULL;
    timer->sibling = timer->actor->timers;
    timer->actor->timers = timer;
    atomic_store_explicit(&timer->state, TIMER_LISTED, memory_order_relaxed);
}

static void push_inbox(struct timers *timers, struct rt_timer *timer) {
    struct rt_timer *first = atomic_load_explicit(&timers->inbox, memory_order_relaxed);
    do {
        timer->inbox_next = first;
    } while (!atomic_compare_exchange_weak(&timers->inbox, &first, timer));
}

void timers_arm(struct rt_world *world, struct rt_timer *timer, uint64_t deadline_ns) {
    uint32_t state = atomic_load_explicit(&timer->state, memory_order_relaxed);
    if ((state & TIMER_LISTED) == 0) {
        list(timer);
    }
    atomic_store(&timer->deadline_ns, deadline_ns);
    if (atomic_load(&timer->scheduled_ns) <= deadline_ns) {
        return; /* found when its place comes; or RT_FOREVER */
    }
    if ((atomic_fetch_or(&timer->state, TIMER_INBOX) & TIMER_INBOX) == 0) {
        push_inbox(&threads_of(world)->timers, timer);
    }
}

void timers_cancel(struct rt_world *world, struct rt_timer *timer) {
    (void)world;
    atomic_store(&timer->deadline_ns, RT_FOREVER);
}

void timers_let_go(struct threads *threads, struct rt_actor *actor) {
    if (actor->timers == NULL) {
        reclaim_actor(threads, actor);
        return;
    }
    struct timers *timers = &threads->timers;
    struct rt_actor *first = atomic_load_explicit(&timers->ended, memory_order_relaxed);
    do {
        atomic_store_explicit(&actor->queue_next, first, memory_order_relaxed);
    } while (!atomic_compare_exchange_weak(&timers->ended, &first, actor));
    (void)timers_run(threads, system_now_ns(&threads->world));
}

/* ---- the holder of the lock ------------------------------------------------------------------ */

static void drain_inbox(struct timers *timers, uint64_t now_ns) {
    struct rt_timer *timer = atomic_exchange(&timers->inbox, NULL);
    while (timer != NULL) {
        struct rt_timer *next = timer->inbox_next;
        atomic_fetch_and(&timer->state, ~(uint32_t)TIMER_INBOX);
        wheel_place(&timers->wheel, timer, now_ns);
        timer = next;
    }
}

static void release_ended(struct threads *threads, struct rt_actor *actor) {
    while (actor != NULL) {
        struct rt_actor *next = atomic_load_explicit(&actor->queue_next, memory_order_relaxed);
        for (struct rt_timer *timer = actor->timers; timer != NULL; timer = timer->sibling) {
            wheel_remove(&threads->timers.wheel, timer);
        }
        reclaim_actor(threads, actor);
        actor = next;
    }
}

static bool has_mail(struct timers *timers) {
    return atomic_load(&timers->inbox) != NULL || atomic_load(&timers->ended) != NULL;
}

bool timers_pending(struct timers *timers, uint64_t now_ns) {
    return has_mail(timers) || atomic_load(&timers->next_ns) <= now_ns;
}

/* Somebody sleeps in epoll beyond the next deadline. */
static void correct_sleeper(struct threads *threads, uint64_t next_ns) {
    uint64_t until_ns = atomic_load(&threads->poller.sleep_until_ns); /* pairs: publish_sleep */
    if (next_ns < until_ns &&
        atomic_compare_exchange_strong(&threads->poller.sleep_until_ns, &until_ns, 0)) {
        poller_interrupt(&threads->poller);
    }
}

bool timers_run(struct threads *threads, uint64_t now_ns) {
    struct timers *timers = &threads->timers;
    do {
        if (atomic_exchange(&timers->lock, 1) != 0) {
            return false;
        }
        /* Ended ones first: what they left in the inbox was pushed before, so it is drained. */
        struct rt_actor *ended = atomic_exchange(&timers->ended, NULL);
        drain_inbox(timers, now_ns);
        wheel_advance(&timers->wheel, now_ns);
        release_ended(threads, ended);
        uint64_t next_ns = wheel_next_ns(&timers->wheel, now_ns);
        atomic_store(&timers->next_ns, next_ns);
        atomic_store(&timers->lock, 0);
        correct_sleeper(threads, next_ns);
    } while (has_mail(timers));
    return true;
}
