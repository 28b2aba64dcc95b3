/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/api.h"

const struct kafka_api_info kafka_apis[KAFKA_API_COUNT] = {
    {KAFKA_PRODUCE, 3, 13, 9, "Produce"},
    {KAFKA_FETCH, 4, 18, 12, "Fetch"},
    {KAFKA_LIST_OFFSETS, 1, 11, 6, "ListOffsets"},
    {KAFKA_METADATA, 0, 13, 9, "Metadata"},
    {KAFKA_FIND_COORDINATOR, 0, 6, 3, "FindCoordinator"},
    {KAFKA_API_VERSIONS, 0, 4, 3, "ApiVersions"},
    {KAFKA_INIT_PRODUCER_ID, 0, 5, 2, "InitProducerId"},
};

enum { REQUEST_HEADER_SIZE_MIN = 8, RESPONSE_HEADER_SIZE_MIN = 4 };

const struct kafka_api_info *kafka_api_find(int16_t key) {
    for (size_t i = 0; i < KAFKA_API_COUNT; i++) {
        if (kafka_apis[i].key == key) {
            return &kafka_apis[i];
        }
    }
    return NULL;
}

bool kafka_api_is_flexible(int16_t key, int16_t version) {
    const struct kafka_api_info *api = kafka_api_find(key);
    return api != NULL && version >= api->flexible_from;
}

bool kafka_api_is_spoken(int16_t key, int16_t version) {
    const struct kafka_api_info *api = kafka_api_find(key);
    return api != NULL && version >= api->version_min && version <= api->version_max;
}

enum kafka_frame_status kafka_frame_measure(const uint8_t *data, size_t size, size_t frame_size_max,
                                            size_t *frame_size) {
    *frame_size = 0;
    if (size < KAFKA_FRAME_PREFIX_SIZE) {
        return KAFKA_FRAME_PARTIAL;
    }
    struct kafka_reader reader = kafka_reader_of(data, KAFKA_FRAME_PREFIX_SIZE);
    int64_t body_size = kafka_read_int32(&reader);
    if (body_size < RESPONSE_HEADER_SIZE_MIN ||
        (uint64_t)body_size + KAFKA_FRAME_PREFIX_SIZE > frame_size_max) {
        return KAFKA_FRAME_REFUSED;
    }
    *frame_size = (size_t)body_size + KAFKA_FRAME_PREFIX_SIZE;
    return size < *frame_size ? KAFKA_FRAME_PARTIAL : KAFKA_FRAME_WHOLE;
}

size_t kafka_frame_begin(struct kafka_writer *writer) {
    size_t frame_at = kafka_writer_size(writer);
    kafka_write_int32(writer, 0);
    return frame_at;
}

void kafka_frame_end(struct kafka_writer *writer, size_t frame_at, size_t referenced_size) {
    if (writer->failed) {
        return;
    }
    uint64_t size =
        kafka_writer_size(writer) - frame_at - KAFKA_FRAME_PREFIX_SIZE + referenced_size;
    if (size > INT32_MAX) {
        writer->failed = true;
        return;
    }
    struct kafka_writer prefix = kafka_writer_of(writer->start + frame_at, KAFKA_FRAME_PREFIX_SIZE);
    kafka_write_int32(&prefix, (int32_t)size);
}

void kafka_request_header_encode(struct kafka_writer *writer,
                                 const struct kafka_request_header *header) {
    kafka_write_int16(writer, header->api_key);
    kafka_write_int16(writer, header->api_version);
    kafka_write_int32(writer, header->correlation_id);
    kafka_write_text_nullable(writer, header->client_id, false); /* never compact */
    kafka_write_tags_none(writer, kafka_api_is_flexible(header->api_key, header->api_version));
}

bool kafka_request_header_decode(struct kafka_reader *reader, struct kafka_request_header *header) {
    header->api_key = kafka_read_int16(reader);
    header->api_version = kafka_read_int16(reader);
    header->correlation_id = kafka_read_int32(reader);
    header->client_id = kafka_read_text_nullable(reader, false);
    kafka_read_tags_skip(reader, kafka_api_is_flexible(header->api_key, header->api_version));
    return !reader->failed;
}

size_t kafka_request_header_bound(struct kafka_text client_id) {
    return KAFKA_FRAME_PREFIX_SIZE + REQUEST_HEADER_SIZE_MIN + kafka_text_bound(client_id) + 1;
}

/* Whoever asks for the versions cannot know which header to expect, so that answer's never has
 * tagged fields. */
static bool response_header_is_flexible(int16_t api_key, int16_t version) {
    return api_key != KAFKA_API_VERSIONS && kafka_api_is_flexible(api_key, version);
}

void kafka_response_header_encode(struct kafka_writer *writer, int16_t api_key, int16_t version,
                                  int32_t correlation_id) {
    kafka_write_int32(writer, correlation_id);
    kafka_write_tags_none(writer, response_header_is_flexible(api_key, version));
}

int32_t kafka_correlation_decode(struct kafka_reader *reader) {
    return kafka_read_int32(reader);
}

void kafka_response_header_finish(struct kafka_reader *reader, int16_t api_key, int16_t version) {
    kafka_read_tags_skip(reader, response_header_is_flexible(api_key, version));
}

void kafka_peer_init(struct kafka_peer *peer) {
    for (size_t i = 0; i < KAFKA_API_COUNT; i++) {
        peer->ranges[i].version_min = 0;
        peer->ranges[i].version_max = -1;
    }
}

void kafka_peer_learn(struct kafka_peer *peer, int16_t key, int16_t version_min,
                      int16_t version_max) {
    const struct kafka_api_info *api = kafka_api_find(key);
    if (api != NULL) {
        size_t slot = (size_t)(api - kafka_apis);
        peer->ranges[slot].version_min = version_min;
        peer->ranges[slot].version_max = version_max;
    }
}

static int16_t common_version(const struct kafka_peer *peer, int16_t key, int16_t version_cap) {
    const struct kafka_api_info *api = kafka_api_find(key);
    if (api == NULL) {
        return -1;
    }
    size_t slot = (size_t)(api - kafka_apis);
    int16_t lowest = peer->ranges[slot].version_min;
    int16_t highest = peer->ranges[slot].version_max;
    if (lowest > highest) {
        return -1;
    }
    if (lowest < api->version_min) {
        lowest = api->version_min;
    }
    if (highest > api->version_max) {
        highest = api->version_max;
    }
    if (highest > version_cap) {
        highest = version_cap;
    }
    return lowest > highest ? -1 : highest;
}

int16_t kafka_peer_version(const struct kafka_peer *peer, int16_t key) {
    return common_version(peer, key, INT16_MAX);
}

int16_t kafka_peer_produce_version(const struct kafka_peer *peer, bool every_topic_has_id) {
    return common_version(peer, KAFKA_PRODUCE, every_topic_has_id ? INT16_MAX : 12);
}
