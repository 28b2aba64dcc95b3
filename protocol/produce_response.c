/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* As in metadata_response.c: `open` walks the body once, the iterators walk what is known good. */
#include "protocol/produce.h"

enum {
    TOPIC_SIZE_MIN = 3,
    PARTITION_SIZE_MIN = 22,
    RECORD_ERROR_SIZE_MIN = 6,
    ENDPOINT_SIZE_MIN = 11,
    TAG_CURRENT_LEADER = 0, /* of a partition */
    TAG_NODE_ENDPOINTS = 0, /* of the whole */
    CURRENT_LEADER_SIZE = 4 + 4 + 1
};

static bool is_flexible(int16_t version) {
    return kafka_api_is_flexible(KAFKA_PRODUCE, version);
}

/* ---- decode ---------------------------------------------------------------------------------- */

static struct kafka_record_error read_record_error(struct kafka_reader *reader, bool flexible) {
    struct kafka_record_error error;
    error.batch_index = kafka_read_int32(reader);
    error.message = kafka_read_text_nullable(reader, flexible);
    kafka_read_tags_skip(reader, flexible);
    return error;
}

static void read_record_errors(struct kafka_reader *reader, struct kafka_produce_answer *answer) {
    bool flexible = is_flexible(answer->version);
    answer->record_error_count = kafka_read_count(reader, flexible, RECORD_ERROR_SIZE_MIN);
    answer->record_errors_left = answer->record_error_count;
    answer->record_errors = *reader;
    for (uint32_t i = 0; i < answer->record_error_count && !reader->failed; i++) {
        (void)read_record_error(reader, flexible);
    }
    answer->error_message = kafka_read_text_nullable(reader, flexible);
}

static void read_partition_tags(struct kafka_reader *reader, struct kafka_produce_answer *answer) {
    struct kafka_tags tags = kafka_read_tags(reader, is_flexible(answer->version));
    while (kafka_tags_next(&tags, reader)) {
        if (tags.tag == TAG_CURRENT_LEADER && answer->version >= 10) {
            answer->leader_id = kafka_read_int32(&tags.value);
            answer->leader_epoch = kafka_read_int32(&tags.value);
            kafka_read_tags_skip(&tags.value, true);
            if (tags.value.failed) {
                kafka_reader_fail(reader);
            }
        }
    }
}

/* All but the topic. */
static void read_partition(struct kafka_reader *reader, int16_t version,
                           struct kafka_produce_answer *answer) {
    *answer = (struct kafka_produce_answer){
        .version = version, .log_start_offset = -1, .leader_id = -1, .leader_epoch = -1};
    answer->index = kafka_read_int32(reader);
    answer->error_code = kafka_read_int16(reader);
    answer->base_offset = kafka_read_int64(reader);
    answer->log_append_time_ms = kafka_read_int64(reader);
    if (version >= 5) {
        answer->log_start_offset = kafka_read_int64(reader);
    }
    if (version >= 8) {
        read_record_errors(reader, answer);
    }
    read_partition_tags(reader, answer);
}

static void read_topic_head(struct kafka_reader *reader, struct kafka_produce_response *response) {
    bool flexible = is_flexible(response->version);
    if (response->version >= KAFKA_PRODUCE_TOPIC_ID_VERSION) {
        response->topic_id = kafka_read_uuid(reader);
    } else {
        response->topic_name = kafka_read_text(reader, flexible);
    }
    response->partitions_left = kafka_read_count(reader, flexible, PARTITION_SIZE_MIN);
}

static struct kafka_node_endpoint read_endpoint(struct kafka_reader *reader) {
    struct kafka_node_endpoint endpoint;
    endpoint.node_id = kafka_read_int32(reader);
    endpoint.host = kafka_read_text(reader, true);
    endpoint.port = kafka_read_int32(reader);
    endpoint.rack = kafka_read_text_nullable(reader, true);
    kafka_read_tags_skip(reader, true);
    return endpoint;
}

static void read_endpoints(struct kafka_reader *value, struct kafka_produce_response *response) {
    response->endpoint_count = kafka_read_count(value, true, ENDPOINT_SIZE_MIN);
    response->endpoints_left = response->endpoint_count;
    response->endpoints = *value;
    for (uint32_t i = 0; i < response->endpoint_count && !value->failed; i++) {
        (void)read_endpoint(value);
    }
}

static void read_tail(struct kafka_reader *body, struct kafka_produce_response *response) {
    response->throttle_time_ms = kafka_read_int32(body);
    struct kafka_tags tags = kafka_read_tags(body, is_flexible(response->version));
    while (kafka_tags_next(&tags, body)) {
        if (tags.tag == TAG_NODE_ENDPOINTS && response->version >= 10) {
            read_endpoints(&tags.value, response);
            if (tags.value.failed) {
                kafka_reader_fail(body);
            }
        }
    }
}

bool kafka_produce_response_open(struct kafka_produce_response *response, struct kafka_reader *body,
                                 int16_t version) {
    bool flexible = is_flexible(version);
    *response = (struct kafka_produce_response){.version = version};
    response->topic_count = kafka_read_count(body, flexible, TOPIC_SIZE_MIN);
    response->topics = *body;
    for (uint32_t i = 0; i < response->topic_count && !body->failed; i++) {
        struct kafka_produce_answer answer;
        read_topic_head(body, response);
        for (uint32_t j = 0; j < response->partitions_left && !body->failed; j++) {
            read_partition(body, version, &answer);
        }
        kafka_read_tags_skip(body, flexible);
    }
    read_tail(body, response);
    response->topics_left = response->topic_count;
    response->partitions_left = 0;
    return !body->failed;
}

bool kafka_produce_response_next(struct kafka_produce_response *response,
                                 struct kafka_produce_answer *answer) {
    bool flexible = is_flexible(response->version);
    while (response->partitions_left == 0) {
        if (response->topics_left == 0) {
            return false;
        }
        response->topics_left--;
        read_topic_head(&response->topics, response);
        if (response->partitions_left == 0) {
            kafka_read_tags_skip(&response->topics, flexible);
        }
    }
    read_partition(&response->topics, response->version, answer);
    answer->topic_name = response->topic_name;
    answer->topic_id = response->topic_id;
    response->partitions_left--;
    if (response->partitions_left == 0) {
        kafka_read_tags_skip(&response->topics, flexible);
    }
    return true;
}

bool kafka_produce_response_next_endpoint(struct kafka_produce_response *response,
                                          struct kafka_node_endpoint *endpoint) {
    if (response->endpoints_left == 0) {
        return false;
    }
    response->endpoints_left--;
    *endpoint = read_endpoint(&response->endpoints);
    return true;
}

bool kafka_produce_answer_next_error(struct kafka_produce_answer *answer,
                                     struct kafka_record_error *error) {
    if (answer->record_errors_left == 0) {
        return false;
    }
    answer->record_errors_left--;
    *error = read_record_error(&answer->record_errors, is_flexible(answer->version));
    return true;
}

/* ---- encode ---------------------------------------------------------------------------------- */

size_t kafka_produce_response_begin(struct kafka_writer *writer, int16_t version,
                                    int32_t correlation_id, uint32_t topic_count) {
    size_t frame_at = kafka_frame_begin(writer);
    kafka_response_header_encode(writer, KAFKA_PRODUCE, version, correlation_id);
    kafka_write_count(writer, topic_count, is_flexible(version));
    return frame_at;
}

void kafka_produce_response_topic(struct kafka_writer *writer, int16_t version,
                                  struct kafka_text name, struct kafka_uuid id,
                                  uint32_t partition_count) {
    if (version >= KAFKA_PRODUCE_TOPIC_ID_VERSION) {
        kafka_write_uuid(writer, id);
    } else {
        kafka_write_text(writer, name, is_flexible(version));
    }
    kafka_write_count(writer, partition_count, is_flexible(version));
}

static void write_record_errors(struct kafka_writer *writer, bool flexible,
                                const struct kafka_produce_outcome *outcome) {
    kafka_write_count(writer, outcome->record_error_count, flexible);
    for (uint32_t i = 0; i < outcome->record_error_count; i++) {
        kafka_write_int32(writer, outcome->record_errors[i].batch_index);
        kafka_write_text_nullable(writer, outcome->record_errors[i].message, flexible);
        kafka_write_tags_none(writer, flexible);
    }
    kafka_write_text_nullable(writer, outcome->error_message, flexible);
}

void kafka_produce_response_partition(struct kafka_writer *writer, int16_t version,
                                      const struct kafka_produce_outcome *outcome) {
    bool flexible = is_flexible(version);
    kafka_write_int32(writer, outcome->index);
    kafka_write_int16(writer, outcome->error_code);
    kafka_write_int64(writer, outcome->base_offset);
    kafka_write_int64(writer, outcome->log_append_time_ms);
    if (version >= 5) {
        kafka_write_int64(writer, outcome->log_start_offset);
    }
    if (version >= 8) {
        write_record_errors(writer, flexible, outcome);
    }
    if (version >= 10 && (outcome->leader_id != -1 || outcome->leader_epoch != -1)) {
        kafka_write_uvarint(writer, 1);
        kafka_write_uvarint(writer, TAG_CURRENT_LEADER);
        kafka_write_uvarint(writer, CURRENT_LEADER_SIZE);
        kafka_write_int32(writer, outcome->leader_id);
        kafka_write_int32(writer, outcome->leader_epoch);
        kafka_write_tags_none(writer, true);
    } else {
        kafka_write_tags_none(writer, flexible);
    }
}

void kafka_produce_response_topic_end(struct kafka_writer *writer, int16_t version) {
    kafka_write_tags_none(writer, is_flexible(version));
}

static size_t compact_text_size(struct kafka_text text) {
    return kafka_uvarint_size(text.data == NULL ? 0 : text.size + 1) + text.size;
}

static void write_endpoints(struct kafka_writer *writer,
                            const struct kafka_node_endpoint *endpoints, uint32_t count) {
    size_t size = kafka_uvarint_size((uint64_t)count + 1);
    for (uint32_t i = 0; i < count; i++) {
        size +=
            4 + compact_text_size(endpoints[i].host) + 4 + compact_text_size(endpoints[i].rack) + 1;
    }
    kafka_write_uvarint(writer, 1);
    kafka_write_uvarint(writer, TAG_NODE_ENDPOINTS);
    kafka_write_uvarint(writer, (uint32_t)size);
    kafka_write_count(writer, count, true);
    for (uint32_t i = 0; i < count; i++) {
        kafka_write_int32(writer, endpoints[i].node_id);
        kafka_write_text(writer, endpoints[i].host, true);
        kafka_write_int32(writer, endpoints[i].port);
        kafka_write_text_nullable(writer, endpoints[i].rack, true);
        kafka_write_tags_none(writer, true);
    }
}

void kafka_produce_response_end(struct kafka_writer *writer, int16_t version, size_t frame_at,
                                int32_t throttle_time_ms,
                                const struct kafka_node_endpoint *endpoints,
                                uint32_t endpoint_count) {
    kafka_write_int32(writer, throttle_time_ms);
    if (version >= 10 && endpoint_count > 0) {
        write_endpoints(writer, endpoints, endpoint_count);
    } else {
        kafka_write_tags_none(writer, is_flexible(version));
    }
    kafka_frame_end(writer, frame_at, 0);
}
