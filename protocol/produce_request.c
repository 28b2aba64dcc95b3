/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/produce.h"

enum { TOPIC_SIZE_MIN = 3, PARTITION_SIZE_MIN = 6 };

static bool is_flexible(int16_t version) {
    return kafka_api_is_flexible(KAFKA_PRODUCE, version);
}

/* ---- client ---------------------------------------------------------------------------------- */

size_t kafka_produce_fixed_bound(struct kafka_text client_id, struct kafka_text transactional_id) {
    return kafka_request_header_bound(client_id) + kafka_text_bound(transactional_id) + 2 + 4 + 5 +
           1;
}

size_t kafka_produce_topic_bound(struct kafka_text name) {
    size_t name_bound = kafka_text_bound(name);
    size_t id_size = sizeof(struct kafka_uuid);
    return (name_bound > id_size ? name_bound : id_size) + 5 + 1;
}

size_t kafka_produce_request_bound(const struct kafka_produce_request *request) {
    size_t size = kafka_produce_fixed_bound(request->client_id, request->transactional_id);
    for (uint32_t i = 0; i < request->topic_count; i++) {
        const struct kafka_produce_topic *topic = &request->topics[i];
        size += kafka_produce_topic_bound(topic->name) +
                topic->partition_count * (size_t)KAFKA_PRODUCE_PARTITION_BOUND;
    }
    return size;
}

/* Returns the bytes of the batches that belong between. */
static size_t write_topic(struct kafka_writer *scratch, int16_t version, size_t frame_at,
                          const struct kafka_produce_topic *topic) {
    bool flexible = is_flexible(version);
    size_t referenced_size = 0;
    if (version >= KAFKA_PRODUCE_TOPIC_ID_VERSION) {
        kafka_write_uuid(scratch, topic->id);
    } else {
        kafka_write_text(scratch, topic->name, flexible);
    }
    kafka_write_count(scratch, topic->partition_count, flexible);
    for (uint32_t i = 0; i < topic->partition_count; i++) {
        struct kafka_produce_partition *partition = &topic->partitions[i];
        kafka_write_int32(scratch, partition->index);
        kafka_write_bytes_size(scratch, partition->records_size, flexible);
        partition->cut = kafka_writer_size(scratch) - frame_at;
        kafka_write_tags_none(scratch, flexible);
        referenced_size += partition->records_size;
    }
    kafka_write_tags_none(scratch, flexible);
    return referenced_size;
}

void kafka_produce_request_encode(struct kafka_writer *scratch, int16_t version,
                                  const struct kafka_produce_request *request) {
    bool flexible = is_flexible(version);
    size_t referenced_size = 0;
    size_t frame_at = kafka_frame_begin(scratch);
    kafka_request_header_encode(scratch, &(struct kafka_request_header){KAFKA_PRODUCE, version,
                                                                        request->correlation_id,
                                                                        request->client_id});
    kafka_write_text_nullable(scratch, request->transactional_id, flexible);
    kafka_write_int16(scratch, request->acks);
    kafka_write_int32(scratch, request->timeout_ms);
    kafka_write_count(scratch, request->topic_count, flexible);
    for (uint32_t i = 0; i < request->topic_count; i++) {
        referenced_size += write_topic(scratch, version, frame_at, &request->topics[i]);
    }
    kafka_write_tags_none(scratch, flexible);
    kafka_frame_end(scratch, frame_at, referenced_size);
}

/* ---- broker ---------------------------------------------------------------------------------- */

static struct kafka_produce_received_partition read_partition(struct kafka_reader *reader,
                                                              int16_t version) {
    struct kafka_produce_received_partition partition;
    bool flexible = is_flexible(version);
    partition.index = kafka_read_int32(reader);
    partition.records = kafka_read_bytes_nullable(reader, flexible);
    kafka_read_tags_skip(reader, flexible);
    return partition;
}

static struct kafka_produce_received_topic read_topic(struct kafka_reader *reader,
                                                      int16_t version) {
    struct kafka_produce_received_topic topic = {.version = version};
    bool flexible = is_flexible(version);
    if (version >= KAFKA_PRODUCE_TOPIC_ID_VERSION) {
        topic.id = kafka_read_uuid(reader);
    } else {
        topic.name = kafka_read_text(reader, flexible);
    }
    topic.partition_count = kafka_read_count(reader, flexible, PARTITION_SIZE_MIN);
    topic.partitions_left = topic.partition_count;
    topic.partitions = *reader;
    for (uint32_t i = 0; i < topic.partition_count && !reader->failed; i++) {
        (void)read_partition(reader, version);
    }
    kafka_read_tags_skip(reader, flexible);
    return topic;
}

bool kafka_produce_request_open(struct kafka_produce_received *received, struct kafka_reader *body,
                                int16_t version) {
    bool flexible = is_flexible(version);
    *received = (struct kafka_produce_received){.version = version};
    received->transactional_id = kafka_read_text_nullable(body, flexible);
    received->acks = kafka_read_int16(body);
    received->timeout_ms = kafka_read_int32(body);
    received->topic_count = kafka_read_count(body, flexible, TOPIC_SIZE_MIN);
    received->topics_left = received->topic_count;
    received->topics = *body;
    for (uint32_t i = 0; i < received->topic_count && !body->failed; i++) {
        (void)read_topic(body, version);
    }
    kafka_read_tags_skip(body, flexible);
    return !body->failed;
}

bool kafka_produce_request_next(struct kafka_produce_received *received,
                                struct kafka_produce_received_topic *topic) {
    if (received->topics_left == 0) {
        return false;
    }
    received->topics_left--;
    *topic = read_topic(&received->topics, received->version);
    return true;
}

bool kafka_produce_request_topic_next(struct kafka_produce_received_topic *topic,
                                      struct kafka_produce_received_partition *partition) {
    if (topic->partitions_left == 0) {
        return false;
    }
    topic->partitions_left--;
    *partition = read_partition(&topic->partitions, topic->version);
    return true;
}
