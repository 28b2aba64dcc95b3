/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Produce (key 0), versions 3-13: record batches of many partitions out, one answer for each back.
 *
 * Batches are referenced, never copied. The encoder writes all other bytes of the frame into one
 * scratch writer and says for each partition where its batch belongs:
 *
 *     scratch  |length header .. size|..size|.. tags|        cut: offset of the byte after `size`
 *     on wire  |length header .. size|batch 0|..size|batch 1|.. tags|
 */
#ifndef KAFKA_PRODUCE_H
#define KAFKA_PRODUCE_H

#include "protocol/api.h"

enum { KAFKA_PRODUCE_TOPIC_ID_VERSION = 13 }; /* from here on topics have ids instead of names */

/* ---- client: request ------------------------------------------------------------------------ */

struct kafka_produce_partition {
    int32_t index;
    uint32_t records_size; /* of the batch, header included */
    size_t cut; /* set by the encoder: scratch bytes, from the frame's first, before the batch */
};

struct kafka_produce_topic {
    struct kafka_text name;
    struct kafka_uuid id; /* not zero from version 13 on */
    struct kafka_produce_partition *partitions;
    uint32_t partition_count;
};

struct kafka_produce_request {
    int32_t correlation_id;
    struct kafka_text client_id;
    struct kafka_text transactional_id; /* null without a transaction */
    int16_t acks;                       /* -1, 0 or 1 */
    int32_t timeout_ms;
    struct kafka_produce_topic *topics;
    uint32_t topic_count;
};

/* Most scratch bytes, batches not counted. The parts let a caller add up as a request grows. */
size_t kafka_produce_request_bound(const struct kafka_produce_request *request);
size_t kafka_produce_fixed_bound(struct kafka_text client_id, struct kafka_text transactional_id);
size_t kafka_produce_topic_bound(struct kafka_text name);
enum { KAFKA_PRODUCE_PARTITION_BOUND = 4 + 5 + 1 };

/* Sets each partition's `cut`. The frame's length counts the batches: the caller sends scratch and
 * batches interleaved. */
void kafka_produce_request_encode(struct kafka_writer *scratch, int16_t version,
                                  const struct kafka_produce_request *request);

/* ---- client: response ----------------------------------------------------------------------- */

struct kafka_node_endpoint {
    int32_t node_id;
    struct kafka_text host;
    int32_t port;           /* as sent: check it before use */
    struct kafka_text rack; /* may be null */
};

struct kafka_record_error {
    int32_t batch_index;       /* of the record within its batch */
    struct kafka_text message; /* may be null */
};

struct kafka_produce_response {
    int32_t throttle_time_ms;
    uint32_t topic_count;
    uint32_t endpoint_count; /* from version 10 on: where the leaders below can be reached */
    /* for the iterators */
    struct kafka_reader topics;
    struct kafka_reader endpoints;
    uint32_t topics_left;
    uint32_t partitions_left;
    uint32_t endpoints_left;
    struct kafka_text topic_name;
    struct kafka_uuid topic_id;
    int16_t version;
};

struct kafka_produce_answer {
    struct kafka_text topic_name; /* null from version 13 on */
    struct kafka_uuid topic_id;   /* zero before version 13 */
    int32_t index;
    int16_t error_code;
    int64_t base_offset;
    int64_t log_append_time_ms;      /* -1 with CreateTime */
    int64_t log_start_offset;        /* -1 before version 5 */
    struct kafka_text error_message; /* may be null */
    int32_t leader_id;               /* the hint of version 10 on, else -1 */
    int32_t leader_epoch;            /* -1 when not told */
    uint32_t record_error_count;
    /* for the iterator */
    struct kafka_reader record_errors;
    uint32_t record_errors_left;
    int16_t version;
};

/* Reads the whole body once (the end holds throttle time and endpoints); false if any of it is
 * malformed. After true no iterator can fail. Topics without partitions are passed over. */
bool kafka_produce_response_open(struct kafka_produce_response *response, struct kafka_reader *body,
                                 int16_t version);
bool kafka_produce_response_next(struct kafka_produce_response *response,
                                 struct kafka_produce_answer *answer);
bool kafka_produce_response_next_endpoint(struct kafka_produce_response *response,
                                          struct kafka_node_endpoint *endpoint);
bool kafka_produce_answer_next_error(struct kafka_produce_answer *answer,
                                     struct kafka_record_error *error);

/* ---- broker: request ------------------------------------------------------------------------ */

struct kafka_produce_received {
    struct kafka_text transactional_id; /* may be null */
    int16_t acks;
    int32_t timeout_ms;
    uint32_t topic_count;
    /* for the iterator */
    struct kafka_reader topics;
    uint32_t topics_left;
    int16_t version;
};
struct kafka_produce_received_topic {
    struct kafka_text name; /* null from version 13 on */
    struct kafka_uuid id;   /* zero before version 13 */
    uint32_t partition_count;
    /* for the iterator */
    struct kafka_reader partitions;
    uint32_t partitions_left;
    int16_t version;
};
struct kafka_produce_received_partition {
    int32_t index;
    struct kafka_bytes records; /* may be null; not yet looked at */
};
/* As for the response: checked whole, then the iterators cannot fail. */
bool kafka_produce_request_open(struct kafka_produce_received *received, struct kafka_reader *body,
                                int16_t version);
bool kafka_produce_request_next(struct kafka_produce_received *received,
                                struct kafka_produce_received_topic *topic);
bool kafka_produce_request_topic_next(struct kafka_produce_received_topic *topic,
                                      struct kafka_produce_received_partition *partition);

/* ---- broker: response ----------------------------------------------------------------------- */

struct kafka_produce_outcome {
    int32_t index;
    int16_t error_code;
    int64_t base_offset;
    int64_t log_append_time_ms;
    int64_t log_start_offset;
    const struct kafka_record_error *record_errors;
    uint32_t record_error_count;
    struct kafka_text error_message;
    int32_t leader_id; /* both -1: no hint */
    int32_t leader_epoch;
};
/* In order: begin, then for each topic: topic, its partitions, topic_end; then end with what begin
 * returned. */
size_t kafka_produce_response_begin(struct kafka_writer *writer, int16_t version,
                                    int32_t correlation_id, uint32_t topic_count);
/* Writes the name or the id, as the version has it. */
void kafka_produce_response_topic(struct kafka_writer *writer, int16_t version,
                                  struct kafka_text name, struct kafka_uuid id,
                                  uint32_t partition_count);
void kafka_produce_response_partition(struct kafka_writer *writer, int16_t version,
                                      const struct kafka_produce_outcome *outcome);
void kafka_produce_response_topic_end(struct kafka_writer *writer, int16_t version);
void kafka_produce_response_end(struct kafka_writer *writer, int16_t version, size_t frame_at,
                                int32_t throttle_time_ms,
                                const struct kafka_node_endpoint *endpoints,
                                uint32_t endpoint_count);

#endif
