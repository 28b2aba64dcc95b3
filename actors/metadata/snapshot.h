/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The cluster as last told: immutable, published under RCU by the metadata actor, read by any
 * activation without a lock and not kept beyond it.
 */
#ifndef ACTORS_METADATA_SNAPSHOT_H
#define ACTORS_METADATA_SNAPSHOT_H

#include <sluice/error.h>

#include "protocol/bytes.h"
#include "runtime/snapshot.h"

struct topic;
struct broker;
struct metadata;

struct snapshot_partition {
    struct broker *leader; /* NULL: none known */
    int32_t leader_epoch;  /* -1: not told */
    sluice_code error;     /* SLUICE_OK, or why there is no leader */
};

struct snapshot_topic {
    struct topic *topic;
    struct kafka_uuid id; /* all zero: not told */
    sluice_code error;    /* SLUICE_OK, or why there are no partitions */
    int32_t partition_count;
    struct snapshot_partition *partitions; /* by index */
};

struct snapshot {
    struct rt_retired retired;
    struct metadata *metadata;
    size_t bytes;     /* of the one allocation */
    uint64_t version; /* 1, 2, ... */
    uint32_t broker_count;
    struct broker **brokers; /* by node id; each counted once by this snapshot (broker_hold) */
    uint32_t topic_count;
    struct snapshot_topic *topics; /* by topic->index: topics[i].topic may be NULL (unknown) */
};

/* The entry of a topic, or NULL when the snapshot knows nothing of it. `snapshot` may be NULL. */
const struct snapshot_topic *snapshot_find(const struct snapshot *snapshot,
                                           const struct topic *topic);

/* An error of a topic's entry that may go away by itself, like those that Kafka answers while it
 * makes a topic or while its brokers start. With another one its records can be refused. */
bool snapshot_error_passes(sluice_code error);

#endif
