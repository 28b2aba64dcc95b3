/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One seed, from an empty world to an empty world: brokers, a producer, application threads and
 * trouble, all in virtual time.
 *
 *   trouble and production ──► everything is healed ──► a last wave that must arrive ──►
 *   close ──► late requests arrive ──► the logs are read and the books closed
 *
 * A plan that closes abruptly leaves the middle out.
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

struct trial_thread {
    struct trial *trial;
    unsigned number;
    bool ended;
};

struct trial {
    const struct plan *plan;
    struct verdict verdict;
    struct ledger ledger;
    struct rt_world *world;
    FILE *trace; /* NULL: none */

    struct broker_cluster *cluster;
    bool cluster_gone;
    struct rt_address addresses[PLAN_BROKERS];

    sluice_producer *producer;
    sluice_topic *topics[PLAN_TOPICS_MAX];
    struct trial_thread threads[PLAN_THREADS_MAX];
    struct trial_thread poller;
    unsigned records_left;
    bool stopping;           /* threads produce no more */
    unsigned threads_inside; /* in a call that waits */
    bool in_callback;
    bool peaceful; /* trouble makes no more */
    uint64_t calls_full;
    uint64_t retried; /* batches */
};

/* What a trial tells about itself. */
struct trial_result {
    unsigned failures;
    uint64_t trace_hash;
    uint64_t events;
    uint64_t virtual_ns;
    uint64_t accepted, persisted, not_persisted, unknown;
    uint64_t duplicates; /* batches that brokers recognised as sent again */
    uint64_t full;       /* calls that were answered so */
    uint64_t retried;    /* batches */
};

/* What was met on the way, over all trials: how often each error was a record's last one. */
struct trial_coverage {
    uint64_t errors[2048]; /* by the code's distance from the lowest listed */
};
enum { COVERAGE_LOWEST = -1200 };

/* Runs a plan. False when a promise was broken: printed to standard error. */
bool trial_run(const struct plan *plan, FILE *trace, struct trial_result *result,
               struct trial_coverage *coverage);

/* A line of ours in the trace. */
__attribute__((format(printf, 2, 3))) void trial_say(struct trial *trial, const char *format, ...);

/* application.c */
void application_start(struct trial *trial);
/* Produces `count` records of the last wave to each partition that exists. */
void application_last_wave(struct trial *trial, unsigned count, bool must_arrive);
/* Reads every report there is. */
void application_poll(struct trial *trial);
/* Produces one record, inside a callback. */
void application_echo(struct trial *trial);
void application_report(struct trial *trial, const sluice_report *reports, size_t count);
const char *application_topic_name(unsigned topic);
bool application_is_ghost(const struct trial *trial, unsigned topic);
/* No thread does anything any more. They end `now`, or after the producer is gone. */
void application_end_threads(struct trial *trial, bool now);

/* trouble.c */
void trouble_start(struct trial *trial);
/* Ends all of it and heals everything. */
void trouble_end(struct trial *trial);

#endif
