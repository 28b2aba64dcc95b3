/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* ListOffsets (key 2), versions 1-11, the broker's side only. */
#ifndef KAFKA_LIST_OFFSETS_H
#define KAFKA_LIST_OFFSETS_H

#include "protocol/api.h"

enum { KAFKA_OFFSET_LATEST = -1, KAFKA_OFFSET_EARLIEST = -2 };

struct kafka_list_offsets_request {
    int8_t isolation_level; /* 0 before version 2 */
    uint32_t topic_count;
    /* for the iterator */
    struct kafka_reader topics;
    uint32_t topics_left;
    int16_t version;
};
struct kafka_list_offsets_topic {
    struct kafka_text name;
    uint32_t partition_count;
    /* for the iterator */
    struct kafka_reader partitions;
    uint32_t partitions_left;
    int16_t version;
};
struct kafka_list_offsets_partition {
    int32_t index;
    int32_t leader_epoch; /* -1 when the client does not say */
    int64_t timestamp_ms; /* or KAFKA_OFFSET_LATEST, KAFKA_OFFSET_EARLIEST, or other negatives */
};
/* Checked whole, then the iterators cannot fail. */
bool kafka_list_offsets_request_open(struct kafka_list_offsets_request *request,
                                     struct kafka_reader *body, int16_t version);
bool kafka_list_offsets_request_next(struct kafka_list_offsets_request *request,
                                     struct kafka_list_offsets_topic *topic);
bool kafka_list_offsets_topic_next(struct kafka_list_offsets_topic *topic,
                                   struct kafka_list_offsets_partition *partition);

struct kafka_list_offsets_outcome {
    int32_t index;
    int16_t error_code;
    int64_t timestamp_ms; /* -1 for none */
    int64_t offset;       /* -1 for none */
    int32_t leader_epoch; /* -1 when unknown */
};
/* In order: begin, then for each topic: topic, its partitions, topic_end; then end. */
size_t kafka_list_offsets_response_begin(struct kafka_writer *writer, int16_t version,
                                         int32_t correlation_id, int32_t throttle_time_ms,
                                         uint32_t topic_count);
void kafka_list_offsets_response_topic(struct kafka_writer *writer, int16_t version,
                                       struct kafka_text name, uint32_t partition_count);
void kafka_list_offsets_response_partition(struct kafka_writer *writer, int16_t version,
                                           const struct kafka_list_offsets_outcome *outcome);
void kafka_list_offsets_response_topic_end(struct kafka_writer *writer, int16_t version);
void kafka_list_offsets_response_end(struct kafka_writer *writer, int16_t version, size_t frame_at);

#endif
