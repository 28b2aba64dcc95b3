/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One record within a batch of format 2:
 *
 *     prefix: length | attributes 0 | timestamp delta | offset delta     known when sealed
 *     body:   key | value | headers                                      known when accepted
 *
 * So the body is encoded once, by the thread that produces, and the prefix (at most
 * KAFKA_RECORD_PREFIX_SIZE_MAX bytes) is put before it when the batch is sealed. Sizes are exact.
 * Sizes of keys, values and names are at most INT32_MAX; a size of -1 is null.
 * Source: Kafka documentation, "Record".
 */
#ifndef KAFKA_RECORD_H
#define KAFKA_RECORD_H

#include "protocol/reader.h"

enum {
    KAFKA_RECORD_PREFIX_SIZE_MAX = 5 + 1 + 10 + 5,
    KAFKA_RECORD_SIZE_MIN = 7,
    KAFKA_RECORD_NULL = -1
};

/* ---- the body: key, value, number of headers, then each header ----------------------------- */

/* A field is its length and its bytes; null takes one byte. */
static inline size_t kafka_record_field_size(int64_t size) {
    return kafka_uvarint_size(kafka_zigzag(size)) + (size > 0 ? (size_t)size : 0);
}
/* Without the headers, but with their number. */
static inline size_t kafka_record_body_size(int64_t key_size, int64_t value_size,
                                            uint32_t header_count) {
    return kafka_record_field_size(key_size) + kafka_record_field_size(value_size) +
           kafka_uvarint_size(kafka_zigzag(header_count));
}
/* The same without headers, where both sizes are below KAFKA_RECORD_SHORT. */
enum { KAFKA_RECORD_SHORT = 0x2000, KAFKA_RECORD_SHORTEST = 0x40 };
static inline size_t kafka_record_body_size_short(size_t key_size, size_t value_size) {
    return 3 + key_size + value_size + (key_size >= KAFKA_RECORD_SHORTEST) +
           (value_size >= KAFKA_RECORD_SHORTEST);
}
static inline size_t kafka_record_header_size(size_t name_size, int64_t value_size) {
    return kafka_record_field_size((int64_t)name_size) + kafka_record_field_size(value_size);
}

/* These write without looking for room and return the first byte after. */
static inline uint8_t *kafka_record_field_put(uint8_t *out, const void *data, int64_t size) {
    out = kafka_uvarint_put(out, kafka_zigzag(size));
    if (size > 0) {
        memcpy(out, data, (size_t)size);
        out += size;
    }
    return out;
}
/* As kafka_record_field_put, for sizes below 2^31, and with `data` NULL null. */
static inline uint8_t *kafka_record_bytes_put(uint8_t *out, const void *data, size_t size) {
    if (data == NULL) {
        *out = 1;
        return out + 1;
    }
    out = kafka_uvarint_put(out, (uint64_t)size << 1);
    if (size != 0) {
        memcpy(out, data, size);
    }
    return out + size;
}
static inline uint8_t *kafka_record_body_put(uint8_t *out, const void *key, int64_t key_size,
                                             const void *value, int64_t value_size,
                                             uint32_t header_count) {
    out = kafka_record_field_put(out, key, key_size);
    out = kafka_record_field_put(out, value, value_size);
    return kafka_uvarint_put(out, kafka_zigzag(header_count));
}
static inline uint8_t *kafka_record_header_put(uint8_t *out, const char *name, size_t name_size,
                                               const void *value, int64_t value_size) {
    out = kafka_record_field_put(out, name, (int64_t)name_size);
    return kafka_record_field_put(out, value, value_size);
}

/* ---- the prefix ----------------------------------------------------------------------------- */

/* Bytes of prefix and body together. */
static inline size_t kafka_record_size(size_t body_size, int64_t timestamp_delta_ms,
                                       int32_t offset_delta) {
    size_t inner =
        1 + kafka_varlong_size(timestamp_delta_ms) + kafka_varint_size(offset_delta) + body_size;
    return kafka_uvarint_size(kafka_zigzag((int64_t)inner)) + inner;
}

/* Any numbers; the deltas come zigzagged. */
size_t kafka_record_prefix_encode_any(uint8_t *out, size_t body_size, uint64_t timestamp,
                                      uint64_t offset);

/* `out` has room for KAFKA_RECORD_PREFIX_SIZE_MAX bytes, and what is behind the prefix may be
 * overwritten up to there. Returns the size of the prefix. On the path of every record. Most are
 * of 64 bytes or more, and no more than 63 ms after the first of their batch. */
static inline size_t kafka_record_prefix_encode(uint8_t *out, size_t body_size,
                                                int64_t timestamp_delta_ms, int32_t offset_delta) {
    uint64_t timestamp = kafka_zigzag(timestamp_delta_ms);
    uint64_t offset = kafka_zigzag(offset_delta);
    uint64_t length = (body_size + 3 + (offset >= 0x80)) << 1;
    if (__builtin_expect(timestamp >= 0x80 || length < 0x80 || (length | offset) >= 0x4000, 0)) {
        return kafka_record_prefix_encode_any(out, body_size, timestamp, offset);
    }
    uint64_t all = (length & 0x7F) | 0x80 | (length >> 7) << 8 | timestamp << 24;
    all |= (offset < 0x80 ? offset : (offset & 0x7F) | 0x80 | (offset >> 7) << 8) << 32;
    all = kafka_little64(all);
    memcpy(out, &all, sizeof all);
    return 5 + (offset >= 0x80);
}

/* ---- reading -------------------------------------------------------------------------------- */

struct kafka_record {
    int8_t attributes;
    int64_t timestamp_delta_ms;
    int32_t offset_delta;
    struct kafka_bytes key;   /* data NULL: null */
    struct kafka_bytes value; /* data NULL: null */
    uint32_t header_count;
    struct kafka_reader headers; /* for kafka_record_next_header */
};
struct kafka_record_header {
    struct kafka_text name;
    struct kafka_bytes value; /* data NULL: null */
};

/* Reads the next record, headers checked too; false (and the reader failed) if it is malformed or
 * nothing is left. */
bool kafka_record_decode(struct kafka_reader *records, struct kafka_record *record);
/* False after the last. */
bool kafka_record_next_header(struct kafka_record *record, struct kafka_record_header *header);

#endif
