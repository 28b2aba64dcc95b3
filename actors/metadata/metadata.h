/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The metadata actor: asks brokers for the cluster and publishes it as a snapshot.
 *
 * Takes:  interest in a topic (lane `topics`, once for each topic), marks
 *           MARK_REFRESH  somebody met an error that says the snapshot is old
 *         partitions that wait for a leader (lane `waiting`; partition->wait_node)
 *           GIVE_LINK     without idempotence: a broker was started that could have our link
 *         cluster fetches of the application (lane `fetches`)
 *         leader hints of produce answers (KIP-951)
 * Sends:  PARTITION_MARK_METADATA to the partition actor of a topic whose entry changed. It owns
 *         the table of partitions, so it passes LEADER_MARK_METADATA on to its leader actors
 *         LEADER_MARK_METADATA to the leader actors that wait
 * Owns:   one link, the broker table, the snapshot being published, the refresh timer
 *
 * When it asks: at once for a topic that is new and for an application's fetch; after a pause of
 * retry.backoff.ms, growing while nothing changes, for topics that are not settled and for marks;
 * after 30 s for topics that are refused; every metadata.max.age.ms for all. Otherwise it sleeps.
 *
 * Anew (KIP-1102): when a broker says so, or nobody has told anything for too long, the next answer
 * of a bootstrap server replaces every broker by another object, so that all leaders move to new
 * connections; the old snapshot is read until then.
 */
#ifndef ACTORS_METADATA_METADATA_H
#define ACTORS_METADATA_METADATA_H

#include "actors/link/link.h"
#include "actors/metadata/snapshot.h"
#include "runtime/lane.h"

struct topic;
struct partition;
struct producer;

/* A hint from a produce answer: partition `index` of `topic` is led by `leader` under `epoch`.
 * Acquired from the world by who posts it, then the metadata actor's. */
struct metadata_hint {
    struct rt_node node;
    struct metadata_hint *next; /* the metadata actor's */
    struct topic *topic;
    struct kafka_uuid id; /* as the batch was sent: epochs are of one topic only */
    int32_t index;
    int32_t leader;
    int32_t leader_epoch;
    uint16_t port;
    char host[LINK_HOST_BYTES_MAX]; /* empty: the address of this node id is known already */
};

struct metadata {
    struct rt_actor actor;
    struct producer *producer;
    struct rt_snapshot published;     /* struct snapshot */
    struct rt_lane_unbounded topics;  /* struct topic.metadata_node */
    struct rt_lane_unbounded waiting; /* struct partition.wait_node */
    struct rt_lane_unbounded fetches; /* struct metadata_fetch.node */
    struct rt_lane_unbounded hints;   /* struct metadata_hint.node */
    _Atomic int32_t trouble;          /* why nobody could be asked, a sluice_code; SLUICE_OK once
                                         somebody answers. Relaxed: it is for those who ran out
                                         of time without an answer */
    _Atomic int32_t awaits;           /* what nobody has answered to yet, a sluice_code; SLUICE_OK
                                         while the cluster is known. Relaxed: as trouble */
    _Atomic uint32_t closing;         /* 1: no fetch is accepted; pairs with `entering` */
    _Atomic uint32_t entering;        /* application threads that may be posting a fetch */
    struct metadata_state *state;     /* private to actors/metadata */
};

enum {
    METADATA_MARK_SOCKET = 0,
    METADATA_MARK_TIMER,
    METADATA_MARK_LOOKUP,
    METADATA_MARK_REFRESH,
    METADATA_MARK_FLUSH, /* pass a flush on to every aggregator that runs */
    METADATA_MARK_CLOSE,
    METADATA_MARK_REFRESH_TIMER,
    METADATA_MARK_GIVE_LINK
};

/* False when memory is short. */
bool metadata_start(struct metadata *metadata, struct producer *producer);
/* Wanted by a topic: tell of it now and keep it fresh. Once for each topic. Any activation or
 * application thread. */
void metadata_want_topic(struct metadata *metadata, struct topic *topic);
/* The snapshot seems old. Coalesced; spaced by retry.backoff.ms. Any activation. */
void metadata_refresh(struct metadata *metadata);
/* This partition's leader actor waits for news of its topic: it gets LEADER_MARK_METADATA after the
 * next answer or snapshot that covers it. Called again before that, it posts nothing new. */
void metadata_wait(struct metadata *metadata, struct partition *partition);
/* A broker was started: if the connection leads to it, it becomes the broker's, and another one is
 * made for what is asked later. Any activation. */
void metadata_give_link(struct metadata *metadata);
void metadata_post_hint(struct metadata *metadata, struct metadata_hint *hint);
/* The snapshot now, NULL before the first answer. Inside an activation only. */
static inline const struct snapshot *metadata_now(struct metadata *metadata) {
    return rt_snapshot_read(&metadata->published);
}
/* Why no metadata comes, as far as it is known; SLUICE_OK when it comes. Any thread. */
static inline sluice_code metadata_trouble(const struct metadata *metadata) {
    return (sluice_code)atomic_load_explicit(&metadata->trouble, memory_order_relaxed);
}
/* As above, and if nothing has failed yet, what is waited for. For reports. Any thread. */
static inline sluice_code metadata_obstacle(const struct metadata *metadata) {
    sluice_code trouble = metadata_trouble(metadata);
    return trouble != SLUICE_OK
               ? trouble
               : (sluice_code)atomic_load_explicit(&metadata->awaits, memory_order_relaxed);
}
/* Ends the actor; producer_actor_gone() is called when it has gone. */
void metadata_close(struct metadata *metadata);

#endif
