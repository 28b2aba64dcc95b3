/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/find_coordinator.h"
#include "test.h"
#include "tests/protocol/wire.h"

enum { VERSION_MAX = 6 };

Test(find_coordinator, request_of_the_official_client_is_read) {
    for (int16_t version = 0; version <= VERSION_MAX; version++) {
        struct vector vector = vector_load("find_coordinator.txt", "request.v%d.plain", version);
        struct kafka_reader body = wire_request_body(&vector, KAFKA_FIND_COORDINATOR, version);
        struct kafka_find_coordinator_request request;
        struct kafka_text key;
        cr_assert(kafka_find_coordinator_request_open(&request, &body, version));
        wire_expect_spent(&body, &vector);
        cr_assert_eq(request.key_type,
                     version >= 1 ? KAFKA_COORDINATOR_TRANSACTION : KAFKA_COORDINATOR_GROUP);
        cr_assert_eq(request.key_count, version >= 4 ? 2 : 1);
        cr_assert(kafka_find_coordinator_request_next(&request, &key));
        cr_assert(wire_text_is(key, "payments"));
        if (version >= 4) {
            cr_assert(kafka_find_coordinator_request_next(&request, &key));
            cr_assert(wire_text_is(key, "refunds"));
        }
        cr_assert_not(kafka_find_coordinator_request_next(&request, &key));
        vector_free(&vector);
    }
}

Test(find_coordinator, response_is_written_as_the_official_broker_does) {
    const struct kafka_coordinator coordinators[] = {
        {kafka_text_of("payments"), -1, kafka_text_of(""), -1, 15, kafka_text_of("not yet")},
        {kafka_text_of("refunds"), 2, kafka_text_of("10.0.0.2"), 9092, 0, KAFKA_TEXT_NULL}};
    for (int16_t version = 0; version <= VERSION_MAX; version++) {
        struct vector vector = vector_load("find_coordinator.txt", "response.v%d.plain", version);
        uint8_t bytes[256];
        struct kafka_writer writer = kafka_writer_of(bytes, sizeof bytes);
        kafka_find_coordinator_response_encode(&writer, version, WIRE_CORRELATION_BASE + version, 8,
                                               coordinators, version >= 4 ? 2 : 1);
        wire_expect_written(&writer, &vector);
        vector_free(&vector);
    }
}
