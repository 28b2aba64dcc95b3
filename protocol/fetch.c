/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/fetch.h"

enum { TOPIC_SIZE_MIN = 3, PARTITION_SIZE_MIN = 16, TAG_CURRENT_LEADER = 1 };

static bool is_flexible(int16_t version) {
    return kafka_api_is_flexible(KAFKA_FETCH, version);
}

/* ---- request --------------------------------------------------------------------------------- */

static struct kafka_fetch_partition read_partition(struct kafka_reader *reader, int16_t version) {
    struct kafka_fetch_partition partition;
    partition.index = kafka_read_int32(reader);
    partition.leader_epoch = version >= 9 ? kafka_read_int32(reader) : -1;
    partition.fetch_offset = kafka_read_int64(reader);
    if (version >= 12) {
        (void)kafka_read_int32(reader); /* last fetched epoch: logs here never diverge */
    }
    if (version >= 5) {
        (void)kafka_read_int64(reader); /* log start offset: of followers */
    }
    partition.max_bytes = kafka_read_int32(reader);
    kafka_read_tags_skip(reader, is_flexible(version));
    return partition;
}

static void read_topic_name(struct kafka_reader *reader, int16_t version,
                            struct kafka_fetch_topic *topic) {
    if (version >= KAFKA_FETCH_TOPIC_ID_VERSION) {
        topic->id = kafka_read_uuid(reader);
    } else {
        topic->name = kafka_read_text(reader, is_flexible(version));
    }
}

static struct kafka_fetch_topic read_topic(struct kafka_reader *reader, int16_t version) {
    struct kafka_fetch_topic topic = {.version = version};
    bool flexible = is_flexible(version);
    read_topic_name(reader, version, &topic);
    topic.partition_count = kafka_read_count(reader, flexible, PARTITION_SIZE_MIN);
    topic.partitions_left = topic.partition_count;
    topic.partitions = *reader;
    for (uint32_t i = 0; i < topic.partition_count && !reader->failed; i++) {
        (void)read_partition(reader, version);
    }
    kafka_read_tags_skip(reader, flexible);
    return topic;
}

static void skip_forgotten_topics(struct kafka_reader *body, int16_t version) {
    bool flexible = is_flexible(version);
    uint32_t count = kafka_read_count(body, flexible, TOPIC_SIZE_MIN);
    for (uint32_t i = 0; i < count && !body->failed; i++) {
        struct kafka_fetch_topic forgotten;
        read_topic_name(body, version, &forgotten);
        kafka_read_array_skip(body, flexible, sizeof(int32_t));
        kafka_read_tags_skip(body, flexible);
    }
}

bool kafka_fetch_request_open(struct kafka_fetch_request *request, struct kafka_reader *body,
                              int16_t version) {
    bool flexible = is_flexible(version);
    *request = (struct kafka_fetch_request){.version = version};
    if (version < 15) {
        (void)kafka_read_int32(body); /* replica id */
    }
    request->max_wait_ms = kafka_read_int32(body);
    request->min_bytes = kafka_read_int32(body);
    request->max_bytes = kafka_read_int32(body);
    request->isolation_level = kafka_read_int8(body);
    request->session_id = version >= 7 ? kafka_read_int32(body) : 0;
    request->session_epoch = version >= 7 ? kafka_read_int32(body) : -1;
    request->topic_count = kafka_read_count(body, flexible, TOPIC_SIZE_MIN);
    request->topics_left = request->topic_count;
    request->topics = *body;
    for (uint32_t i = 0; i < request->topic_count && !body->failed; i++) {
        (void)read_topic(body, version);
    }
    if (version >= 7) {
        skip_forgotten_topics(body, version);
    }
    if (version >= 11) {
        (void)kafka_read_text(body, flexible); /* rack */
    }
    kafka_read_tags_skip(body, flexible);
    return !body->failed;
}

bool kafka_fetch_request_next(struct kafka_fetch_request *request,
                              struct kafka_fetch_topic *topic) {
    if (request->topics_left == 0) {
        return false;
    }
    request->topics_left--;
    *topic = read_topic(&request->topics, request->version);
    return true;
}

bool kafka_fetch_topic_next(struct kafka_fetch_topic *topic,
                            struct kafka_fetch_partition *partition) {
    if (topic->partitions_left == 0) {
        return false;
    }
    topic->partitions_left--;
    *partition = read_partition(&topic->partitions, topic->version);
    return true;
}

/* ---- response -------------------------------------------------------------------------------- */

size_t kafka_fetch_response_begin(struct kafka_writer *writer, int16_t version,
                                  int32_t correlation_id, int32_t throttle_time_ms,
                                  int16_t error_code, int32_t session_id, uint32_t topic_count) {
    size_t frame_at = kafka_frame_begin(writer);
    kafka_response_header_encode(writer, KAFKA_FETCH, version, correlation_id);
    kafka_write_int32(writer, throttle_time_ms);
    if (version >= 7) {
        kafka_write_int16(writer, error_code);
        kafka_write_int32(writer, session_id);
    }
    kafka_write_count(writer, topic_count, is_flexible(version));
    return frame_at;
}

void kafka_fetch_response_topic(struct kafka_writer *writer, int16_t version,
                                struct kafka_text name, struct kafka_uuid id,
                                uint32_t partition_count) {
    if (version >= KAFKA_FETCH_TOPIC_ID_VERSION) {
        kafka_write_uuid(writer, id);
    } else {
        kafka_write_text(writer, name, is_flexible(version));
    }
    kafka_write_count(writer, partition_count, is_flexible(version));
}

void kafka_fetch_response_partition(struct kafka_writer *writer, int16_t version,
                                    const struct kafka_fetch_outcome *outcome) {
    bool flexible = is_flexible(version);
    kafka_write_int32(writer, outcome->index);
    kafka_write_int16(writer, outcome->error_code);
    kafka_write_int64(writer, outcome->high_watermark);
    kafka_write_int64(writer, outcome->last_stable_offset);
    if (version >= 5) {
        kafka_write_int64(writer, outcome->log_start_offset);
    }
    kafka_write_count_null(writer, flexible); /* aborted transactions */
    if (version >= 11) {
        kafka_write_int32(writer, -1); /* preferred replica */
    }
    kafka_write_bytes_size(writer, outcome->records_size, flexible);
}

void kafka_fetch_response_partition_end(struct kafka_writer *writer, int16_t version,
                                        const struct kafka_fetch_outcome *outcome) {
    if (version >= 12 && (outcome->leader_id != -1 || outcome->leader_epoch != -1)) {
        kafka_write_uvarint(writer, 1);
        kafka_write_uvarint(writer, TAG_CURRENT_LEADER);
        kafka_write_uvarint(writer, 4 + 4 + 1);
        kafka_write_int32(writer, outcome->leader_id);
        kafka_write_int32(writer, outcome->leader_epoch);
    }
    kafka_write_tags_none(writer, is_flexible(version));
}

void kafka_fetch_response_topic_end(struct kafka_writer *writer, int16_t version) {
    kafka_write_tags_none(writer, is_flexible(version));
}

void kafka_fetch_response_end(struct kafka_writer *writer, int16_t version, size_t frame_at) {
    kafka_write_tags_none(writer, is_flexible(version));
    kafka_frame_end(writer, frame_at, 0);
}
