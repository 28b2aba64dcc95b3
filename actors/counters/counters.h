/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the actors count of their work, for sluice_producer_status and sluice_producer_counters.
 *
 * Each part has one writer (runtime/count.h), and parts of different writers lie on different cache
 * lines: counting disturbs nobody. It is paid for each run, batch, request or activation, never for
 * a record. docs/counters.md says what each figure means.
 *
 * | part                      | writer                                                   |
 * | topic_actor.counted_…     | the topic actor                                          |
 * | producer->counted_workers | each its worker, in activations of partition actors      |
 * | producer->counted_links   | each the actor that owns the link                        |
 * | broker_counted.aggregator | the aggregator                                           |
 * | broker_counted.flusher    | the flusher                                              |
 * | producer->errors          | anybody: nothing is counted there while all goes well    |
 */
#ifndef ACTORS_COUNTERS_COUNTERS_H
#define ACTORS_COUNTERS_COUNTERS_H

#include <sluice/error.h>

#include "actors/batch/batch.h"
#include "actors/config/error.h"
#include "runtime/count.h"

struct producer;

enum { COUNTED_LINE_BYTES = 64 };

struct link_counted {
    struct rt_count opened;   /* connections that became ready */
    struct rt_count failures; /* connections that broke, and attempts that led to none */
    struct rt_count bytes_sent, bytes_received;
    struct rt_count throttled_ms;
};

struct aggregator_counted {
    struct rt_sizes mail;                     /* messages of an activation that found any */
    struct rt_times sealed;                   /* from a batch's first record until it was closed */
    struct rt_sizes batch_records;            /* of closed batches */
    struct rt_count records;                  /* in them */
    struct rt_count closed[BATCH_CLOSED_END]; /* batches, by enum batch_closed */
    struct rt_count passed;                   /* batches, to the flusher */
};

struct flusher_counted {
    struct rt_sizes mail;
    struct rt_times sent;         /* until it was first handed to a connection */
    struct rt_times acknowledged; /* until it was persisted */
    struct rt_sizes request_batches;
    struct rt_count batches;       /* in requests */
    struct rt_count batches_again; /* of them, those that had been in one before */
    struct rt_count returned;      /* batches that went back to their leaders without a hand-over */
    struct rt_count wire_bytes;    /* of requests */
    struct rt_count requests_done;
    struct rt_count answer_ns; /* how long requests take, smoothed; 0: not known */
    struct link_counted link;
};

/* Of a broker, for as long as the producer lives: one that is gone leaves what it has counted to
 * the next with its node id. Two at a time, when an address changes, count apart. */
struct broker_counted {
    struct broker_counted *next;            /* of another node; set once */
    _Atomic(struct broker_counted *) older; /* of the same node */
    int32_t node;
    _Atomic uint32_t used; /* 1: by a broker that is not freed yet */
    struct aggregator_counted aggregator;
    uint8_t apart[COUNTED_LINE_BYTES]; /* from what the other one writes */
    struct flusher_counted flusher;
};

struct worker_counted {
    struct rt_sizes runs; /* messages of an activation of a partition actor that found any */
    uint8_t apart[COUNTED_LINE_BYTES];
};

enum { COUNTED_LINK_METADATA, COUNTED_LINK_IDENTITY, COUNTED_LINKS };

struct error_counts {
    _Atomic uint64_t connections[ERROR_ROWS]; /* failures of links */
    _Atomic uint64_t attempts[ERROR_ROWS];    /* batches that were handed over in vain */
    _Atomic uint64_t records[ERROR_ROWS];     /* not persisted or unknown */
};

/* Any thread. */
static inline void error_count(_Atomic uint64_t *counts, sluice_code error, uint64_t more) {
    atomic_fetch_add_explicit(&counts[sluice_code_row(error)], more, memory_order_relaxed);
}

/* What is not of one broker. False when memory is short. */
bool counters_open(struct producer *producer);
void counters_free(struct producer *producer);

/* For a broker that is made; by the metadata actor. NULL when memory is short. */
struct broker_counted *counters_broker(struct producer *producer, int32_t node);
/* Nobody counts for that broker any more. */
void counters_broker_end(struct broker_counted *counted);
/* The first node's, and of each node the newest; any thread. */
struct broker_counted *counters_brokers(struct producer *producer);
static inline struct broker_counted *counters_older(struct broker_counted *counted) {
    return atomic_load_explicit(&counted->older, memory_order_acquire);
}

#endif
