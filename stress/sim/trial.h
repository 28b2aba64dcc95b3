/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One seed, from an empty world to an empty world: brokers, producers, application threads and
 * trouble, all in virtual time.
 *
 *   trouble and production ──► everything is healed ──► a last wave that must arrive ──►
 *   close ──► late requests arrive ──► the logs are read and the books closed
 *
 * A client that closes abruptly does so in the first phase, and is left alone after that.
 */
#ifndef STRESS_SIM_TRIAL_H
#define STRESS_SIM_TRIAL_H

#include <stdio.h>

#include <sluice/sluice.h>

#include "broker/cluster.h"
#include "runtime/sim.h"
#include "stress/sim/ledger.h"
#include "stress/sim/plan.h"
#include "stress/sim/verdict.h"

struct trial;
struct client;
struct trouble;

/* A simulated application thread. */
struct trial_thread {
    struct client *client;
    unsigned number;
    struct sim_random random;
    bool inside; /* in a call that waits, or handed to a thread that is */
    bool ended;
};

enum { CLIENT_COUNTERS_KEPT = 16 };

/* One producer and its application. */
struct client {
    struct trial *trial;
    const struct plan_client *plan;
    unsigned index;
    sluice_producer *producer;
    sluice_topic *topics[PLAN_TOPICS_MAX];
    struct trial_thread threads[PLAN_THREADS_MAX];
    struct trial_thread poller;
    struct trial_thread closer;
    unsigned records_left;
    bool stopping;                           /* threads produce no more */
    bool closed;                             /* close returned */
    unsigned threads_inside;                 /* in a call that waits */
    uint64_t full;                           /* calls answered so */
    uint64_t retried;                        /* batches */
    unsigned samples;                        /* looks at it */
    uint64_t counters[CLIENT_COUNTERS_KEPT]; /* as they were when looked at last */
};

struct trial {
    const struct plan *plan;
    struct verdict verdict;
    struct ledger ledger;
    struct rt_world *world;
    FILE *trace; /* NULL: none */

    struct broker_cluster *cluster;
    bool cluster_gone;
    struct rt_address addresses[PLAN_BROKERS_MAX];
    bool topics_made;

    struct client clients[PLAN_CLIENTS_MAX];
    uint32_t steps;
    struct trouble *stepped[PLAN_TROUBLES_MAX]; /* those that wait for a step */
    bool peaceful;                              /* trouble makes no more */
};

/* What a trial tells about itself. */
struct trial_result {
    struct verdict verdict;
    uint64_t trace_hash;
    uint64_t events;
    uint64_t virtual_ns;
    uint64_t accepted, persisted, not_persisted, unknown;
    uint64_t duplicates; /* batches that brokers recognised as sent again */
    uint64_t full;       /* calls that were answered so */
    uint64_t retried;    /* batches */
    uint32_t steps;      /* if they were counted */
};

/* What was met on the way, over all trials: how often each error was a record's last one, and how
 * often each kind of trouble was made. */
struct trial_coverage {
    uint64_t errors[2048]; /* by the code's distance from the lowest listed */
    uint64_t troubles[TROUBLE_COUNT];
};
enum { COVERAGE_LOWEST = -1200 };

/* Runs a plan. False when a promise was broken: the verdict says which. */
bool trial_run(const struct plan *plan, FILE *trace, struct trial_result *result,
               struct trial_coverage *coverage);

/* A line of ours in the trace. */
__attribute__((format(printf, 2, 3))) void trial_say(struct trial *trial, const char *format, ...);

/* brokers.c */
const char *brokers_topic_name(unsigned topic);
bool brokers_topic_is_ghost(const struct trial *trial, unsigned topic);
void brokers_start(struct trial *trial);
/* Names of all brokers, as they are when nothing is wrong. */
void brokers_name(struct trial *trial);
/* Nobody knows the name, or an address where nobody listens comes first. */
void brokers_misname(struct trial *trial, int32_t node, bool unknown);
/* Every topic is there, with all the partitions that it ever had. */
void brokers_topics_make(struct trial *trial);
/* Reads what the brokers hold, and judges what was reported so far. */
void brokers_audit(struct trial *trial);
/* The same for all that ever happened. */
void brokers_read_all(struct trial *trial);
/* A leader without what was not replicated. */
void brokers_elect(struct trial *trial, unsigned topic, int32_t partition, int32_t node);
void brokers_topic_delete(struct trial *trial, unsigned topic);
void brokers_topic_grow(struct trial *trial, unsigned topic);

/* client.c */
bool client_open(struct client *client);
/* After a client was closed and all its reports were read. */
void client_check_status(struct client *client);
/* Looks whether the budget is kept. */
void client_sample(struct client *client);
/* counters.c: what it has counted is JSON, and true as far as can be known; `finally` when all is
 * decided and no request is left. */
void client_check_counters(struct client *client, bool finally);
void client_close(struct client *client, int64_t timeout_ms);

/* application.c */
void application_start(struct client *client);
/* Produces `count` records of the last wave to each partition that exists. */
void application_last_wave(struct client *client, unsigned count, bool must_arrive);
/* Reads every report there is. */
void application_poll(struct client *client, struct sim_random *random);
/* Produces one record, inside a callback. */
void application_echo(struct client *client);
void application_report(struct client *client, const sluice_report *reports, size_t count);
/* No thread does anything any more. They end `now`, or after the producer is gone. */
void application_end_threads(struct client *client, bool now);

/* trouble.c */
void trouble_start(struct trial *trial);
/* Trouble that never came to its step is forgotten. */
void trouble_forget(struct trial *trial);
/* Ends all of it and heals everything. */
void trouble_end(struct trial *trial);

#endif
