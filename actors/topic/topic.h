/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The topic actor, and what is known of one topic.
 *
 * Role: takes what application threads and the retry actor put in, splits it by topic, and hands
 * runs of records to the partition actor of each topic.
 *
 * Takes:  the threads' input lanes (swept when notified, or when the gather timer fires)
 *         lane `retried`: batches whose time to try again has come
 *         marks: FLUSH, PURGE, CLOSE, GATHER, TOKENS (each partition actor has passed the flush)
 * Sends:  runs and retried batches to partition actors; a flush to the metadata actor
 * Owns:   the reading side of every input lane, the order between lanes
 */
#ifndef ACTORS_TOPIC_TOPIC_H
#define ACTORS_TOPIC_TOPIC_H

#include <sluice/sluice.h>

#include "actors/partition/partition_actor.h"
#include "actors/topic/names.h"
#include "runtime/count.h"
#include "runtime/lane.h"
#include "runtime/world.h"

struct producer;

enum { TOPIC_NAME_BYTES_MAX = 249 };

/* Kafka's rule (org.apache.kafka.common.internals.Topic): 1 to 249 of [a-zA-Z0-9._-], and neither
 * . nor .. */
sluice_code topic_name_check(const char *name, sluice_error *error);

/* One topic, for as long as the producer lives: the counted handle of the application. */
struct topic {
    struct producer *producer;
    uint32_t index; /* dense, in order of opening */
    uint16_t name_size;
    char name[TOPIC_NAME_BYTES_MAX + 1];
    _Atomic uint32_t handles;              /* application's counts */
    _Atomic int32_t partition_count;       /* -1: not known yet */
    _Atomic int32_t error;                 /* sluice_code: why the count is not known */
    _Atomic uint32_t changed;              /* bumped with either; waiters wait on it */
    _Atomic(struct share_map *) share_map; /* of memory, by partition; NULL until they are known */
    _Atomic uint64_t share_verdict;        /* see share/share.c */
    struct topic *next;                    /* in the producer's list, set once */
    struct topic *name_next;               /* in its bucket; under `opening` */
    struct rt_node metadata_node;          /* in metadata's lane, once */
    _Atomic uint32_t fitting_bytes; /* batches should be no larger (topic/limit.h); 0: not known */
    _Atomic uint64_t fitting_since_ns;
    struct partition_actor actor; /* the topic's own partition actor */
    /* -- the topic actor -- */
    struct run *gathered; /* by this sweep, which hands it over at its end */
    struct topic *touched_next;
    bool written; /* since the last flush began: the next one has a token for it */
    struct topic *written_next;
    struct run token; /* of the flush being served */
};

struct topic_actor {
    struct rt_actor actor;
    struct producer *producer;
    struct rt_lane_unbounded retried; /* struct batch.node */
    struct rt_timer gather;
    _Atomic uint32_t gathering;     /* 1: lanes are swept without being notified again */
    uint64_t gather_ns;             /* how often; 0: only when notified. Constant */
    _Atomic(struct topic *) topics; /* newest first; push under `opening` */
    _Atomic uint32_t topic_count;
    _Atomic uint32_t opening; /* 0/1: an application thread is in sluice_topic_open */
    struct topic_names names; /* under `opening` */
    _Atomic uint32_t tokens;  /* flush tokens that partition actors still have */
    bool flush_serving;
    uint32_t flush_wanted; /* the ticket being served */
    uint32_t flush_served; /* the last one that passed everybody */
    uint64_t swept_ns;
    uint64_t looks_at_ns; /* without being notified, by timer; 0: it does not */
    struct topic *touched;
    struct topic *written;
    struct rt_sizes counted_runs;   /* bytes of each that was handed over */
    struct rt_sizes counted_sweeps; /* bytes that each found, if it did */
    struct run *free_runs;          /* topic actor's own */
    struct rt_lane_unbounded spent; /* struct run.node, given back by partition actors */
    size_t runs_made;
};

enum {
    TOPIC_MARK_GATHER = 0,
    TOPIC_MARK_FLUSH,
    TOPIC_MARK_PURGE_UNSENT, /* and the next: see producer/flush.h */
    TOPIC_MARK_PURGE_SENT,
    TOPIC_MARK_CLOSE,
    TOPIC_MARK_TOKENS
};

void topic_actor_start(struct topic_actor *self, struct producer *producer);
/* A partition actor has passed the flush token on. */
void topic_token_passed(struct topic_actor *self);

#endif
