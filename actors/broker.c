/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See broker.h. */
#include "actors/broker.h"

#include "actors/producer/producer.h"
#include "runtime/assert.h"

struct broker *broker_create(struct producer *producer, int32_t node, const char *host,
                             uint16_t port) {
    size_t host_bytes = strlen(host) + 1;
    struct broker *broker = rt_acquire(producer->world, sizeof *broker);
    if (broker == NULL || host_bytes > sizeof broker->host) {
        rt_release(producer->world, broker, sizeof *broker);
        return NULL;
    }
    *broker = (struct broker){.producer = producer, .node = node, .port = port, .holds = 1};
    memcpy(broker->host, host, host_bytes);
    if (!flusher_prepare(&broker->flusher, broker)) {
        rt_release(producer->world, broker, sizeof *broker);
        return NULL;
    }
    return broker;
}

static void broker_free(struct broker *broker) {
    flusher_free(&broker->flusher);
    rt_release(broker->producer->world, broker, sizeof *broker);
}

void broker_hold(struct broker *broker) {
    atomic_fetch_add_explicit(&broker->holds, 1, memory_order_relaxed);
}

void broker_release(struct broker *broker) {
    /* acq_rel: the last one ends what the others have used */
    if (atomic_fetch_sub_explicit(&broker->holds, 1, memory_order_acq_rel) != 1) {
        return;
    }
    if (atomic_load_explicit(&broker->started, memory_order_acquire) == BROKER_IDLE) {
        broker_free(broker);
    } else {
        rt_mark(&broker->aggregator.actor, RT_MARK(AGGREGATOR_MARK_END));
    }
}

bool broker_start(struct broker *broker) {
    uint32_t state = BROKER_IDLE;
    /* acquire: who finds it started sees it set up */
    if (!atomic_compare_exchange_strong_explicit(&broker->started, &state, BROKER_STARTING,
                                                 memory_order_acquire, memory_order_acquire)) {
        return state == BROKER_STARTED;
    }
    atomic_store_explicit(&broker->actors_left, 2, memory_order_relaxed);
    flusher_start(&broker->flusher);
    aggregator_start(&broker->aggregator, broker);
    atomic_store_explicit(&broker->started, BROKER_STARTED, memory_order_release);
    return true;
}

void broker_actor_gone(struct broker *broker) {
    struct producer *producer = broker->producer;
    if (atomic_fetch_sub_explicit(&broker->actors_left, 1, memory_order_acq_rel) == 1) {
        broker_free(broker);
    }
    producer_actor_gone(producer);
}
