/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/api_versions.h"
#include "test.h"
#include "tests/protocol/wire.h"

static const struct kafka_api_range ranges[] = {
    {0, 3, 13}, {3, 0, 13}, {18, 0, 4}, {22, 0, 6}, {1000, 0, 1}};
enum { RANGE_COUNT = 5 };

Test(api_versions, request_is_written_and_read_as_the_official_client_does) {
    for (int16_t version = 0; version <= 4; version++) {
        struct vector vector = vector_load("api_versions.txt", "request.v%d.plain", version);
        struct kafka_api_versions_request request = {.correlation_id =
                                                         WIRE_CORRELATION_BASE + version,
                                                     .client_id = wire_client_id(),
                                                     .software_name = kafka_text_of("sluice"),
                                                     .software_version = kafka_text_of("0.1.0")};
        size_t bound = kafka_api_versions_request_bound(&request);
        uint8_t *bytes = malloc(bound);
        struct kafka_writer writer = kafka_writer_of(bytes, bound);
        kafka_api_versions_request_encode(&writer, version, &request);
        wire_expect_written(&writer, &vector);
        struct kafka_reader body = wire_request_body(&vector, KAFKA_API_VERSIONS, version);
        struct kafka_api_versions_request read;
        cr_assert(kafka_api_versions_request_decode(&body, version, &read));
        wire_expect_spent(&body, &vector);
        cr_assert(wire_text_is(read.software_name, version >= 3 ? "sluice" : NULL));
        cr_assert(wire_text_is(read.software_version, version >= 3 ? "0.1.0" : NULL));
        free(bytes);
        vector_free(&vector);
    }
}

static void expect_ranges(struct kafka_api_versions_response *response) {
    struct kafka_api_range range;
    cr_assert_eq(response->error_code, 0);
    cr_assert_eq(response->range_count, RANGE_COUNT);
    for (size_t i = 0; i < RANGE_COUNT; i++) {
        cr_assert(kafka_api_versions_response_next(response, &range));
        cr_assert_eq(range.key, ranges[i].key);
        cr_assert_eq(range.version_min, ranges[i].version_min);
        cr_assert_eq(range.version_max, ranges[i].version_max);
    }
    cr_assert_not(kafka_api_versions_response_next(response, &range));
}

Test(api_versions, response_is_written_and_read_as_the_official_client_does) {
    for (int16_t version = 0; version <= 4; version++) {
        struct vector vector = vector_load("api_versions.txt", "response.v%d.plain", version);
        uint8_t bytes[128];
        struct kafka_writer writer = kafka_writer_of(bytes, sizeof bytes);
        kafka_api_versions_response_encode(&writer, version, WIRE_CORRELATION_BASE + version, 0,
                                           ranges, RANGE_COUNT, 3);
        wire_expect_written(&writer, &vector);
        struct kafka_reader body = wire_response_body(&vector, KAFKA_API_VERSIONS, version);
        struct kafka_api_versions_response response;
        cr_assert(kafka_api_versions_response_open(&response, &body, version));
        wire_expect_spent(&body, &vector);
        cr_assert_eq(response.throttle_time_ms, version >= 1 ? 3 : 0);
        expect_ranges(&response);
        vector_free(&vector);
    }
}

Test(api_versions, response_with_features_is_read_over_them) {
    struct vector vector = vector_load("api_versions.txt", "response.v4.features");
    struct kafka_reader body = wire_response_body(&vector, KAFKA_API_VERSIONS, 4);
    struct kafka_api_versions_response response;
    cr_assert(kafka_api_versions_response_open(&response, &body, 4));
    wire_expect_spent(&body, &vector);
    expect_ranges(&response);
    vector_free(&vector);
}

Test(api_versions, response_to_an_unknown_version_is_read_in_the_oldest_format) {
    struct vector vector = vector_load("api_versions.txt", "response.v0.unsupported");
    struct kafka_api_range own = {KAFKA_API_VERSIONS, 0, 4};
    uint8_t bytes[32];
    struct kafka_writer writer = kafka_writer_of(bytes, sizeof bytes);
    kafka_api_versions_response_encode(&writer, 0, WIRE_CORRELATION_BASE,
                                       KAFKA_ERROR_UNSUPPORTED_VERSION, &own, 1, 0);
    wire_expect_written(&writer, &vector);
    for (int16_t asked = 0; asked <= 4; asked++) {
        struct kafka_reader body = wire_response_body(&vector, KAFKA_API_VERSIONS, 0);
        struct kafka_api_versions_response response;
        struct kafka_api_range range;
        cr_assert(kafka_api_versions_response_open(&response, &body, asked));
        wire_expect_spent(&body, &vector);
        cr_assert_eq(response.error_code, KAFKA_ERROR_UNSUPPORTED_VERSION);
        cr_assert(kafka_api_versions_response_next(&response, &range));
        cr_assert_eq(range.key, KAFKA_API_VERSIONS);
        cr_assert_eq(range.version_max, 4);
    }
    vector_free(&vector);
}
