/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/list_offsets.h"

enum { TOPIC_SIZE_MIN = 3, PARTITION_SIZE_MIN = 12 };

static bool is_flexible(int16_t version) {
    return kafka_api_is_flexible(KAFKA_LIST_OFFSETS, version);
}

static struct kafka_list_offsets_partition read_partition(struct kafka_reader *reader,
                                                          int16_t version) {
    struct kafka_list_offsets_partition partition;
    partition.index = kafka_read_int32(reader);
    partition.leader_epoch = version >= 4 ? kafka_read_int32(reader) : -1;
    partition.timestamp_ms = kafka_read_int64(reader);
    kafka_read_tags_skip(reader, is_flexible(version));
    return partition;
}

static struct kafka_list_offsets_topic read_topic(struct kafka_reader *reader, int16_t version) {
    struct kafka_list_offsets_topic topic = {.version = version};
    bool flexible = is_flexible(version);
    topic.name = kafka_read_text(reader, flexible);
    topic.partition_count = kafka_read_count(reader, flexible, PARTITION_SIZE_MIN);
    topic.partitions_left = topic.partition_count;
    topic.partitions = *reader;
    for (uint32_t i = 0; i < topic.partition_count && !reader->failed; i++) {
        (void)read_partition(reader, version);
    }
    kafka_read_tags_skip(reader, flexible);
    return topic;
}

bool kafka_list_offsets_request_open(struct kafka_list_offsets_request *request,
                                     struct kafka_reader *body, int16_t version) {
    bool flexible = is_flexible(version);
    *request = (struct kafka_list_offsets_request){.version = version};
    (void)kafka_read_int32(body); /* replica id */
    if (version >= 2) {
        request->isolation_level = kafka_read_int8(body);
    }
    request->topic_count = kafka_read_count(body, flexible, TOPIC_SIZE_MIN);
    request->topics_left = request->topic_count;
    request->topics = *body;
    for (uint32_t i = 0; i < request->topic_count && !body->failed; i++) {
        (void)read_topic(body, version);
    }
    if (version >= 10) {
        (void)kafka_read_int32(body); /* timeout: nothing here is read from remote storage */
    }
    kafka_read_tags_skip(body, flexible);
    return !body->failed;
}

bool kafka_list_offsets_request_next(struct kafka_list_offsets_request *request,
                                     struct kafka_list_offsets_topic *topic) {
    if (request->topics_left == 0) {
        return false;
    }
    request->topics_left--;
    *topic = read_topic(&request->topics, request->version);
    return true;
}

bool kafka_list_offsets_topic_next(struct kafka_list_offsets_topic *topic,
                                   struct kafka_list_offsets_partition *partition) {
    if (topic->partitions_left == 0) {
        return false;
    }
    topic->partitions_left--;
    *partition = read_partition(&topic->partitions, topic->version);
    return true;
}

size_t kafka_list_offsets_response_begin(struct kafka_writer *writer, int16_t version,
                                         int32_t correlation_id, int32_t throttle_time_ms,
                                         uint32_t topic_count) {
    size_t frame_at = kafka_frame_begin(writer);
    kafka_response_header_encode(writer, KAFKA_LIST_OFFSETS, version, correlation_id);
    if (version >= 2) {
        kafka_write_int32(writer, throttle_time_ms);
    }
    kafka_write_count(writer, topic_count, is_flexible(version));
    return frame_at;
}

void kafka_list_offsets_response_topic(struct kafka_writer *writer, int16_t version,
                                       struct kafka_text name, uint32_t partition_count) {
    kafka_write_text(writer, name, is_flexible(version));
    kafka_write_count(writer, partition_count, is_flexible(version));
}

void kafka_list_offsets_response_partition(struct kafka_writer *writer, int16_t version,
                                           const struct kafka_list_offsets_outcome *outcome) {
    kafka_write_int32(writer, outcome->index);
    kafka_write_int16(writer, outcome->error_code);
    kafka_write_int64(writer, outcome->timestamp_ms);
    kafka_write_int64(writer, outcome->offset);
    if (version >= 4) {
        kafka_write_int32(writer, outcome->leader_epoch);
    }
    kafka_write_tags_none(writer, is_flexible(version));
}

void kafka_list_offsets_response_topic_end(struct kafka_writer *writer, int16_t version) {
    kafka_write_tags_none(writer, is_flexible(version));
}

void kafka_list_offsets_response_end(struct kafka_writer *writer, int16_t version,
                                     size_t frame_at) {
    kafka_write_tags_none(writer, is_flexible(version));
    kafka_frame_end(writer, frame_at, 0);
}
