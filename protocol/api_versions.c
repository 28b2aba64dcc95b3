/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/api_versions.h"

enum { RANGE_SIZE = 6 };

size_t kafka_api_versions_request_bound(const struct kafka_api_versions_request *request) {
    return kafka_request_header_bound(request->client_id) +
           kafka_text_bound(request->software_name) + kafka_text_bound(request->software_version) +
           1;
}

void kafka_api_versions_request_encode(struct kafka_writer *writer, int16_t version,
                                       const struct kafka_api_versions_request *request) {
    size_t frame_at = kafka_frame_begin(writer);
    kafka_request_header_encode(writer, &(struct kafka_request_header){KAFKA_API_VERSIONS, version,
                                                                       request->correlation_id,
                                                                       request->client_id});
    if (version >= 3) {
        kafka_write_text(writer, request->software_name, true);
        kafka_write_text(writer, request->software_version, true);
        kafka_write_tags_none(writer, true);
    }
    kafka_frame_end(writer, frame_at, 0);
}

bool kafka_api_versions_request_decode(struct kafka_reader *body, int16_t version,
                                       struct kafka_api_versions_request *request) {
    request->software_name = KAFKA_TEXT_NULL;
    request->software_version = KAFKA_TEXT_NULL;
    if (version >= 3) {
        request->software_name = kafka_read_text(body, true);
        request->software_version = kafka_read_text(body, true);
        kafka_read_tags_skip(body, true);
    }
    return !body->failed;
}

static struct kafka_api_range read_range(struct kafka_reader *reader, bool flexible) {
    struct kafka_api_range range;
    range.key = kafka_read_int16(reader);
    range.version_min = kafka_read_int16(reader);
    range.version_max = kafka_read_int16(reader);
    kafka_read_tags_skip(reader, flexible);
    return range;
}

bool kafka_api_versions_response_open(struct kafka_api_versions_response *response,
                                      struct kafka_reader *body, int16_t version) {
    *response = (struct kafka_api_versions_response){0};
    response->error_code = kafka_read_int16(body);
    if (response->error_code == KAFKA_ERROR_UNSUPPORTED_VERSION) {
        version = 0;
    }
    response->flexible = version >= 3;
    response->range_count = kafka_read_count(body, response->flexible, RANGE_SIZE);
    response->ranges = *body;
    for (uint32_t i = 0; i < response->range_count; i++) {
        (void)read_range(body, response->flexible);
    }
    if (version >= 1) {
        response->throttle_time_ms = kafka_read_int32(body);
    }
    kafka_read_tags_skip(body, response->flexible);
    response->ranges_left = response->range_count;
    return !body->failed;
}

bool kafka_api_versions_response_next(struct kafka_api_versions_response *response,
                                      struct kafka_api_range *range) {
    if (response->ranges_left == 0) {
        return false;
    }
    response->ranges_left--;
    *range = read_range(&response->ranges, response->flexible);
    return true;
}

void kafka_api_versions_response_encode(struct kafka_writer *writer, int16_t version,
                                        int32_t correlation_id, int16_t error_code,
                                        const struct kafka_api_range *ranges, uint32_t range_count,
                                        int32_t throttle_time_ms) {
    bool flexible = version >= 3;
    size_t frame_at = kafka_frame_begin(writer);
    kafka_response_header_encode(writer, KAFKA_API_VERSIONS, version, correlation_id);
    kafka_write_int16(writer, error_code);
    kafka_write_count(writer, range_count, flexible);
    for (uint32_t i = 0; i < range_count; i++) {
        kafka_write_int16(writer, ranges[i].key);
        kafka_write_int16(writer, ranges[i].version_min);
        kafka_write_int16(writer, ranges[i].version_max);
        kafka_write_tags_none(writer, flexible);
    }
    if (version >= 1) {
        kafka_write_int32(writer, throttle_time_ms);
    }
    kafka_write_tags_none(writer, flexible);
    kafka_frame_end(writer, frame_at, 0);
}
