/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/record.h"

enum { HEADER_SIZE_MIN = 2 };

/* The encoded form, first byte lowest, of a number below 0x4000. */
static uint64_t pair(uint64_t value) {
    return value < 0x80 ? value : (value & 0x7F) | 0x80 | (value >> 7) << 8;
}

static size_t prefix_encode_long(uint8_t *out, size_t body_size, uint64_t timestamp,
                                 uint64_t offset) {
    size_t inner_size = 1 + kafka_uvarint_size(timestamp) + kafka_uvarint_size(offset) + body_size;
    uint8_t *at = kafka_uvarint_put(out, kafka_zigzag((int64_t)inner_size));
    *at++ = 0;
    at = kafka_uvarint_put(at, timestamp);
    at = kafka_uvarint_put(at, offset);
    return (size_t)(at - out);
}

/* Four numbers of one or two bytes each take no branch on their values, and one store. */
size_t kafka_record_prefix_encode_any(uint8_t *out, size_t body_size, uint64_t timestamp,
                                      uint64_t offset) {
    uint64_t length = (body_size + 3 + (timestamp >= 0x80) + (offset >= 0x80)) << 1;
    if ((timestamp | offset | length) >= 0x4000) {
        return prefix_encode_long(out, body_size, timestamp, offset);
    }
    unsigned length_bits = 8u << (length >= 0x80);
    unsigned timestamp_bits = 8u << (timestamp >= 0x80);
    unsigned offset_bits = 8u << (offset >= 0x80);
    uint64_t deltas = pair(timestamp) | pair(offset) << timestamp_bits;
    uint64_t all = kafka_little64(pair(length) | deltas << (length_bits + 8));
    memcpy(out, &all, sizeof all);
    return 1 + (length_bits + timestamp_bits + offset_bits) / 8;
}

/* A key or a value: null is a size of -1. */
static struct kafka_bytes read_field(struct kafka_reader *reader) {
    int32_t size = kafka_read_varint(reader);
    if (size < -1) {
        kafka_reader_fail(reader);
    }
    if (reader->failed || size < 0) {
        return (struct kafka_bytes){NULL, 0};
    }
    const uint8_t *data = kafka_read_raw(reader, (size_t)size);
    return (struct kafka_bytes){data, data == NULL ? 0 : (size_t)size};
}

static struct kafka_record_header read_header(struct kafka_reader *reader) {
    struct kafka_record_header header;
    struct kafka_bytes name = read_field(reader);
    if (name.data == NULL) {
        kafka_reader_fail(reader);
    }
    header.name = (struct kafka_text){(const char *)name.data, name.size};
    header.value = read_field(reader);
    return header;
}

static void read_headers(struct kafka_reader *reader, struct kafka_record *record) {
    int32_t count = kafka_read_varint(reader);
    if (count < 0 || (size_t)count > kafka_reader_left(reader) / HEADER_SIZE_MIN) {
        kafka_reader_fail(reader);
        return;
    }
    record->header_count = (uint32_t)count;
    record->headers = *reader;
    for (int32_t i = 0; i < count && !reader->failed; i++) {
        (void)read_header(reader);
    }
}

bool kafka_record_decode(struct kafka_reader *records, struct kafka_record *record) {
    *record = (struct kafka_record){0};
    int32_t size = kafka_read_varint(records);
    const uint8_t *bytes = size < 0 ? NULL : kafka_read_raw(records, (size_t)size);
    if (bytes == NULL) {
        kafka_reader_fail(records);
        return false;
    }
    struct kafka_reader reader = kafka_reader_of(bytes, (size_t)size);
    record->attributes = kafka_read_int8(&reader);
    record->timestamp_delta_ms = kafka_read_varlong(&reader);
    record->offset_delta = kafka_read_varint(&reader);
    record->key = read_field(&reader);
    record->value = read_field(&reader);
    read_headers(&reader, record);
    if (reader.failed || kafka_reader_left(&reader) != 0) {
        kafka_reader_fail(records);
        return false;
    }
    return true;
}

/* The headers end where the record ends; decoding has made sure of that. */
bool kafka_record_next_header(struct kafka_record *record, struct kafka_record_header *header) {
    if (kafka_reader_left(&record->headers) == 0) {
        return false;
    }
    *header = read_header(&record->headers);
    return true;
}
