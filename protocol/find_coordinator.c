/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/find_coordinator.h"

enum { BATCHED_FROM_VERSION = 4 };

static bool is_flexible(int16_t version) {
    return kafka_api_is_flexible(KAFKA_FIND_COORDINATOR, version);
}

bool kafka_find_coordinator_request_open(struct kafka_find_coordinator_request *request,
                                         struct kafka_reader *body, int16_t version) {
    bool flexible = is_flexible(version);
    *request = (struct kafka_find_coordinator_request){.version = version, .key_count = 1};
    if (version < BATCHED_FROM_VERSION) {
        request->keys = *body;
        (void)kafka_read_text(body, flexible);
    }
    if (version >= 1) {
        request->key_type = kafka_read_int8(body);
    }
    if (version >= BATCHED_FROM_VERSION) {
        request->key_count = kafka_read_count(body, flexible, 1);
        request->keys = *body;
        for (uint32_t i = 0; i < request->key_count && !body->failed; i++) {
            (void)kafka_read_text(body, flexible);
        }
    }
    request->keys_left = request->key_count;
    kafka_read_tags_skip(body, flexible);
    return !body->failed;
}

bool kafka_find_coordinator_request_next(struct kafka_find_coordinator_request *request,
                                         struct kafka_text *key) {
    if (request->keys_left == 0) {
        return false;
    }
    request->keys_left--;
    *key = kafka_read_text(&request->keys, is_flexible(request->version));
    return true;
}

static void write_single(struct kafka_writer *writer, int16_t version,
                         const struct kafka_coordinator *coordinator) {
    bool flexible = is_flexible(version);
    kafka_write_int16(writer, coordinator->error_code);
    if (version >= 1) {
        kafka_write_text_nullable(writer, coordinator->error_message, flexible);
    }
    kafka_write_int32(writer, coordinator->node_id);
    kafka_write_text(writer, coordinator->host, flexible);
    kafka_write_int32(writer, coordinator->port);
}

static void write_batched(struct kafka_writer *writer,
                          const struct kafka_coordinator *coordinator) {
    kafka_write_text(writer, coordinator->key, true);
    kafka_write_int32(writer, coordinator->node_id);
    kafka_write_text(writer, coordinator->host, true);
    kafka_write_int32(writer, coordinator->port);
    kafka_write_int16(writer, coordinator->error_code);
    kafka_write_text_nullable(writer, coordinator->error_message, true);
    kafka_write_tags_none(writer, true);
}

void kafka_find_coordinator_response_encode(struct kafka_writer *writer, int16_t version,
                                            int32_t correlation_id, int32_t throttle_time_ms,
                                            const struct kafka_coordinator *coordinators,
                                            uint32_t count) {
    size_t frame_at = kafka_frame_begin(writer);
    kafka_response_header_encode(writer, KAFKA_FIND_COORDINATOR, version, correlation_id);
    if (version >= 1) {
        kafka_write_int32(writer, throttle_time_ms);
    }
    if (version >= BATCHED_FROM_VERSION) {
        kafka_write_count(writer, count, true);
        for (uint32_t i = 0; i < count; i++) {
            write_batched(writer, &coordinators[i]);
        }
    } else {
        write_single(writer, version, &coordinators[0]);
    }
    kafka_write_tags_none(writer, is_flexible(version));
    kafka_frame_end(writer, frame_at, 0);
}
