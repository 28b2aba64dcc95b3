/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The producer: owns the world, the configuration and every actor, and wires them.
 *
 * | field            | written by                         | read by               |
 * | config, world    | open                               | everybody             |
 * | lanes            | application threads (push once)    | topic actor           |
 * | flush epochs     | see producer/flush.c               |                       |
 * | counters         | whoever decides a batch            | status                |
 */
#ifndef ACTORS_PRODUCER_PRODUCER_H
#define ACTORS_PRODUCER_PRODUCER_H

#include <sluice/sluice.h>

#include "actors/aggregator/seal.h"
#include "actors/config/config.h"
#include "actors/counters/counters.h"
#include "actors/identity/identity.h"
#include "actors/input/input.h"
#include "actors/metadata/metadata.h"
#include "actors/producer/room.h"
#include "actors/report/report.h"
#include "actors/retry/retry.h"
#include "actors/share/share.h"
#include "actors/topic/topic.h"
#include "runtime/budget.h"
#include "runtime/pool.h"
#include "runtime/world.h"

enum { FLUSH_EPOCHS = 64 };

/* Of those that more than one actor raises; the others are in actors/counters. */
struct producer_counters {
    _Atomic uint64_t records_persisted, records_not_persisted, records_unknown;
    _Atomic uint64_t batches_retried, batches_cut;
    _Atomic uint64_t connections_open, rebootstraps;
};

/* How many lines of a kind went out in this second. */
struct producer_rate {
    _Atomic uint64_t second;
    _Atomic uint32_t count;
};
enum { PRODUCER_RATES = 8 };

enum { CLOSE_OPEN, CLOSE_RUNNING, CLOSE_DONE };

struct producer {
    /* -- what each record looks at: on lines that nothing is written to meanwhile -- */
    struct rt_world *world;
    struct sluice_config *config; /* our own copy */
    struct rt_pool *pool;
    uint64_t body_bytes_max; /* of a record: max.request.size, and what the budget can ever give */
    _Atomic uint32_t closed; /* no more admission */
    bool owns_world;
    char pad[64];
    _Atomic uint64_t writer; /* stamp << 16 | lane: who wrote last (input/input.h) */
    char writer_pad[64];
    struct rt_budget budget; /* it and what follows begin with such lines */
    struct shares shares;

    struct topic_actor topic_actor;
    struct retry retry;
    struct metadata metadata;
    struct identity identity;
    struct report_queue reports;
    struct sealer *sealers;
    uint32_t sealer_count;
    _Atomic uint32_t sealer_turn;

    _Atomic(struct input_lane *) lanes;
    _Atomic int64_t input_bytes; /* of input chunks */

    _Atomic uint32_t hurry;       /* callers that wait: nothing lingers while it is not 0 */
    _Atomic uint32_t flush_epoch; /* batches opened now belong to it */
    _Atomic int64_t undecided[FLUSH_EPOCHS]; /* batches by flush epoch, not decided yet */
    struct news news;                        /* of any kind, for application threads that wait */
    _Atomic uint32_t milestone, milestone_waiters; /* see producer/flush.c */
    _Atomic uint32_t flush_wanted, flush_passed;   /* tickets */
    _Atomic uint32_t flush_target; /* of the last ticket passed: epochs up to it must be empty */
    _Atomic int32_t purge_error;   /* a sluice_code */

    _Atomic int64_t actors_left;  /* started by us and not gone */
    _Atomic uint32_t gone_word;   /* bumped by each that goes */
    _Atomic uint32_t close_state; /* CLOSE_… */
    bool metadata_started, identity_started;
    struct producer_rate log_rates[PRODUCER_RATES], event_rates[PRODUCER_RATES];
    struct producer_counters counters;
    struct error_counts errors;
    struct link_counted counted_links[COUNTED_LINKS];
    struct worker_counted *counted_workers; /* one each; constant */
    _Atomic(struct broker_counted *) counted_brokers;
    uint64_t opened_ns;
    sluice_code close_result;
};

/* Opens on a given world, which stays the caller's: the simulator's way in. */
struct sluice_producer *producer_open_in(struct rt_world *world, const struct sluice_config *config,
                                         sluice_error *error);

/* Every actor of the producer is started through this, and its `gone` ends with the other. */
void producer_actor_start(struct producer *producer, struct rt_actor *actor,
                          const struct rt_actor_kind *kind);
void producer_actor_gone(struct producer *producer);

/* Log and event callbacks, rate limited; inside an activation. `format` as printf. */
__attribute__((format(printf, 4, 5))) void producer_log(struct producer *producer,
                                                        sluice_log_level level,
                                                        const char *facility, const char *format,
                                                        ...);
void producer_event(struct producer *producer, const sluice_event *event);

#endif
