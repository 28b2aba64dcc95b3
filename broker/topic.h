/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Topics, their partitions, and how both are found: by name through a hash table, by id through the
 * slot number that is part of the id.
 */
#ifndef BROKER_TOPIC_H
#define BROKER_TOPIC_H

#include "broker/log.h"
#include "broker/sequence.h"
#include "protocol/bytes.h"

enum { BROKER_TOPIC_NAME_SIZE_MAX = 249, BROKER_PARTITIONS_MAX = 100000 };

struct broker_partition {
    int32_t leader; /* node id, 0 for none */
    int32_t leader_epoch;
    int32_t first_replica; /* the others follow it in the ring of nodes */
    bool ever_written;
    int32_t told_leader; /* before the last move: what a node that lags behind still tells */
    int32_t told_epoch;
    int64_t replicated; /* records before it survive every election */
    struct broker_log log;
    struct broker_producers producers;
};

struct broker_topic {
    struct broker_topic *next; /* in its bucket */
    struct kafka_text name;    /* owned, NUL-terminated */
    struct kafka_uuid id;
    uint32_t hash;
    uint32_t slot;
    uint32_t message_bytes_max; /* 0: the cluster's */
    bool keys_required;
    uint32_t partition_count;
    struct broker_partition *partitions;
};

struct broker_topics {
    struct broker_topic **slots; /* NULL where one was deleted */
    uint32_t slot_count;
    uint32_t slot_capacity;
    struct broker_topic **buckets; /* a power of two of them, or none */
    uint32_t bucket_count;
    uint64_t ids_given;
};

/* Kafka's rule: 1-249 of [a-zA-Z0-9._-], not "." or "..". */
bool broker_topic_name_is_allowed(struct kafka_text name);

struct broker_topic *broker_topics_by_name(const struct broker_topics *topics,
                                           struct kafka_text name);
struct broker_topic *broker_topics_by_id(const struct broker_topics *topics, struct kafka_uuid id);
/* A topic without partitions; the name is allowed and not there. NULL when memory is short. */
struct broker_topic *broker_topics_add(struct broker_topics *topics, struct kafka_text name);
void broker_topics_remove(struct broker_topics *topics, struct broker_topic *topic);
/* New partitions are zero. False when memory is short. */
bool broker_topic_grow(struct broker_topic *topic, uint32_t partition_count);
static inline struct broker_partition *broker_topic_partition(struct broker_topic *topic,
                                                              int32_t index) {
    return topic == NULL || index < 0 || (uint32_t)index >= topic->partition_count
               ? NULL
               : &topic->partitions[index];
}
void broker_topics_deinit(struct broker_topics *topics);

#endif
