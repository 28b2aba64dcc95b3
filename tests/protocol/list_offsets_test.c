/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/list_offsets.h"
#include "test.h"
#include "tests/protocol/wire.h"

enum { VERSION_MIN = 1, VERSION_MAX = 11 };

Test(list_offsets, request_of_the_official_client_is_read) {
    for (int16_t version = VERSION_MIN; version <= VERSION_MAX; version++) {
        struct vector vector = vector_load("list_offsets.txt", "request.v%d.plain", version);
        struct kafka_reader body = wire_request_body(&vector, KAFKA_LIST_OFFSETS, version);
        struct kafka_list_offsets_request request;
        struct kafka_list_offsets_topic topic;
        struct kafka_list_offsets_partition partition;
        cr_assert(kafka_list_offsets_request_open(&request, &body, version));
        wire_expect_spent(&body, &vector);
        cr_assert_eq(request.isolation_level, version >= 2 ? 1 : 0);
        cr_assert(kafka_list_offsets_request_next(&request, &topic));
        cr_assert(wire_text_is(topic.name, "orders"));
        cr_assert(kafka_list_offsets_topic_next(&topic, &partition));
        cr_assert_eq(partition.index, 0);
        cr_assert_eq(partition.leader_epoch, version >= 4 ? 4 : -1);
        cr_assert_eq(partition.timestamp_ms, KAFKA_OFFSET_LATEST);
        cr_assert(kafka_list_offsets_topic_next(&topic, &partition));
        cr_assert_eq(partition.index, 5);
        cr_assert_eq(partition.leader_epoch, -1);
        cr_assert_eq(partition.timestamp_ms, KAFKA_OFFSET_EARLIEST);
        cr_assert_not(kafka_list_offsets_topic_next(&topic, &partition));
        cr_assert_not(kafka_list_offsets_request_next(&request, &topic));
        vector_free(&vector);
    }
}

Test(list_offsets, response_is_written_as_the_official_broker_does) {
    const struct kafka_list_offsets_outcome found = {0, 0, WIRE_BASE_TIMESTAMP_MS, 99, 4};
    const struct kafka_list_offsets_outcome refused = {5, 6, -1, -1, -1};
    for (int16_t version = VERSION_MIN; version <= VERSION_MAX; version++) {
        struct vector vector = vector_load("list_offsets.txt", "response.v%d.plain", version);
        uint8_t bytes[256];
        struct kafka_writer writer = kafka_writer_of(bytes, sizeof bytes);
        size_t frame_at = kafka_list_offsets_response_begin(&writer, version,
                                                            WIRE_CORRELATION_BASE + version, 8, 1);
        kafka_list_offsets_response_topic(&writer, version, kafka_text_of("orders"), 2);
        kafka_list_offsets_response_partition(&writer, version, &found);
        kafka_list_offsets_response_partition(&writer, version, &refused);
        kafka_list_offsets_response_topic_end(&writer, version);
        kafka_list_offsets_response_end(&writer, version, frame_at);
        wire_expect_written(&writer, &vector);
        vector_free(&vector);
    }
}
