/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reads a whole message, whatever it is, and every byte that its slices show: with hostile bytes
 * under a sanitizer nothing else is needed to find a read out of bounds. */
#ifndef TEST_WALK_H
#define TEST_WALK_H

#include "protocol/api.h"

/* False: refused, or we have no decoder for it. */
bool walk_request_body(struct kafka_reader body, int16_t api_key, int16_t version);
bool walk_response_body(struct kafka_reader body, int16_t api_key, int16_t version);
/* Header first; for frames without their length. */
bool walk_request(const uint8_t *data, size_t size);
bool walk_response(const uint8_t *data, size_t size, int16_t api_key, int16_t version);
/* Batches one after another, as Produce and Fetch carry them; gzip is decompressed. */
bool walk_batches(const uint8_t *data, size_t size);
bool walk_records(const uint8_t *data, size_t size, int32_t count);

#endif
