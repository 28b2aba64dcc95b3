/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/api.h"
#include "test.h"

Test(frame, is_partial_until_all_of_it_is_there) {
    const uint8_t data[] = {0, 0, 0, 5, 1, 2, 3, 4, 5, 6};
    size_t frame_size = 99;
    for (size_t size = 0; size < 4; size++) {
        cr_assert_eq(kafka_frame_measure(data, size, 100, &frame_size), KAFKA_FRAME_PARTIAL);
        cr_assert_eq(frame_size, 0);
    }
    for (size_t size = 4; size < 9; size++) {
        cr_assert_eq(kafka_frame_measure(data, size, 100, &frame_size), KAFKA_FRAME_PARTIAL);
        cr_assert_eq(frame_size, 9);
    }
    for (size_t size = 9; size <= 10; size++) {
        cr_assert_eq(kafka_frame_measure(data, size, 100, &frame_size), KAFKA_FRAME_WHOLE);
        cr_assert_eq(frame_size, 9);
    }
}

Test(frame, with_a_length_that_is_no_length_is_refused) {
    const char *const others[] = {"HTTP/1.1 400 Bad Request", "\x15\x03\x03\x00\x02\x02\x46"};
    size_t frame_size;
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(kafka_frame_measure((const uint8_t *)others[i], 7, 100 << 20, &frame_size),
                     KAFKA_FRAME_REFUSED);
    }
    const uint8_t negative[] = {0xff, 0xff, 0xff, 0xff};
    cr_assert_eq(kafka_frame_measure(negative, 4, SIZE_MAX, &frame_size), KAFKA_FRAME_REFUSED);
    const uint8_t two_gigabytes[] = {0x7f, 0xff, 0xff, 0xff};
    cr_assert_eq(kafka_frame_measure(two_gigabytes, 4, 1 << 30, &frame_size), KAFKA_FRAME_REFUSED);
    const uint8_t headless[] = {0, 0, 0, 3};
    cr_assert_eq(kafka_frame_measure(headless, 4, 100, &frame_size), KAFKA_FRAME_REFUSED);
    const uint8_t at_cap[] = {0, 0, 0, 96};
    cr_assert_eq(kafka_frame_measure(at_cap, 4, 100, &frame_size), KAFKA_FRAME_PARTIAL);
    cr_assert_eq(kafka_frame_measure(at_cap, 4, 99, &frame_size), KAFKA_FRAME_REFUSED);
}

Test(frame, counts_what_is_sent_from_elsewhere) {
    uint8_t bytes[16];
    struct kafka_writer writer = kafka_writer_of(bytes, sizeof bytes);
    kafka_write_int8(&writer, 0);
    size_t frame_at = kafka_frame_begin(&writer);
    kafka_write_int16(&writer, 7);
    kafka_frame_end(&writer, frame_at, 1000);
    struct kafka_reader reader = kafka_reader_of(bytes + 1, 4);
    cr_assert_eq(kafka_read_int32(&reader), 1002);
    frame_at = kafka_frame_begin(&writer);
    kafka_frame_end(&writer, frame_at, (size_t)INT32_MAX + 1);
    cr_assert(writer.failed, "no frame is longer than its length can say");
}

Test(request_header, of_unknown_apis_and_versions_is_read) {
    const uint8_t unknown_api[] = {0, 99, 0, 1, 0, 0, 0, 7, 0xff, 0xff, 0x55};
    struct kafka_reader reader = kafka_reader_of(unknown_api, sizeof unknown_api);
    struct kafka_request_header header;
    cr_assert(kafka_request_header_decode(&reader, &header));
    cr_assert_eq(header.api_key, 99);
    cr_assert_eq(header.correlation_id, 7);
    cr_assert_null(header.client_id.data);
    cr_assert_eq(kafka_reader_left(&reader), 1);
    cr_assert_not(kafka_api_is_spoken(header.api_key, header.api_version));
    const uint8_t newer_version[] = {0, 18, 0, 99, 0, 0, 0, 7, 0, 1, 'c', 0, 0x55};
    reader = kafka_reader_of(newer_version, sizeof newer_version);
    cr_assert(kafka_request_header_decode(&reader, &header));
    cr_assert_eq(header.client_id.size, 1);
    cr_assert_eq(kafka_reader_left(&reader), 1, "the tagged fields are read over");
    cr_assert_not(kafka_api_is_spoken(header.api_key, header.api_version));
}

Test(response_header, of_api_versions_never_has_tagged_fields) {
    uint8_t bytes[8];
    struct kafka_writer writer = kafka_writer_of(bytes, sizeof bytes);
    kafka_response_header_encode(&writer, KAFKA_API_VERSIONS, 4, 9);
    cr_assert_eq(kafka_writer_size(&writer), 4);
    writer = kafka_writer_of(bytes, sizeof bytes);
    kafka_response_header_encode(&writer, KAFKA_PRODUCE, 9, 9);
    cr_assert_eq(kafka_writer_size(&writer), 5);
    writer = kafka_writer_of(bytes, sizeof bytes);
    kafka_response_header_encode(&writer, KAFKA_PRODUCE, 8, 9);
    cr_assert_eq(kafka_writer_size(&writer), 4);
}

Test(peer, speaks_the_highest_version_in_common) {
    struct kafka_peer peer;
    kafka_peer_init(&peer);
    cr_assert_eq(kafka_peer_version(&peer, KAFKA_METADATA), -1);
    kafka_peer_learn(&peer, KAFKA_METADATA, 0, 9);
    kafka_peer_learn(&peer, KAFKA_INIT_PRODUCER_ID, 0, 6);
    kafka_peer_learn(&peer, 1234, 0, 6);
    cr_assert_eq(kafka_peer_version(&peer, KAFKA_METADATA), 9);
    cr_assert_eq(kafka_peer_version(&peer, KAFKA_INIT_PRODUCER_ID), 5);
    cr_assert_eq(kafka_peer_version(&peer, 1234), -1);
}

Test(peer, without_a_version_in_common_speaks_none) {
    struct kafka_peer peer;
    kafka_peer_init(&peer);
    kafka_peer_learn(&peer, KAFKA_PRODUCE, 0, 2);
    cr_assert_eq(kafka_peer_version(&peer, KAFKA_PRODUCE), -1, "older than we speak");
    kafka_peer_learn(&peer, KAFKA_PRODUCE, 14, 20);
    cr_assert_eq(kafka_peer_version(&peer, KAFKA_PRODUCE), -1, "newer than we speak");
    kafka_peer_learn(&peer, KAFKA_PRODUCE, 9, 5);
    cr_assert_eq(kafka_peer_version(&peer, KAFKA_PRODUCE), -1, "an empty range");
    kafka_peer_learn(&peer, KAFKA_PRODUCE, INT16_MIN, INT16_MAX);
    cr_assert_eq(kafka_peer_version(&peer, KAFKA_PRODUCE), 13);
}

Test(peer, without_topic_ids_produces_by_name) {
    struct kafka_peer peer;
    kafka_peer_init(&peer);
    kafka_peer_learn(&peer, KAFKA_PRODUCE, 3, 13);
    cr_assert_eq(kafka_peer_produce_version(&peer, true), 13);
    cr_assert_eq(kafka_peer_produce_version(&peer, false), 12);
    kafka_peer_learn(&peer, KAFKA_PRODUCE, 13, 13);
    cr_assert_eq(kafka_peer_produce_version(&peer, false), -1);
}
