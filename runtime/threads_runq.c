/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where queued actors wait. Two kinds of queue, both first in, first out:
 *
 *   ring     one a worker. Positions count up for ever; an actor at position p is in slot p % 256.
 *            head   compare-and-swap by owner and thieves: whoever moves it owns what it passed.
 *                   Success is a release: pairs with the owner's acquire load before it writes a
 *                   slot again. A slot that was read before a successful CAS was not overwritten,
 *                   because the owner never gets 256 ahead of head.
 *            tail   release store by the owner, acquire load by thieves: publishes the slots.
 *   shared   one for actors, one for jobs. Wait-free to push: exchange the tail, then link from the
 *            one before. Taking is for one thread at a time, by try-lock: nobody waits for it.
 *            The exchange is sequentially consistent: pairs with the parker's look, see
 *            threads_park.c.
 */
#include "runtime/threads_internal.h"

#include "runtime/assert.h"
#include "runtime/fetch.h"

/* ---- ring ------------------------------------------------------------------------------------ */

static _Atomic(struct rt_actor *) *slot_at(struct runq_ring *ring, uint64_t position) {
    return &ring->slots[position % RUNQ_RING_SLOTS];
}

void runq_ring_init(struct runq_ring *ring) {
    atomic_init(&ring->head, 0);
    atomic_init(&ring->tail, 0);
}

uint64_t runq_ring_count(const struct runq_ring *ring) {
    /* Head first: it never passes a tail that is loaded later. */
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
    return atomic_load_explicit(&ring->tail, memory_order_acquire) - head;
}

bool runq_ring_push(struct runq_ring *ring, struct rt_actor *actor) {
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    if (tail - atomic_load_explicit(&ring->head, memory_order_acquire) == RUNQ_RING_SLOTS) {
        return false;
    }
    atomic_store_explicit(slot_at(ring, tail), actor, memory_order_relaxed);
    atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
    return true;
}

struct rt_actor *runq_ring_pop(struct runq_ring *ring) {
    uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
    uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
    while (head != tail) {
        struct rt_actor *actor = atomic_load_explicit(slot_at(ring, head), memory_order_relaxed);
        if (atomic_compare_exchange_weak_explicit(&ring->head, &head, head + 1,
                                                  memory_order_acq_rel, memory_order_relaxed)) {
            if (head + 1 != tail) {
                rt_fetch_all(atomic_load_explicit(slot_at(ring, head + 1), memory_order_relaxed),
                             2 * RT_LINE_BYTES);
            }
            return actor;
        }
    }
    return NULL;
}

bool runq_ring_steal(struct runq_ring *own, struct runq_ring *victim) {
    uint64_t end = atomic_load_explicit(&own->tail, memory_order_relaxed);
    uint64_t room =
        RUNQ_RING_SLOTS - (end - atomic_load_explicit(&own->head, memory_order_acquire));
    for (;;) {
        uint64_t head = atomic_load_explicit(&victim->head, memory_order_acquire);
        uint64_t count = atomic_load_explicit(&victim->tail, memory_order_acquire) - head;
        uint64_t part = count - count / 2;
        if (part == 0 || part > RUNQ_RING_SLOTS || part > room) {
            return false; /* empty, or head and tail are not of one moment */
        }
        for (uint64_t i = 0; i < part; i++) {
            atomic_store_explicit(
                slot_at(own, end + i),
                atomic_load_explicit(slot_at(victim, head + i), memory_order_relaxed),
                memory_order_relaxed);
        }
        if (atomic_compare_exchange_strong_explicit(&victim->head, &head, head + part,
                                                    memory_order_acq_rel, memory_order_relaxed)) {
            atomic_store_explicit(&own->tail, end + part, memory_order_release);
            return true;
        }
    }
}

/* ---- shared ---------------------------------------------------------------------------------- */

void runq_shared_init(struct runq_shared *queue) {
    atomic_init(&queue->stub.queue_next, NULL);
    atomic_init(&queue->tail, &queue->stub);
    atomic_init(&queue->taking, 0);
}

void runq_shared_push(struct runq_shared *queue, struct rt_actor *actor) {
    atomic_store_explicit(&actor->queue_next, NULL, memory_order_relaxed);
    struct rt_actor *before = atomic_exchange(&queue->tail, actor);
    atomic_store_explicit(&before->queue_next, actor, memory_order_release); /* pairs: take */
}

bool runq_shared_empty(struct runq_shared *queue) {
    return atomic_load_explicit(&queue->stub.queue_next, memory_order_relaxed) == NULL &&
           atomic_load(&queue->tail) == &queue->stub;
}

/* Holding `taking`. */
static struct rt_actor *take(struct runq_shared *queue) {
    struct rt_actor *stub = &queue->stub;
    struct rt_actor *actor = atomic_load_explicit(&stub->queue_next, memory_order_acquire);
    if (actor == NULL) {
        return NULL; /* empty, or the first push is half-way */
    }
    struct rt_actor *next = atomic_load_explicit(&actor->queue_next, memory_order_acquire);
    if (next == NULL) {
        atomic_store_explicit(&stub->queue_next, NULL, memory_order_relaxed);
        struct rt_actor *last = actor;
        if (atomic_compare_exchange_strong(&queue->tail, &last, stub)) {
            return actor;
        }
        next = atomic_load_explicit(&actor->queue_next, memory_order_acquire);
        if (next == NULL) { /* a push behind it is half-way */
            atomic_store_explicit(&stub->queue_next, actor, memory_order_relaxed);
            return NULL;
        }
    }
    atomic_store_explicit(&stub->queue_next, next, memory_order_relaxed);
    return actor;
}

static bool begin_taking(struct runq_shared *queue) {
    return !runq_shared_empty(queue) &&
           atomic_exchange_explicit(&queue->taking, 1, memory_order_acquire) == 0;
}

static void end_taking(struct runq_shared *queue) {
    atomic_store_explicit(&queue->taking, 0, memory_order_release); /* pairs: begin_taking */
}

struct rt_actor *runq_shared_pop(struct runq_shared *queue) {
    struct rt_actor *actor = NULL;
    if (begin_taking(queue)) {
        actor = take(queue);
        end_taking(queue);
    }
    return actor;
}

void runq_shared_refill(struct runq_shared *queue, struct runq_ring *ring, uint64_t most) {
    uint64_t room = RUNQ_RING_SLOTS - runq_ring_count(ring);
    if (most > room) {
        most = room;
    }
    if (most == 0 || !begin_taking(queue)) {
        return;
    }
    for (uint64_t i = 0; i < most; i++) {
        struct rt_actor *actor = take(queue);
        if (actor == NULL) {
            break;
        }
        bool pushed = runq_ring_push(ring, actor);
        RT_ASSERT(pushed);
    }
    end_taking(queue);
}
