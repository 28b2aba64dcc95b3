/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/fetch.h"
#include "test.h"
#include "tests/protocol/wire.h"

enum { VERSION_MIN = 4, VERSION_MAX = 18 };

static void expect_partition(struct kafka_fetch_topic *topic, int16_t version, int32_t index,
                             int64_t fetch_offset) {
    struct kafka_fetch_partition partition;
    cr_assert(kafka_fetch_topic_next(topic, &partition));
    cr_assert_eq(partition.index, index);
    cr_assert_eq(partition.leader_epoch, version >= 9 ? 4 : -1);
    cr_assert_eq(partition.fetch_offset, fetch_offset);
    cr_assert_eq(partition.max_bytes, 1 << 20);
}

Test(fetch, request_of_the_official_client_is_read) {
    for (int16_t version = VERSION_MIN; version <= VERSION_MAX; version++) {
        struct vector vector = vector_load("fetch.txt", "request.v%d.plain", version);
        struct kafka_reader body = wire_request_body(&vector, KAFKA_FETCH, version);
        struct kafka_fetch_request request;
        struct kafka_fetch_topic topic;
        struct kafka_fetch_partition partition;
        bool by_id = version >= KAFKA_FETCH_TOPIC_ID_VERSION;
        cr_assert(kafka_fetch_request_open(&request, &body, version));
        wire_expect_spent(&body, &vector);
        cr_assert_eq(request.max_wait_ms, 500);
        cr_assert_eq(request.min_bytes, 1);
        cr_assert_eq(request.max_bytes, 50 << 20);
        cr_assert_eq(request.isolation_level, 1);
        cr_assert_eq(request.session_id, version >= 7 ? 77 : 0);
        cr_assert_eq(request.session_epoch, version >= 7 ? 2 : -1);
        cr_assert(kafka_fetch_request_next(&request, &topic));
        cr_assert(wire_text_is(topic.name, by_id ? NULL : "orders"));
        cr_assert_eq(kafka_uuid_equal(topic.id, orders_id), by_id);
        expect_partition(&topic, version, 0, 10000000000);
        expect_partition(&topic, version, 5, 0);
        cr_assert_not(kafka_fetch_topic_next(&topic, &partition));
        cr_assert_not(kafka_fetch_request_next(&request, &topic));
        vector_free(&vector);
    }
}

Test(fetch, response_is_written_as_the_official_broker_does) {
    struct vector batch = vector_load("batch.txt", "plain");
    struct kafka_fetch_outcome good = {.high_watermark = 103,
                                       .last_stable_offset = 102,
                                       .log_start_offset = 100,
                                       .leader_id = -1,
                                       .leader_epoch = -1,
                                       .records_size = (uint32_t)batch.size};
    struct kafka_fetch_outcome moved = {.index = 5,
                                        .error_code = 6,
                                        .high_watermark = -1,
                                        .last_stable_offset = -1,
                                        .log_start_offset = 100,
                                        .leader_id = 3,
                                        .leader_epoch = 9};
    for (int16_t version = VERSION_MIN; version <= VERSION_MAX; version++) {
        struct vector vector = vector_load("fetch.txt", "response.v%d.plain", version);
        uint8_t bytes[512];
        struct kafka_writer writer = kafka_writer_of(bytes, sizeof bytes);
        size_t frame_at = kafka_fetch_response_begin(&writer, version,
                                                     WIRE_CORRELATION_BASE + version, 8, 0, 0, 1);
        kafka_fetch_response_topic(&writer, version, kafka_text_of("orders"), orders_id, 2);
        kafka_fetch_response_partition(&writer, version, &good);
        kafka_write_raw(&writer, batch.data, batch.size);
        kafka_fetch_response_partition_end(&writer, version, &good);
        kafka_fetch_response_partition(&writer, version, &moved);
        kafka_fetch_response_partition_end(&writer, version, &moved);
        kafka_fetch_response_topic_end(&writer, version);
        kafka_fetch_response_end(&writer, version, frame_at);
        wire_expect_written(&writer, &vector);
        vector_free(&vector);
    }
    vector_free(&batch);
}

/* The epoch alone is told, too: a client may know it to be newer than its own. */
Test(fetch, response_tells_an_epoch_whose_leader_is_not_known) {
    const struct kafka_fetch_outcome outcome = {.leader_id = -1, .leader_epoch = 9};
    uint8_t bytes[32];
    struct kafka_writer writer = kafka_writer_of(bytes, sizeof bytes);
    kafka_fetch_response_partition_end(&writer, 12, &outcome);
    const uint8_t expected[] = {1, 1, 9, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 9, 0};
    cr_assert_eq(kafka_writer_size(&writer), sizeof expected);
    cr_assert_arr_eq(bytes, expected, sizeof expected);
}
