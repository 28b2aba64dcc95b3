/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/init_producer_id.h"
#include "test.h"
#include "tests/protocol/wire.h"

static void check_request(int16_t version, const char *name, const char *transactional_id,
                          int32_t timeout_ms, int64_t producer_id, int16_t producer_epoch) {
    struct vector vector = vector_load("init_producer_id.txt", "request.v%d.%s", version, name);
    struct kafka_init_producer_id_request request = {
        .correlation_id = WIRE_CORRELATION_BASE + version,
        .client_id = wire_client_id(),
        .transactional_id = kafka_text_of(transactional_id),
        .transaction_timeout_ms = timeout_ms,
        .producer_id = producer_id,
        .producer_epoch = producer_epoch};
    size_t bound = kafka_init_producer_id_request_bound(&request);
    uint8_t *bytes = malloc(bound);
    struct kafka_writer writer = kafka_writer_of(bytes, bound);
    kafka_init_producer_id_request_encode(&writer, version, &request);
    wire_expect_written(&writer, &vector);
    struct kafka_reader body = wire_request_body(&vector, KAFKA_INIT_PRODUCER_ID, version);
    struct kafka_init_producer_id_request read;
    cr_assert(kafka_init_producer_id_request_decode(&body, version, &read));
    wire_expect_spent(&body, &vector);
    cr_assert(wire_text_is(read.transactional_id, transactional_id));
    cr_assert_eq(read.transaction_timeout_ms, timeout_ms);
    cr_assert_eq(read.producer_id, version >= 3 ? producer_id : -1);
    cr_assert_eq(read.producer_epoch, version >= 3 ? producer_epoch : -1);
    free(bytes);
    vector_free(&vector);
}

Test(init_producer_id, request_is_written_and_read_as_the_official_client_does) {
    for (int16_t version = 0; version <= 5; version++) {
        check_request(version, "plain", NULL, INT32_MAX, -1, -1);
        check_request(version, "current", "payments", 60000, 5000000001, 12);
    }
}

static void check_response(int16_t version, const char *name,
                           struct kafka_init_producer_id_response expected) {
    struct vector vector = vector_load("init_producer_id.txt", "response.v%d.%s", version, name);
    uint8_t bytes[64];
    struct kafka_writer writer = kafka_writer_of(bytes, sizeof bytes);
    kafka_init_producer_id_response_encode(&writer, version, WIRE_CORRELATION_BASE + version,
                                           &expected);
    wire_expect_written(&writer, &vector);
    struct kafka_reader body = wire_response_body(&vector, KAFKA_INIT_PRODUCER_ID, version);
    struct kafka_init_producer_id_response read;
    cr_assert(kafka_init_producer_id_response_decode(&body, version, &read));
    wire_expect_spent(&body, &vector);
    cr_assert_eq(read.throttle_time_ms, expected.throttle_time_ms);
    cr_assert_eq(read.error_code, expected.error_code);
    cr_assert_eq(read.producer_id, expected.producer_id);
    cr_assert_eq(read.producer_epoch, expected.producer_epoch);
    vector_free(&vector);
}

Test(init_producer_id, response_is_written_and_read_as_the_official_client_does) {
    for (int16_t version = 0; version <= 5; version++) {
        check_response(version, "plain",
                       (struct kafka_init_producer_id_response){4, 0, 5000000001, 13});
        check_response(version, "error", (struct kafka_init_producer_id_response){0, 14, -1, -1});
    }
}
