/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one seed does: drawn before anything runs, so that two runs of a seed have the same plan.
 *
 * A swarm: each seed switches most kinds of trouble off and draws its own sizes, so that rare
 * combinations come up and each failure has few causes.
 */
#ifndef STRESS_SIM_PLAN_H
#define STRESS_SIM_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <sluice/broker.h>

#include "runtime/sim.h"

enum { PLAN_BROKERS = 3, PLAN_TOPICS_MAX = 4, PLAN_PARTITIONS_MAX = 6, PLAN_THREADS_MAX = 4 };

/* Kinds of trouble; a plan has a set of them. */
enum plan_trouble {
    TROUBLE_CUT,           /* connections are reset; what is on the way is lost */
    TROUBLE_CUT_ANSWERS,   /* the same, but requests still arrive */
    TROUBLE_REFUSE,        /* no new connections */
    TROUBLE_BLACKHOLE,     /* bytes vanish */
    TROUBLE_STALL,         /* bytes wait */
    TROUBLE_LEADER_MOVES,  /* to another broker */
    TROUBLE_LEADER_LOST,   /* to nobody, for a while */
    TROUBLE_KILL,          /* a broker dies and comes back, knowing what `keep` says */
    TROUBLE_BROKER_STALLS, /* it answers nothing for a while */
    TROUBLE_REQUESTS,      /* single requests: delayed, dropped, cut before or after, … */
    TROUBLE_ANSWERS,       /* what a broker says is broken: noise, wrong ids, huge frames */
    TROUBLE_ERRORS,        /* retriable errors, with and without having appended */
    TROUBLE_REFUSALS,      /* errors that are final */
    TROUBLE_CLOCK,         /* the wall clock jumps */
    TROUBLE_MEMORY,        /* an acquisition of the producer's fails */
    TROUBLE_LIMIT,         /* a topic's max.message.bytes changes */
    TROUBLE_KEYS,          /* a topic refuses records without a key for a while, and names them */
    TROUBLE_COUNT
};

struct plan {
    uint64_t seed;
    struct rt_sim_options world;

    /* brokers */
    sluice_broker_options brokers;
    sluice_broker_limit limits[2];
    unsigned topic_count;
    uint32_t partition_counts[PLAN_TOPICS_MAX];
    bool topics_declared;  /* else made on first use */
    uint64_t topics_at_ns; /* when they are declared; 0: before the producer opens */
    bool ghost_topic;      /* the last one is never there */
    sluice_broker_keep keep;

    /* producer */
    int acks;
    bool idempotent;
    unsigned in_flight;
    uint32_t linger_us;
    uint32_t batch_size;
    uint64_t buffer_memory;
    uint32_t delivery_timeout_ms;
    uint32_t request_timeout_ms;
    uint32_t retries;
    uint32_t retry_backoff_ms;
    uint32_t metadata_age_ms;
    uint32_t idle_ms;
    uint32_t sticky_bytes;
    bool gzip;
    bool by_callback;

    /* application */
    unsigned threads;
    unsigned records;
    uint32_t value_size_max;
    unsigned burst_max;
    uint64_t think_ns;
    uint64_t poll_every_ns;
    unsigned keyed_percent, explicit_percent, odd_percent;
    bool own_partitioner; /* topics choose by plan_partitioner */
    bool echoes;          /* the report callback produces */
    bool waits;           /* threads use calls that wait */
    bool purges;
    bool abrupt; /* closes in the middle of it all, with a short deadline */

    /* trouble */
    uint32_t troubles; /* set of enum plan_trouble */
    unsigned trouble_count;
    uint64_t active_ns; /* trouble and production happen in this time */
};

void plan_draw(struct plan *plan, uint64_t seed);
const char *plan_trouble_name(enum plan_trouble trouble);
void plan_print(const struct plan *plan, FILE *out);

/* Chooses by the sizes; refuses one in PLAN_REFUSED_ONE_IN. The application's partitioner. */
enum { PLAN_REFUSED_ONE_IN = 50 };
int32_t plan_partitioner(const void *key, size_t key_size, const void *value, size_t value_size,
                         int32_t partition_count, void *context);

static inline bool plan_has(const struct plan *plan, enum plan_trouble trouble) {
    return (plan->troubles >> trouble & 1) != 0;
}
/* Batches may be in the log more than once, and nobody is to blame. */
bool plan_allows_doubles(const struct plan *plan);
/* Records that were persisted are in the log in the order of their calls. */
bool plan_promises_order(const struct plan *plan);

#endif
