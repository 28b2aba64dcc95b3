/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "tests/protocol/wire.h"

#include "test.h"

struct kafka_text wire_client_id(void) {
    return kafka_text_of("sluice-client");
}

static struct kafka_reader unframe(const struct vector *vector) {
    size_t frame_size;
    cr_assert_eq(kafka_frame_measure(vector->data, vector->size, 1 << 20, &frame_size),
                 KAFKA_FRAME_WHOLE);
    cr_assert_eq(frame_size, vector->size);
    return kafka_reader_of(vector->data + KAFKA_FRAME_PREFIX_SIZE,
                           vector->size - KAFKA_FRAME_PREFIX_SIZE);
}

struct kafka_reader wire_request_body(const struct vector *vector, int16_t api_key,
                                      int16_t version) {
    struct kafka_reader reader = unframe(vector);
    struct kafka_request_header header;
    cr_assert(kafka_request_header_decode(&reader, &header), "%s", vector->name);
    cr_assert_eq(header.api_key, api_key);
    cr_assert_eq(header.api_version, version);
    cr_assert_eq(header.correlation_id, WIRE_CORRELATION_BASE + version);
    cr_assert(kafka_text_equal(header.client_id, wire_client_id()));
    return reader;
}

struct kafka_reader wire_response_body(const struct vector *vector, int16_t api_key,
                                       int16_t version) {
    struct kafka_reader reader = unframe(vector);
    cr_assert_eq(kafka_correlation_decode(&reader), WIRE_CORRELATION_BASE + version);
    kafka_response_header_finish(&reader, api_key, version);
    cr_assert_not(reader.failed, "%s", vector->name);
    return reader;
}

void wire_expect_written(const struct kafka_writer *writer, const struct vector *vector) {
    cr_assert(kafka_writer_is_valid(writer));
    cr_assert_not(writer->failed, "%s", vector->name);
    cr_assert_eq(kafka_writer_size(writer), vector->size, "%s", vector->name);
    cr_assert_arr_eq(writer->start, vector->data, vector->size, "%s", vector->name);
}

void wire_expect_spent(const struct kafka_reader *body, const struct vector *vector) {
    cr_assert(kafka_reader_is_valid(body));
    cr_assert_not(body->failed, "%s", vector->name);
    cr_assert_eq(kafka_reader_left(body), 0, "%s", vector->name);
}

bool wire_text_is(struct kafka_text text, const char *expected) {
    return kafka_text_equal(text, kafka_text_of(expected));
}
