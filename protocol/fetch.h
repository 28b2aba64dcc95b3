/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Fetch (key 1), versions 4-18, the broker's side only: enough to be read back from. */
#ifndef KAFKA_FETCH_H
#define KAFKA_FETCH_H

#include "protocol/api.h"

enum { KAFKA_FETCH_TOPIC_ID_VERSION = 13 }; /* from here on topics have ids instead of names */

struct kafka_fetch_request {
    int32_t max_wait_ms;
    int32_t min_bytes;
    int32_t max_bytes;
    int8_t isolation_level;
    int32_t session_id;    /* 0 before version 7 */
    int32_t session_epoch; /* -1 before version 7; answer with session id 0 to decline sessions */
    uint32_t topic_count;
    /* for the iterator */
    struct kafka_reader topics;
    uint32_t topics_left;
    int16_t version;
};
struct kafka_fetch_topic {
    struct kafka_text name; /* null from version 13 on */
    struct kafka_uuid id;   /* zero before version 13 */
    uint32_t partition_count;
    /* for the iterator */
    struct kafka_reader partitions;
    uint32_t partitions_left;
    int16_t version;
};
struct kafka_fetch_partition {
    int32_t index;
    int32_t leader_epoch; /* -1 when the client does not say */
    int64_t fetch_offset;
    int32_t max_bytes;
};
/* Checked whole, then the iterators cannot fail. */
bool kafka_fetch_request_open(struct kafka_fetch_request *request, struct kafka_reader *body,
                              int16_t version);
bool kafka_fetch_request_next(struct kafka_fetch_request *request, struct kafka_fetch_topic *topic);
bool kafka_fetch_topic_next(struct kafka_fetch_topic *topic,
                            struct kafka_fetch_partition *partition);

struct kafka_fetch_outcome {
    int32_t index;
    int16_t error_code;
    int64_t high_watermark;
    int64_t last_stable_offset;
    int64_t log_start_offset;
    int32_t leader_id; /* the hint of version 12 on; both -1: none */
    int32_t leader_epoch;
    uint32_t records_size;
};
/* In order: begin, then for each topic: topic, its partitions, topic_end; then end. A partition is:
 * partition, exactly `records_size` bytes by kafka_write_raw, partition_end. */
size_t kafka_fetch_response_begin(struct kafka_writer *writer, int16_t version,
                                  int32_t correlation_id, int32_t throttle_time_ms,
                                  int16_t error_code, int32_t session_id, uint32_t topic_count);
void kafka_fetch_response_topic(struct kafka_writer *writer, int16_t version,
                                struct kafka_text name, struct kafka_uuid id,
                                uint32_t partition_count);
void kafka_fetch_response_partition(struct kafka_writer *writer, int16_t version,
                                    const struct kafka_fetch_outcome *outcome);
void kafka_fetch_response_partition_end(struct kafka_writer *writer, int16_t version,
                                        const struct kafka_fetch_outcome *outcome);
void kafka_fetch_response_topic_end(struct kafka_writer *writer, int16_t version);
void kafka_fetch_response_end(struct kafka_writer *writer, int16_t version, size_t frame_at);

#endif
