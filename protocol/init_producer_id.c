/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/init_producer_id.h"

static bool is_flexible(int16_t version) {
    return kafka_api_is_flexible(KAFKA_INIT_PRODUCER_ID, version);
}

size_t kafka_init_producer_id_request_bound(const struct kafka_init_producer_id_request *request) {
    return kafka_request_header_bound(request->client_id) +
           kafka_text_bound(request->transactional_id) + 4 + 8 + 2 + 1;
}

void kafka_init_producer_id_request_encode(struct kafka_writer *writer, int16_t version,
                                           const struct kafka_init_producer_id_request *request) {
    bool flexible = is_flexible(version);
    size_t frame_at = kafka_frame_begin(writer);
    kafka_request_header_encode(
        writer, &(struct kafka_request_header){KAFKA_INIT_PRODUCER_ID, version,
                                               request->correlation_id, request->client_id});
    kafka_write_text_nullable(writer, request->transactional_id, flexible);
    kafka_write_int32(writer, request->transaction_timeout_ms);
    if (version >= 3) {
        kafka_write_int64(writer, request->producer_id);
        kafka_write_int16(writer, request->producer_epoch);
    }
    kafka_write_tags_none(writer, flexible);
    kafka_frame_end(writer, frame_at, 0);
}

bool kafka_init_producer_id_request_decode(struct kafka_reader *body, int16_t version,
                                           struct kafka_init_producer_id_request *request) {
    bool flexible = is_flexible(version);
    request->transactional_id = kafka_read_text_nullable(body, flexible);
    request->transaction_timeout_ms = kafka_read_int32(body);
    request->producer_id = version >= 3 ? kafka_read_int64(body) : -1;
    request->producer_epoch = version >= 3 ? kafka_read_int16(body) : -1;
    kafka_read_tags_skip(body, flexible);
    return !body->failed;
}

bool kafka_init_producer_id_response_decode(struct kafka_reader *body, int16_t version,
                                            struct kafka_init_producer_id_response *response) {
    response->throttle_time_ms = kafka_read_int32(body);
    response->error_code = kafka_read_int16(body);
    response->producer_id = kafka_read_int64(body);
    response->producer_epoch = kafka_read_int16(body);
    kafka_read_tags_skip(body, is_flexible(version));
    return !body->failed;
}

void kafka_init_producer_id_response_encode(
    struct kafka_writer *writer, int16_t version, int32_t correlation_id,
    const struct kafka_init_producer_id_response *response) {
    size_t frame_at = kafka_frame_begin(writer);
    kafka_response_header_encode(writer, KAFKA_INIT_PRODUCER_ID, version, correlation_id);
    kafka_write_int32(writer, response->throttle_time_ms);
    kafka_write_int16(writer, response->error_code);
    kafka_write_int64(writer, response->producer_id);
    kafka_write_int16(writer, response->producer_epoch);
    kafka_write_tags_none(writer, is_flexible(version));
    kafka_frame_end(writer, frame_at, 0);
}
