/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See counters.h. Nodes are pushed to a list by one actor and read by anybody; nothing is taken off
 * before the producer is freed. */
#include "actors/counters/counters.h"

#include <string.h>

#include "actors/producer/producer.h"

static size_t workers_bytes(const struct producer *producer) {
    return producer->world->workers * sizeof *producer->counted_workers;
}

bool counters_open(struct producer *producer) {
    producer->counted_workers = rt_acquire(producer->world, workers_bytes(producer));
    if (producer->counted_workers == NULL) {
        return false;
    }
    memset(producer->counted_workers, 0, workers_bytes(producer));
    return true;
}

static void broker_free(struct producer *producer, struct broker_counted *counted) {
    while (counted != NULL) {
        struct broker_counted *older = counters_older(counted);
        rt_release(producer->world, counted, sizeof *counted);
        counted = older;
    }
}

void counters_free(struct producer *producer) {
    struct broker_counted *node = counters_brokers(producer);
    while (node != NULL) {
        struct broker_counted *next = node->next;
        broker_free(producer, node);
        node = next;
    }
    rt_release(producer->world, producer->counted_workers, workers_bytes(producer));
}

struct broker_counted *counters_brokers(struct producer *producer) {
    /* acquire: pairs with the push in counters_broker */
    return atomic_load_explicit(&producer->counted_brokers, memory_order_acquire);
}

static struct broker_counted *find(struct producer *producer, int32_t node) {
    struct broker_counted *counted = counters_brokers(producer);
    while (counted != NULL && counted->node != node) {
        counted = counted->next;
    }
    return counted;
}

static struct broker_counted *create(struct producer *producer, int32_t node) {
    struct broker_counted *counted = rt_acquire(producer->world, sizeof *counted);
    if (counted != NULL) {
        memset(counted, 0, sizeof *counted);
        counted->node = node;
        atomic_store_explicit(&counted->used, 1, memory_order_relaxed);
    }
    return counted;
}

struct broker_counted *counters_broker(struct producer *producer, int32_t node) {
    struct broker_counted *first = find(producer, node);
    for (struct broker_counted *each = first; each != NULL; each = counters_older(each)) {
        /* acquire: pairs with counters_broker_end, so that we count on from where they stopped */
        if (atomic_load_explicit(&each->used, memory_order_acquire) == 0) {
            atomic_store_explicit(&each->used, 1, memory_order_relaxed);
            return each;
        }
    }
    struct broker_counted *counted = create(producer, node);
    if (counted == NULL) {
        return NULL;
    }
    if (first != NULL) {
        counted->older = counters_older(first);
        atomic_store_explicit(&first->older, counted, memory_order_release);
    } else {
        counted->next = counters_brokers(producer);
        atomic_store_explicit(&producer->counted_brokers, counted, memory_order_release);
    }
    return counted;
}

void counters_broker_end(struct broker_counted *counted) {
    if (counted != NULL) {
        atomic_store_explicit(&counted->used, 0, memory_order_release);
    }
}
