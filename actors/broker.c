/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See broker.h. */
#include "actors/broker.h"

#include "actors/producer/producer.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

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
    broker->counted = counters_broker(producer, node);
    if (broker->counted == NULL || !flusher_prepare(&broker->flusher, broker)) {
        counters_broker_end(broker->counted);
        rt_release(producer->world, broker, sizeof *broker);
        return NULL;
    }
    return broker;
}

static void broker_free(struct broker *broker) {
    flusher_free(&broker->flusher);
    counters_broker_end(broker->counted);
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
    struct producer *producer = broker->producer;
    atomic_store_explicit(&broker->actors_left, 2, memory_order_relaxed);
    atomic_store_explicit(&broker->lacks_link, true, memory_order_relaxed);
    flusher_start(&broker->flusher);
    aggregator_start(&broker->aggregator, broker);
    atomic_store_explicit(&broker->started, BROKER_STARTED, memory_order_release);
    if (producer->config->enable_idempotence) {
        identity_give_link(&producer->identity);
    } else {
        metadata_give_link(&producer->metadata);
    }
    return true;
}

/* The link was dialled by the very name and port that the cluster tells for this broker, as the
 * flusher's would be. */
static bool leads_to(const struct link *link, const struct broker *broker) {
    return (link->port == broker->port && strcmp(link->host, broker->host) == 0) ||
           RT_MUTANT(gift_without_proof);
}

/* The snapshot holds its brokers during this activation, so the flusher cannot end before it finds
 * the gift. */
bool broker_give_link(struct producer *producer, struct link *link, struct rt_turn *turn) {
    const struct snapshot *snapshot = metadata_now(&producer->metadata);
    for (uint32_t i = 0; snapshot != NULL && i < snapshot->broker_count; i++) {
        struct broker *broker = snapshot->brokers[i];
        /* Acquire: pairs with broker_start; the flusher is there. */
        bool wanted =
            atomic_load_explicit(&broker->started, memory_order_acquire) == BROKER_STARTED &&
            atomic_load_explicit(&broker->lacks_link, memory_order_relaxed);
        struct link_gift *gift = wanted && leads_to(link, broker) ? link_give(link, turn) : NULL;
        if (gift != NULL) {
            atomic_store_explicit(&broker->lacks_link, false, memory_order_relaxed);
            atomic_store_explicit(&broker->flusher.gift, gift, memory_order_release);
            rt_mark(&broker->flusher.actor, RT_MARK(FLUSHER_MARK_GIFT));
            return true;
        }
    }
    return false;
}

void broker_actor_gone(struct broker *broker) {
    struct producer *producer = broker->producer;
    if (atomic_fetch_sub_explicit(&broker->actors_left, 1, memory_order_acq_rel) == 1) {
        broker_free(broker);
    }
    producer_actor_gone(producer);
}
