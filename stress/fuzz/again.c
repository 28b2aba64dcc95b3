/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "stress/fuzz/again.h"

#include "protocol/api_versions.h"
#include "protocol/init_producer_id.h"
#include "protocol/metadata.h"
#include "protocol/produce.h"
#include "stress/fuzz/fuzz.h"

/* What can be told from a response, one field after the other. */
struct told {
    uint8_t *data;
    size_t size, capacity;
};

static void tell(struct told *told, const void *data, size_t size) {
    if (told->size + size > told->capacity) {
        told->capacity = 2 * (told->size + size);
        told->data = realloc(told->data, told->capacity);
        RT_ASSERT(told->data != NULL);
    }
    if (size > 0) {
        memcpy(told->data + told->size, data, size);
    }
    told->size += size;
}

static void tell_number(struct told *told, int64_t number) {
    tell(told, &number, sizeof number);
}

static void tell_text(struct told *told, struct kafka_text text) {
    tell_number(told, text.data == NULL ? -1 : (int64_t)text.size);
    tell(told, text.data, text.size);
}

/* Each reads a response, tells of it in `told`, and writes it again if `writer` is not NULL. */
typedef void (*reader_of_api)(struct kafka_reader *body, int16_t version, int32_t correlation_id,
                              struct told *told, struct kafka_writer *writer);

static void init_producer_id_read(struct kafka_reader *body, int16_t version,
                                  int32_t correlation_id, struct told *told,
                                  struct kafka_writer *writer) {
    struct kafka_init_producer_id_response response;
    RT_ASSERT(kafka_init_producer_id_response_decode(body, version, &response));
    tell_number(told, response.throttle_time_ms);
    tell_number(told, response.error_code);
    tell_number(told, response.producer_id);
    tell_number(told, response.producer_epoch);
    if (writer != NULL) {
        kafka_init_producer_id_response_encode(writer, version, correlation_id, &response);
    }
}

static void api_versions_read(struct kafka_reader *body, int16_t version, int32_t correlation_id,
                              struct told *told, struct kafka_writer *writer) {
    struct kafka_api_versions_response response;
    RT_ASSERT(kafka_api_versions_response_open(&response, body, version));
    struct kafka_api_range *ranges = calloc(response.range_count + 1, sizeof *ranges);
    RT_ASSERT(ranges != NULL);
    uint32_t count = 0;
    while (kafka_api_versions_response_next(&response, &ranges[count])) {
        tell_number(told, ranges[count].key);
        tell_number(told, ranges[count].version_min);
        tell_number(told, ranges[count].version_max);
        count++;
    }
    RT_ASSERT(count == response.range_count);
    bool unsupported = response.error_code == KAFKA_ERROR_UNSUPPORTED_VERSION;
    tell_number(told, response.error_code);
    if (!unsupported) { /* else it is in the format of version 0, which has none */
        tell_number(told, response.throttle_time_ms);
    }
    if (writer != NULL) {
        kafka_api_versions_response_encode(writer, unsupported ? 0 : version, correlation_id,
                                           response.error_code, ranges, count,
                                           response.throttle_time_ms);
    }
    free(ranges);
}

/* ---- Metadata -------------------------------------------------------------------------------- */

static void metadata_brokers_read(struct kafka_metadata_response *response, struct told *told,
                                  struct kafka_metadata_broker *brokers) {
    uint32_t count = 0;
    while (kafka_metadata_response_next_broker(response, &brokers[count])) {
        tell_number(told, brokers[count].node_id);
        tell_text(told, brokers[count].host);
        tell_number(told, brokers[count].port);
        tell_text(told, brokers[count].rack);
        count++;
    }
    RT_ASSERT(count == response->broker_count);
}

/* Replicas are counted and not kept: as many zeros stand in for them. */
static void metadata_partition_read(const struct kafka_metadata_partition *partition,
                                    int16_t version, struct told *told,
                                    struct kafka_writer *writer) {
    tell_number(told, partition->error_code);
    tell_number(told, partition->index);
    tell_number(told, partition->leader_id);
    tell_number(told, partition->leader_epoch);
    tell_number(told, partition->replica_count);
    tell_number(told, partition->in_sync_count);
    if (writer != NULL) {
        uint32_t most = partition->replica_count > partition->in_sync_count
                            ? partition->replica_count
                            : partition->in_sync_count;
        int32_t *nodes = calloc(most + 1, sizeof *nodes);
        struct kafka_metadata_answer_partition written = {
            .error_code = partition->error_code,
            .index = partition->index,
            .leader_id = partition->leader_id,
            .leader_epoch = partition->leader_epoch,
            .replicas = nodes,
            .replica_count = partition->replica_count,
            .in_sync = nodes,
            .in_sync_count = partition->in_sync_count,
            .offline = nodes,
        };
        kafka_metadata_response_partition(writer, version, &written);
        free(nodes);
    }
}

static void metadata_topics_read(struct kafka_metadata_response *response, int16_t version,
                                 struct told *told, struct kafka_writer *writer) {
    struct kafka_metadata_topic topic;
    struct kafka_metadata_partition partition;
    while (kafka_metadata_response_next_topic(response, &topic)) {
        tell_number(told, topic.error_code);
        tell_text(told, topic.name);
        tell(told, topic.id.bytes, sizeof topic.id.bytes);
        tell_number(told, topic.is_internal);
        tell_number(told, topic.partition_count);
        if (writer != NULL) {
            struct kafka_metadata_answer_topic written = {topic.error_code, topic.name, topic.id,
                                                          topic.is_internal, topic.partition_count};
            kafka_metadata_response_topic(writer, version, &written);
        }
        while (kafka_metadata_topic_next(&topic, &partition)) {
            metadata_partition_read(&partition, version, told, writer);
        }
        if (writer != NULL) {
            kafka_metadata_response_topic_end(writer, version);
        }
    }
}

static void metadata_read(struct kafka_reader *body, int16_t version, int32_t correlation_id,
                          struct told *told, struct kafka_writer *writer) {
    struct kafka_metadata_response response;
    RT_ASSERT(kafka_metadata_response_open(&response, body, version));
    struct kafka_metadata_broker *brokers = calloc(response.broker_count + 1, sizeof *brokers);
    RT_ASSERT(brokers != NULL);
    metadata_brokers_read(&response, told, brokers);
    struct kafka_metadata_answer answer = {
        .throttle_time_ms = response.throttle_time_ms,
        .brokers = brokers,
        .broker_count = response.broker_count,
        .cluster_id = response.cluster_id,
        .controller_id = response.controller_id,
        .topic_count = response.topic_count,
        .error_code = response.error_code,
    };
    tell_number(told, response.throttle_time_ms);
    tell_text(told, response.cluster_id);
    tell_number(told, response.controller_id);
    tell_number(told, response.error_code);
    size_t frame_at = writer == NULL
                          ? 0
                          : kafka_metadata_response_begin(writer, version, correlation_id, &answer);
    metadata_topics_read(&response, version, told, writer);
    if (writer != NULL) {
        kafka_metadata_response_end(writer, version, frame_at, &answer);
    }
    free(brokers);
}

/* ---- Produce --------------------------------------------------------------------------------- */

static void produce_answer_read(struct kafka_produce_answer *answer, int16_t version,
                                struct told *told, struct kafka_writer *writer) {
    struct kafka_record_error *errors = calloc(answer->record_error_count + 1, sizeof *errors);
    RT_ASSERT(errors != NULL);
    uint32_t count = 0;
    tell_text(told, answer->topic_name);
    tell(told, answer->topic_id.bytes, sizeof answer->topic_id.bytes);
    tell_number(told, answer->index);
    tell_number(told, answer->error_code);
    tell_number(told, answer->base_offset);
    tell_number(told, answer->log_append_time_ms);
    tell_number(told, answer->log_start_offset);
    tell_text(told, answer->error_message);
    tell_number(told, answer->leader_id);
    tell_number(told, answer->leader_epoch);
    while (kafka_produce_answer_next_error(answer, &errors[count])) {
        tell_number(told, errors[count].batch_index);
        tell_text(told, errors[count].message);
        count++;
    }
    RT_ASSERT(count == answer->record_error_count);
    if (writer != NULL) {
        struct kafka_produce_outcome outcome = {
            .index = answer->index,
            .error_code = answer->error_code,
            .base_offset = answer->base_offset,
            .log_append_time_ms = answer->log_append_time_ms,
            .log_start_offset = answer->log_start_offset,
            .record_errors = errors,
            .record_error_count = count,
            .error_message = answer->error_message,
            .leader_id = answer->leader_id,
            .leader_epoch = answer->leader_epoch,
        };
        kafka_produce_response_topic(writer, version, answer->topic_name, answer->topic_id, 1);
        kafka_produce_response_partition(writer, version, &outcome);
        kafka_produce_response_topic_end(writer, version);
    }
    free(errors);
}

/* Answers are listed partition by partition: written again, each has a topic of its own. */
static uint32_t produce_answers_count(struct kafka_produce_response response) {
    struct kafka_produce_answer answer;
    uint32_t count = 0;
    while (kafka_produce_response_next(&response, &answer)) {
        count++;
    }
    return count;
}

static void produce_read(struct kafka_reader *body, int16_t version, int32_t correlation_id,
                         struct told *told, struct kafka_writer *writer) {
    struct kafka_produce_response response;
    struct kafka_produce_answer answer;
    RT_ASSERT(kafka_produce_response_open(&response, body, version));
    size_t frame_at = writer == NULL
                          ? 0
                          : kafka_produce_response_begin(writer, version, correlation_id,
                                                         produce_answers_count(response));
    while (kafka_produce_response_next(&response, &answer)) {
        produce_answer_read(&answer, version, told, writer);
    }
    struct kafka_node_endpoint *endpoints = calloc(response.endpoint_count + 1, sizeof *endpoints);
    RT_ASSERT(endpoints != NULL);
    uint32_t count = 0;
    while (kafka_produce_response_next_endpoint(&response, &endpoints[count])) {
        tell_number(told, endpoints[count].node_id);
        tell_text(told, endpoints[count].host);
        tell_number(told, endpoints[count].port);
        tell_text(told, endpoints[count].rack);
        count++;
    }
    RT_ASSERT(count == response.endpoint_count);
    tell_number(told, response.throttle_time_ms);
    if (writer != NULL) {
        kafka_produce_response_end(writer, version, frame_at, response.throttle_time_ms, endpoints,
                                   count);
    }
    free(endpoints);
}

/* ---------------------------------------------------------------------------------------------- */

static reader_of_api reader_find(int16_t api_key) {
    switch (api_key) {
    case KAFKA_PRODUCE:
        return produce_read;
    case KAFKA_METADATA:
        return metadata_read;
    case KAFKA_API_VERSIONS:
        return api_versions_read;
    default:
        RT_ASSERT(api_key == KAFKA_INIT_PRODUCER_ID);
        return init_producer_id_read;
    }
}

void again_check(const uint8_t *bytes, size_t size, int16_t api_key, int16_t version) {
    struct told before = {NULL, 0, 0};
    struct told after = {NULL, 0, 0};
    size_t room = 64 * size + 1024; /* an answer may get a topic of its own, and its name again */
    uint8_t *frame = malloc(room);
    RT_ASSERT(frame != NULL);
    struct kafka_writer writer = kafka_writer_of(frame, room);
    struct kafka_reader body = kafka_reader_of(bytes, size);
    int32_t correlation_id = kafka_correlation_decode(&body);
    kafka_response_header_finish(&body, api_key, version);
    reader_find(api_key)(&body, version, correlation_id, &before, &writer);
    if (!writer.failed) { /* many answers under one long name: no room */
        size_t written = kafka_writer_size(&writer);
        size_t frame_size;
        RT_ASSERT(kafka_frame_measure(frame, written, written, &frame_size) == KAFKA_FRAME_WHOLE);
        RT_ASSERT(frame_size == written);
        body = kafka_reader_of(frame + KAFKA_FRAME_PREFIX_SIZE, written - KAFKA_FRAME_PREFIX_SIZE);
        RT_ASSERT(kafka_correlation_decode(&body) == correlation_id);
        kafka_response_header_finish(&body, api_key, version);
        RT_ASSERT(!body.failed);
        reader_find(api_key)(&body, version, correlation_id, &after, NULL);
        RT_ASSERT(kafka_reader_left(&body) == 0);
        RT_ASSERT(before.size == after.size);
        RT_ASSERT(before.size == 0 || memcmp(before.data, after.data, before.size) == 0);
    }
    free(before.data);
    free(after.data);
    free(frame);
}
