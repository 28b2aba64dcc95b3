/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/protocol/walk.h"

#include <stdlib.h>

#include "protocol/api_versions.h"
#include "protocol/batch.h"
#include "protocol/codec.h"
#include "protocol/fetch.h"
#include "protocol/find_coordinator.h"
#include "protocol/init_producer_id.h"
#include "protocol/list_offsets.h"
#include "protocol/metadata.h"
#include "protocol/produce.h"
#include "protocol/record.h"
#include "runtime/assert.h"

static void touch(const void *data, size_t size) {
    const volatile uint8_t *at = data;
    unsigned sum = 0;
    for (size_t i = 0; i < size; i++) {
        sum += at[i];
    }
    (void)sum;
}

static void touch_text(struct kafka_text text) {
    RT_ASSERT(kafka_text_is_valid(text));
    touch(text.data, text.size);
}

/* ---- records and batches -------------------------------------------------------------------- */

bool walk_records(const uint8_t *data, size_t size, int32_t count) {
    struct kafka_reader reader = kafka_reader_of(data, size);
    for (int32_t i = 0; i < count; i++) {
        struct kafka_record record;
        struct kafka_record_header header;
        if (!kafka_record_decode(&reader, &record)) {
            return false;
        }
        touch(record.key.data, record.key.size);
        touch(record.value.data, record.value.size);
        uint32_t headers = 0;
        while (kafka_record_next_header(&record, &header)) {
            touch(header.name.data, header.name.size);
            touch(header.value.data, header.value.size);
            headers++;
        }
        RT_ASSERT(headers == record.header_count && !record.headers.failed);
    }
    return kafka_reader_left(&reader) == 0;
}

static bool walk_compressed(const struct kafka_codec *codec, struct kafka_bytes records,
                            int32_t count) {
    enum { OUTPUT_SIZE_MAX = 1 << 20 };
    uint8_t *output = malloc(OUTPUT_SIZE_MAX);
    void *memory = malloc(codec->decompress_memory_size);
    size_t output_size;
    bool good =
        kafka_decompress(codec, memory, codec->decompress_memory_size, records.data, records.size,
                         output, OUTPUT_SIZE_MAX, &output_size) == KAFKA_CODEC_DONE &&
        walk_records(output, output_size, count);
    free(memory);
    free(output);
    return good;
}

bool walk_batches(const uint8_t *data, size_t size) {
    while (size > 0) {
        struct kafka_batch_header header;
        struct kafka_bytes records;
        if (kafka_batch_decode(data, size, &header, &records) != KAFKA_BATCH_GOOD) {
            return false;
        }
        touch(records.data, records.size);
        (void)kafka_batch_check_produced(&header);
        const struct kafka_codec *codec =
            kafka_codec_by_id(header.attributes & KAFKA_BATCH_CODEC_MASK);
        bool good = codec->id == KAFKA_CODEC_NONE
                        ? walk_records(records.data, records.size, header.record_count)
                        : codec->is_built && walk_compressed(codec, records, header.record_count);
        if (!good) {
            return false;
        }
        data += KAFKA_BATCH_HEADER_SIZE + records.size;
        size -= KAFKA_BATCH_HEADER_SIZE + records.size;
    }
    return true;
}

/* ---- requests ------------------------------------------------------------------------------- */

static bool walk_produce_request(struct kafka_reader *body, int16_t version) {
    struct kafka_produce_received received;
    struct kafka_produce_received_topic topic;
    struct kafka_produce_received_partition partition;
    if (!kafka_produce_request_open(&received, body, version)) {
        return false;
    }
    touch_text(received.transactional_id);
    while (kafka_produce_request_next(&received, &topic)) {
        touch_text(topic.name);
        while (kafka_produce_request_topic_next(&topic, &partition)) {
            (void)walk_batches(partition.records.data, partition.records.size);
        }
        RT_ASSERT(!topic.partitions.failed);
    }
    RT_ASSERT(!received.topics.failed);
    return true;
}

static bool walk_metadata_request(struct kafka_reader *body, int16_t version) {
    struct kafka_metadata_asked asked;
    struct kafka_metadata_request_topic topic;
    if (!kafka_metadata_request_open(&asked, body, version)) {
        return false;
    }
    while (kafka_metadata_request_next(&asked, &topic)) {
        touch_text(topic.name);
    }
    RT_ASSERT(!asked.topics.failed);
    return true;
}

static bool walk_fetch_request(struct kafka_reader *body, int16_t version) {
    struct kafka_fetch_request request;
    struct kafka_fetch_topic topic;
    struct kafka_fetch_partition partition;
    if (!kafka_fetch_request_open(&request, body, version)) {
        return false;
    }
    while (kafka_fetch_request_next(&request, &topic)) {
        touch_text(topic.name);
        while (kafka_fetch_topic_next(&topic, &partition)) {
        }
        RT_ASSERT(!topic.partitions.failed);
    }
    RT_ASSERT(!request.topics.failed);
    return true;
}

static bool walk_list_offsets_request(struct kafka_reader *body, int16_t version) {
    struct kafka_list_offsets_request request;
    struct kafka_list_offsets_topic topic;
    struct kafka_list_offsets_partition partition;
    if (!kafka_list_offsets_request_open(&request, body, version)) {
        return false;
    }
    while (kafka_list_offsets_request_next(&request, &topic)) {
        touch_text(topic.name);
        while (kafka_list_offsets_topic_next(&topic, &partition)) {
        }
        RT_ASSERT(!topic.partitions.failed);
    }
    RT_ASSERT(!request.topics.failed);
    return true;
}

static bool walk_find_coordinator_request(struct kafka_reader *body, int16_t version) {
    struct kafka_find_coordinator_request request;
    struct kafka_text key;
    if (!kafka_find_coordinator_request_open(&request, body, version)) {
        return false;
    }
    while (kafka_find_coordinator_request_next(&request, &key)) {
        touch_text(key);
    }
    RT_ASSERT(!request.keys.failed);
    return true;
}

static bool walk_api_versions_request(struct kafka_reader *body, int16_t version) {
    struct kafka_api_versions_request request;
    if (!kafka_api_versions_request_decode(body, version, &request)) {
        return false;
    }
    touch_text(request.software_name);
    touch_text(request.software_version);
    return true;
}

static bool walk_init_producer_id_request(struct kafka_reader *body, int16_t version) {
    struct kafka_init_producer_id_request request;
    if (!kafka_init_producer_id_request_decode(body, version, &request)) {
        return false;
    }
    touch_text(request.transactional_id);
    return true;
}

bool walk_request_body(struct kafka_reader body, int16_t api_key, int16_t version) {
    switch (api_key) {
    case KAFKA_PRODUCE:
        return walk_produce_request(&body, version);
    case KAFKA_FETCH:
        return walk_fetch_request(&body, version);
    case KAFKA_LIST_OFFSETS:
        return walk_list_offsets_request(&body, version);
    case KAFKA_METADATA:
        return walk_metadata_request(&body, version);
    case KAFKA_FIND_COORDINATOR:
        return walk_find_coordinator_request(&body, version);
    case KAFKA_API_VERSIONS:
        return walk_api_versions_request(&body, version);
    case KAFKA_INIT_PRODUCER_ID:
        return walk_init_producer_id_request(&body, version);
    default:
        return false;
    }
}

bool walk_request(const uint8_t *data, size_t size) {
    struct kafka_reader reader = kafka_reader_of(data, size);
    struct kafka_request_header header;
    if (!kafka_request_header_decode(&reader, &header)) {
        return false;
    }
    touch_text(header.client_id);
    return kafka_api_is_spoken(header.api_key, header.api_version) &&
           walk_request_body(reader, header.api_key, header.api_version);
}

/* ---- responses ------------------------------------------------------------------------------ */

static bool walk_produce_response(struct kafka_reader *body, int16_t version) {
    struct kafka_produce_response response;
    struct kafka_produce_answer answer;
    struct kafka_record_error error;
    struct kafka_node_endpoint endpoint;
    if (!kafka_produce_response_open(&response, body, version)) {
        return false;
    }
    while (kafka_produce_response_next(&response, &answer)) {
        touch_text(answer.topic_name);
        touch_text(answer.error_message);
        while (kafka_produce_answer_next_error(&answer, &error)) {
            touch_text(error.message);
        }
        RT_ASSERT(!answer.record_errors.failed);
    }
    while (kafka_produce_response_next_endpoint(&response, &endpoint)) {
        touch_text(endpoint.host);
        touch_text(endpoint.rack);
    }
    RT_ASSERT(!response.topics.failed && !response.endpoints.failed);
    return true;
}

static bool walk_metadata_response(struct kafka_reader *body, int16_t version) {
    struct kafka_metadata_response response;
    struct kafka_metadata_broker broker;
    struct kafka_metadata_topic topic;
    struct kafka_metadata_partition partition;
    if (!kafka_metadata_response_open(&response, body, version)) {
        return false;
    }
    touch_text(response.cluster_id);
    while (kafka_metadata_response_next_broker(&response, &broker)) {
        touch_text(broker.host);
        touch_text(broker.rack);
    }
    while (kafka_metadata_response_next_topic(&response, &topic)) {
        touch_text(topic.name);
        while (kafka_metadata_topic_next(&topic, &partition)) {
        }
        RT_ASSERT(!topic.partitions.failed);
    }
    RT_ASSERT(!response.topics.failed && !response.brokers.failed);
    return true;
}

static bool walk_api_versions_response(struct kafka_reader *body, int16_t version) {
    struct kafka_api_versions_response response;
    struct kafka_api_range range;
    struct kafka_peer peer;
    if (!kafka_api_versions_response_open(&response, body, version)) {
        return false;
    }
    kafka_peer_init(&peer);
    while (kafka_api_versions_response_next(&response, &range)) {
        kafka_peer_learn(&peer, range.key, range.version_min, range.version_max);
    }
    RT_ASSERT(!response.ranges.failed);
    for (size_t i = 0; i < KAFKA_API_COUNT; i++) {
        int16_t common = kafka_peer_version(&peer, kafka_apis[i].key);
        RT_ASSERT(common == -1 || kafka_api_is_spoken(kafka_apis[i].key, common));
    }
    return true;
}

bool walk_response_body(struct kafka_reader body, int16_t api_key, int16_t version) {
    struct kafka_init_producer_id_response producer;
    switch (api_key) {
    case KAFKA_PRODUCE:
        return walk_produce_response(&body, version);
    case KAFKA_METADATA:
        return walk_metadata_response(&body, version);
    case KAFKA_API_VERSIONS:
        return walk_api_versions_response(&body, version);
    case KAFKA_INIT_PRODUCER_ID:
        return kafka_init_producer_id_response_decode(&body, version, &producer);
    default:
        return false;
    }
}

bool walk_response(const uint8_t *data, size_t size, int16_t api_key, int16_t version) {
    struct kafka_reader reader = kafka_reader_of(data, size);
    (void)kafka_correlation_decode(&reader);
    kafka_response_header_finish(&reader, api_key, version);
    return !reader.failed && walk_response_body(reader, api_key, version);
}
