/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the tests of all messages share: unwrapping the official client's frames, comparing ours. */
#ifndef TEST_WIRE_H
#define TEST_WIRE_H

#include "protocol/api.h"
#include "tests/protocol/vectors.h"

static const struct kafka_uuid orders_id = {
    {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
static const struct kafka_uuid logs_id = {{0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xe1,
                                           0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8}};
enum { WIRE_CORRELATION_BASE = 1000 };
#define WIRE_BASE_TIMESTAMP_MS 1700000000000

struct kafka_text wire_client_id(void);
/* Checks length and header of a frame, and yields its body. */
struct kafka_reader wire_request_body(const struct vector *vector, int16_t api_key,
                                      int16_t version);
struct kafka_reader wire_response_body(const struct vector *vector, int16_t api_key,
                                       int16_t version);
/* Asserts that exactly the vector's bytes were written. */
void wire_expect_written(const struct kafka_writer *writer, const struct vector *vector);
/* Asserts that the body was read to its end, without failure. */
void wire_expect_spent(const struct kafka_reader *body, const struct vector *vector);
/* As kafka_text_equal; `expected` NULL is null. */
bool wire_text_is(struct kafka_text text, const char *expected);

#endif
