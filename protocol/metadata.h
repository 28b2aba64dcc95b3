/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Metadata (key 3), versions 0-13: brokers, topics, partitions and their leaders. */
#ifndef KAFKA_METADATA_H
#define KAFKA_METADATA_H

#include "protocol/api.h"

struct kafka_metadata_request_topic {
    struct kafka_text name; /* null only with an id, from version 12 on */
    struct kafka_uuid id;   /* from version 10 on; zero to ask by name */
};

struct kafka_metadata_broker {
    int32_t node_id;
    struct kafka_text host;
    int32_t port;           /* as sent: check it before use */
    struct kafka_text rack; /* may be null */
};

/* ---- client --------------------------------------------------------------------------------- */

struct kafka_metadata_request {
    int32_t correlation_id;
    struct kafka_text client_id;
    bool every_topic;                                  /* then `topics` is not looked at */
    const struct kafka_metadata_request_topic *topics; /* none: brokers only (from version 1 on) */
    uint32_t topic_count;
    bool allow_auto_topic_creation; /* from version 4 on; before, always */
};
size_t kafka_metadata_request_bound(const struct kafka_metadata_request *request);
void kafka_metadata_request_encode(struct kafka_writer *writer, int16_t version,
                                   const struct kafka_metadata_request *request);

struct kafka_metadata_response {
    int32_t throttle_time_ms;
    struct kafka_text cluster_id; /* null when not told */
    int32_t controller_id;        /* -1 when not told */
    int16_t error_code;           /* from version 13 on: 129 asks to bootstrap again */
    uint32_t broker_count;
    uint32_t topic_count;
    /* for the iterators */
    struct kafka_reader brokers;
    struct kafka_reader topics;
    uint32_t brokers_left;
    uint32_t topics_left;
    int16_t version;
};

struct kafka_metadata_topic {
    int16_t error_code;
    struct kafka_text name; /* null only for an unknown id */
    struct kafka_uuid id;   /* zero before version 10 */
    bool is_internal;
    uint32_t partition_count; /* entries, not the highest index */
    /* for the iterator */
    struct kafka_reader partitions;
    uint32_t partitions_left;
    int16_t version;
};

struct kafka_metadata_partition {
    int16_t error_code;
    int32_t index;        /* as sent: may be negative, doubled or far */
    int32_t leader_id;    /* -1 for none */
    int32_t leader_epoch; /* -1 before version 7 */
    uint32_t replica_count;
    uint32_t in_sync_count;
};

/* Reads the whole body once; false if any of it is malformed. After true no iterator can fail, each
 * ends after exactly its count. */
bool kafka_metadata_response_open(struct kafka_metadata_response *response,
                                  struct kafka_reader *body, int16_t version);
bool kafka_metadata_response_next_broker(struct kafka_metadata_response *response,
                                         struct kafka_metadata_broker *broker);
bool kafka_metadata_response_next_topic(struct kafka_metadata_response *response,
                                        struct kafka_metadata_topic *topic);
bool kafka_metadata_topic_next(struct kafka_metadata_topic *topic,
                               struct kafka_metadata_partition *partition);

/* ---- broker --------------------------------------------------------------------------------- */

struct kafka_metadata_asked {
    bool every_topic;
    uint32_t topic_count;
    bool allow_auto_topic_creation;
    /* for the iterator */
    struct kafka_reader topics;
    uint32_t topics_left;
    int16_t version;
};
bool kafka_metadata_request_open(struct kafka_metadata_asked *asked, struct kafka_reader *body,
                                 int16_t version);
bool kafka_metadata_request_next(struct kafka_metadata_asked *asked,
                                 struct kafka_metadata_request_topic *topic);

struct kafka_metadata_answer {
    int32_t throttle_time_ms;
    const struct kafka_metadata_broker *brokers;
    uint32_t broker_count;
    struct kafka_text cluster_id;
    int32_t controller_id;
    uint32_t topic_count;
    int16_t error_code; /* version 13 */
};
struct kafka_metadata_answer_topic {
    int16_t error_code;
    struct kafka_text name;
    struct kafka_uuid id;
    bool is_internal;
    uint32_t partition_count;
};
struct kafka_metadata_answer_partition {
    int16_t error_code;
    int32_t index;
    int32_t leader_id;
    int32_t leader_epoch;
    const int32_t *replicas;
    uint32_t replica_count;
    const int32_t *in_sync;
    uint32_t in_sync_count;
    const int32_t *offline;
    uint32_t offline_count;
};
/* In order: begin, then for each topic: topic, its partitions, topic_end; then end with what begin
 * returned. */
size_t kafka_metadata_response_begin(struct kafka_writer *writer, int16_t version,
                                     int32_t correlation_id,
                                     const struct kafka_metadata_answer *answer);
void kafka_metadata_response_topic(struct kafka_writer *writer, int16_t version,
                                   const struct kafka_metadata_answer_topic *topic);
void kafka_metadata_response_partition(struct kafka_writer *writer, int16_t version,
                                       const struct kafka_metadata_answer_partition *partition);
void kafka_metadata_response_topic_end(struct kafka_writer *writer, int16_t version);
void kafka_metadata_response_end(struct kafka_writer *writer, int16_t version, size_t frame_at,
                                 const struct kafka_metadata_answer *answer);

#endif
