/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From the notification of an idle actor to its run: by an actor of the same worker, and by another
 * thread while the worker is awake and while it sleeps. */
#include <stdlib.h>
#include <time.h>

#include "blocks.h"

enum { MARK_END = 0, PAUSE_NS = 150000, STRETCH_NOTIFICATIONS = 200 };

struct pair;

struct mate {
    struct rt_actor actor; /* first */
    struct pair *pair;
    struct rt_actor *other;
    char pad[64];
};

struct pair {
    struct mate mates[2];
    uint64_t left;
    _Atomic uint32_t over;
    char pad[64];
    _Atomic uint64_t runs;
};

static struct pair *pair_start(struct rt_world *world, const struct rt_actor_kind *first,
                               const struct rt_actor_kind *second, uint64_t count) {
    struct pair *pair = block_memory(sizeof *pair);
    pair->left = count;
    for (int i = 0; i < 2; i++) {
        pair->mates[i].pair = pair;
        pair->mates[i].other = &pair->mates[1 - i].actor;
        rt_actor_start(&pair->mates[i].actor, i == 0 ? first : second, world);
    }
    return pair;
}

static void pair_end(struct pair *pair, struct rt_world *world) {
    for (int i = 0; i < 2; i++) {
        rt_mark(&pair->mates[i].actor, RT_MARK(MARK_END));
    }
    block_world_end(world);
    free(pair);
}

static enum rt_verdict over(struct pair *pair, struct rt_turn *turn) {
    atomic_store(&pair->over, 1);
    rt_wake(turn->world, &pair->over);
    return RT_IDLE;
}

/* ---- on one worker --------------------------------------------------------------------------- */

static enum rt_verdict run_again(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct pair *pair = ((struct mate *)(void *)actor)->pair;
    if ((marks & RT_MARK(MARK_END)) != 0) {
        return RT_END;
    }
    return pair->left-- > 0 ? RT_AGAIN : over(pair, turn);
}

static enum rt_verdict run_notify(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct mate *mate = (struct mate *)(void *)actor;
    if ((marks & RT_MARK(MARK_END)) != 0) {
        return RT_END;
    }
    if (mate->pair->left-- == 0) {
        return over(mate->pair, turn);
    }
    rt_notify(mate->other);
    return RT_IDLE;
}

static double on_one_worker(uint64_t count, const struct rt_actor_kind *kind) {
    struct rt_world *world = block_world(1);
    struct pair *pair = pair_start(world, kind, kind, count);
    uint64_t before_ns = process_ns();
    rt_notify(&pair->mates[0].actor);
    block_await(world, &pair->over, 1);
    uint64_t spent_ns = process_ns() - before_ns;
    pair_end(pair, world);
    return (double)spent_ns / (double)count;
}

double block_again(uint64_t count) {
    static const struct rt_actor_kind kind = {.name = "again", .run = run_again};
    return on_one_worker(count, &kind);
}

double block_notify_local(uint64_t count) {
    static const struct rt_actor_kind kind = {.name = "mate", .run = run_notify};
    return on_one_worker(count, &kind);
}

/* ---- from another thread --------------------------------------------------------------------- */

static enum rt_verdict run_busy(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    (void)actor;
    (void)turn;
    return (marks & RT_MARK(MARK_END)) != 0 ? RT_END : RT_AGAIN;
}

static enum rt_verdict run_count(struct rt_actor *actor, struct rt_turn *turn, uint32_t marks) {
    struct pair *pair = ((struct mate *)(void *)actor)->pair;
    (void)turn;
    if ((marks & RT_MARK(MARK_END)) != 0) {
        return RT_END;
    }
    atomic_fetch_add_explicit(&pair->runs, 1, memory_order_release);
    return RT_IDLE;
}

static const struct rt_actor_kind busy_kind = {.name = "busy", .run = run_busy};
static const struct rt_actor_kind count_kind = {.name = "count", .run = run_count};

static int by_size(const void *left, const void *right) {
    double difference = *(const double *)left - *(const double *)right;
    return (difference > 0) - (difference < 0);
}

/* Notifies `count` times, each when the last has run. Ns of this thread for each. */
static double there_and_back(struct pair *pair, uint64_t count) {
    uint64_t runs = atomic_load_explicit(&pair->runs, memory_order_acquire);
    uint64_t before_ns = thread_ns();
    for (uint64_t i = 1; i <= count; i++) {
        rt_notify(&pair->mates[1].actor);
        while (atomic_load_explicit(&pair->runs, memory_order_acquire) < runs + i) {
        }
    }
    return (double)(thread_ns() - before_ns) / (double)count;
}

/* A busy actor keeps the worker awake. What counts is the notifier's time, who looks all the while
 * whether the actor has run: there and back between two cores. The median of many short stretches:
 * a few meet a worker whose core has been given to others. */
double block_notify_awake(uint64_t count) {
    struct rt_world *world = block_world(1);
    struct pair *pair = pair_start(world, &busy_kind, &count_kind, 0);
    size_t stretches = count / STRETCH_NOTIFICATIONS;
    double *ns = block_memory(stretches * sizeof *ns);
    rt_notify(&pair->mates[0].actor);
    for (size_t i = 0; i < stretches; i++) {
        ns[i] = there_and_back(pair, STRETCH_NOTIFICATIONS);
    }
    qsort(ns, stretches, sizeof *ns, by_size);
    double median_ns = ns[stretches / 2];
    free(ns);
    pair_end(pair, world);
    return median_ns;
}

static void pause_a_little(void) {
    struct timespec pause = {.tv_nsec = PAUSE_NS};
    (void)nanosleep(&pause, NULL);
}

/* The worker is asleep again after each pause. Stores what the notifications took on this thread,
 * and what all other threads took. */
static void wake_often(uint64_t count, uint64_t *sender_ns, uint64_t *worker_ns) {
    struct rt_world *world = block_world(1);
    struct pair *pair = pair_start(world, &count_kind, &count_kind, 0);
    *sender_ns = 0;
    pause_a_little();
    uint64_t others_before_ns = process_ns() - thread_ns();
    for (uint64_t i = 0; i < count; i++) {
        uint64_t before_ns = thread_ns();
        rt_notify(&pair->mates[0].actor);
        *sender_ns += thread_ns() - before_ns;
        pause_a_little();
    }
    *worker_ns = process_ns() - thread_ns() - others_before_ns;
    pair_end(pair, world);
}

double block_wake_sender(uint64_t count) {
    uint64_t sender_ns, worker_ns;
    wake_often(count, &sender_ns, &worker_ns);
    return (double)sender_ns / (double)count;
}

double block_wake_worker(uint64_t count) {
    uint64_t sender_ns, worker_ns;
    wake_often(count, &sender_ns, &worker_ns);
    return (double)worker_ns / (double)count;
}
