/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Hostile bytes for every decoder. The first byte of the input chooses what the rest is taken for,
 * the next two the API and its version; tests/protocol/walk.c reads all of it. */
#include <stdlib.h>
#include <string.h>

#include "protocol/batch.h"
#include "protocol/codec.h"
#include "tests/protocol/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REQUEST, RESPONSE, BATCHES, RECORDS, GZIP, KIND_COUNT };
enum { CHOICE_SIZE = 3 };

/* Puts the right checksum into the batch, or the search would never get past it. */
static void repair_sum(uint8_t *batch, size_t size) {
    enum { AT_SIZE = 8, AFTER_SIZE = 12, AT_CRC = 17, AT_COVERED = 21 };
    if (size < KAFKA_BATCH_HEADER_SIZE) {
        return;
    }
    struct kafka_reader reader = kafka_reader_of(batch + AT_SIZE, AFTER_SIZE - AT_SIZE);
    int64_t end = (int64_t)kafka_read_int32(&reader) + AFTER_SIZE;
    if (end < KAFKA_BATCH_HEADER_SIZE || (uint64_t)end > size) {
        return;
    }
    struct kafka_writer writer = kafka_writer_of(batch + AT_CRC, AT_COVERED - AT_CRC);
    uint32_t crc = kafka_crc32c(0, batch + AT_COVERED, (size_t)end - AT_COVERED);
    kafka_write_int32(&writer, (int32_t)crc);
}

static void walk_repaired(const uint8_t *data, size_t size) {
    uint8_t *batch = malloc(size + 1);
    memcpy(batch, data, size);
    repair_sum(batch, size);
    (void)walk_batches(batch, size);
    free(batch);
}

/* In small steps into a small window, as the broker reads. */
static void inflate_in_steps(const uint8_t *data, size_t size, size_t step_size) {
    const struct kafka_codec *gzip = kafka_codec_by_id(KAFKA_CODEC_GZIP);
    void *memory = malloc(gzip->decompress_memory_size);
    uint8_t window[256];
    struct kafka_codec_flow flow = {.in = data, .in_size = size};
    enum kafka_codec_status status;
    size_t in_before;
    kafka_decompress_begin(gzip, memory, gzip->decompress_memory_size, 64 * 1024);
    do {
        in_before = flow.in_size;
        flow.out = window;
        flow.out_size = step_size;
        status = kafka_decompress_step(gzip, memory, &flow);
    } while (status == KAFKA_CODEC_MORE && (flow.in_size < in_before || flow.out_size < step_size));
    free(memory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < CHOICE_SIZE) {
        return 0;
    }
    const struct kafka_api_info *api = &kafka_apis[data[1] % KAFKA_API_COUNT];
    int versions = api->version_max + 1;
    int16_t version = (int16_t)(data[2] % versions);
    const uint8_t *rest = data + CHOICE_SIZE;
    size_t rest_size = size - CHOICE_SIZE;
    switch (data[0] % KIND_COUNT) {
    case REQUEST:
        (void)walk_request(rest, rest_size);
        break;
    case RESPONSE:
        (void)walk_response(rest, rest_size, api->key, version);
        break;
    case BATCHES:
        walk_repaired(rest, rest_size);
        break;
    case RECORDS:
        (void)walk_records(rest, rest_size, INT32_MAX);
        break;
    default:
        inflate_in_steps(rest, rest_size, (size_t)data[1] + 1);
    }
    return 0;
}
