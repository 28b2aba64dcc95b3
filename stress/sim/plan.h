/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What one seed does: drawn before anything runs, so that two runs of a seed have the same plan.
 *
 * A swarm: each seed switches most kinds of trouble off and draws its own sizes, so that rare
 * combinations come up and each failure has few causes. Most seeds are small.
 *
 * Everybody who draws while the trial runs (a trouble, a thread) has a stream of its own, so that
 * leaving one of them out (struct plan_edits) changes nothing for the others.
 */
#ifndef STRESS_SIM_PLAN_H
#define STRESS_SIM_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <sluice/broker.h>

#include "runtime/sim.h"
#include "runtime/sim_random.h"

enum {
    PLAN_BROKERS_MAX = 7,
    PLAN_TOPICS_MAX = 4,
    PLAN_PARTITIONS_MAX = 6,  /* at the start */
    PLAN_PARTITIONS_END = 10, /* after some were added */
    PLAN_CLIENTS_MAX = 3,
    PLAN_THREADS_MAX = 4,
    PLAN_TROUBLES_MAX = 160
};

/* The first version of Metadata that tells topic ids. */
enum { PLAN_TELLS_IDS = 10 };

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
    TROUBLE_ELECTION,      /* a leader that lacks what was not replicated */
    TROUBLE_STALE,         /* a broker tells the leaders of before the last move */
    TROUBLE_DISK,          /* a broker's disk fails for a while: KAFKA_STORAGE_ERROR */
    TROUBLE_RECREATE,      /* a topic is deleted and made again */
    TROUBLE_GROW,          /* a topic gets more partitions */
    TROUBLE_CONTROLLER,    /* nobody gives producer ids or makes topics for a while */
    TROUBLE_NAMES,         /* host names are unknown, or lead to nobody first */
    TROUBLE_THROTTLE,      /* quotas: answers say to wait */
    TROUBLE_COUNT
};

/* One trouble of a plan. */
struct plan_event {
    enum plan_trouble kind;
    uint64_t at_ns;   /* after the trouble began */
    uint32_t at_step; /* not 0: instead, when so many times something has arrived somewhere */
    uint32_t stream;  /* of what it draws */
    bool left_out;
};

/* One producer, and the application that uses it. */
struct plan_client {
    /* producer */
    int acks;
    bool idempotent;
    unsigned in_flight; /* 0: not given */
    uint32_t linger_us;
    uint32_t batch_size;
    uint64_t buffer_memory;
    uint32_t delivery_timeout_ms;
    uint32_t request_timeout_ms;
    uint32_t retries;
    uint32_t retry_backoff_ms;
    uint32_t retry_backoff_max_ms;
    uint32_t reconnect_backoff_ms;
    uint32_t metadata_age_ms;
    uint32_t idle_ms;
    uint32_t sticky_bytes;
    bool gzip;
    bool by_callback;
    bool callback_on_worker;
    bool one_bootstrap; /* knows one broker only */

    /* application */
    unsigned threads;
    unsigned records;
    uint32_t value_size_max;
    unsigned burst_max;
    uint64_t think_ns;
    uint64_t poll_every_ns; /* 0: waits for reports */
    unsigned keyed_percent, explicit_percent, odd_percent;
    bool relays; /* a burst goes from thread to thread, each call after the last returned */
    bool own_partitioner; /* topics choose by plan_partitioner */
    bool echoes;          /* the report callback produces */
    bool waits;           /* threads use calls that wait */
    bool purges;
    bool abrupt;           /* closes in the middle of it all, with a short deadline */
    uint64_t closes_at_ns; /* then */
    uint32_t close_ms;
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
    uint64_t topics_at_ns; /* when they are declared; 0: before the producers open */
    bool ghost_topic;      /* the last one is never there */
    sluice_broker_keep keep;

    unsigned client_count;
    struct plan_client clients[PLAN_CLIENTS_MAX];

    /* trouble */
    uint32_t troubles; /* set of enum plan_trouble */
    unsigned event_count;
    struct plan_event events[PLAN_TROUBLES_MAX];
    uint64_t active_ns; /* trouble and production happen in this time */
    bool steps;         /* steps are counted */
    unsigned audits;    /* times the logs are read meanwhile */

    bool strong; /* judged as if every producer promised all there is */
};

/* What a plan is about. A share of the seeds has each; a run may be narrowed down to one. */
enum plan_profile {
    PROFILE_ANY,      /* drawn; and plans about nothing in particular */
    PROFILE_UNSURE,   /* many small batches in flight when answers are lost */
    PROFILE_RESTARTS, /* the same, and brokers that know the last batch only */
    PROFILE_TIGHT,    /* room for a few batches, and threads that wait for it */
    PROFILE_JAM       /* large requests in sockets that take no more */
};

/* What is done to a plan after it was drawn: by hand, or by the shrinker. */
struct plan_edits {
    bool without[PLAN_TROUBLES_MAX];
    unsigned troubles_max;
    unsigned records_max;
    unsigned threads_max;
    unsigned clients_max;
    enum plan_profile profile; /* before it is drawn */
    enum plan_control { CONTROL_NONE, CONTROL_DOUBLES, CONTROL_INVERSIONS, CONTROL_LOSSES } control;
};

void plan_draw(struct plan *plan, uint64_t seed, enum plan_profile profile);
struct plan_edits plan_edits_none(void);
void plan_edit(struct plan *plan, const struct plan_edits *edits);
/* Options of the command that edit a plan so. */
void plan_edits_print(const struct plan_edits *edits, FILE *out);
const char *plan_trouble_name(enum plan_trouble trouble);
void plan_print(const struct plan *plan, FILE *out);

/* Streams of a plan's seed, by who draws. */
enum { PLAN_STREAM_TROUBLE = 1000, PLAN_STREAM_THREAD = 2000, PLAN_STREAM_CONTROL = 3000 };
static inline uint64_t plan_choose(struct sim_random *random, uint64_t n) {
    return sim_random_below(random, n);
}
static inline uint64_t plan_between(struct sim_random *random, uint64_t least, uint64_t most) {
    return least + sim_random_below(random, most - least + 1);
}
static inline bool plan_percent(struct sim_random *random, unsigned share) {
    return sim_random_below(random, 100) < share;
}

/* Chooses by the sizes; refuses one in PLAN_REFUSED_ONE_IN. The application's partitioner. */
enum { PLAN_REFUSED_ONE_IN = 50 };
int32_t plan_partitioner(const void *key, size_t key_size, const void *value, size_t value_size,
                         int32_t partition_count, void *context);

static inline bool plan_has(const struct plan *plan, enum plan_trouble trouble) {
    return (plan->troubles >> trouble & 1) != 0;
}
/* Batches may be in the log more than once, and nobody is to blame. */
bool plan_allows_doubles(const struct plan *plan, const struct plan_client *client);
/* What was persisted may be lost by an election. */
bool plan_allows_losses(const struct plan *plan, const struct plan_client *client);
/* Records that were persisted are in the log in the order of their calls. */
bool plan_promises_order(const struct plan *plan, const struct plan_client *client);

#endif
