/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one cursor that parses everything from outside.
 *
 * Failure is sticky: the first read that the bytes do not allow sets `failed`, moves to the end,
 * and it and all later reads yield zero, null or nothing. So a message is read straight through
 * and asked once. No read looks beyond `end`. A count is believed only if its elements can fit
 * into the bytes that are left. Slices point into the bytes read.
 *
 * `flexible` says whether the message's version has compact lengths and tagged fields (KIP-482).
 */
#ifndef KAFKA_READER_H
#define KAFKA_READER_H

#include "protocol/bytes.h"
#include "protocol/varint.h"

struct kafka_reader {
    const uint8_t *at; /* at <= end */
    const uint8_t *end;
    bool failed; /* then at == end */
};

static inline struct kafka_reader kafka_reader_of(const void *data, size_t size) {
    static const uint8_t nothing[1];
    const uint8_t *start = size == 0 && data == NULL ? nothing : data;
    return (struct kafka_reader){start, start + size, false};
}
static inline size_t kafka_reader_left(const struct kafka_reader *reader) {
    return (size_t)(reader->end - reader->at);
}
static inline void kafka_reader_fail(struct kafka_reader *reader) {
    reader->failed = true;
    reader->at = reader->end;
}
bool kafka_reader_is_valid(const struct kafka_reader *reader);

/* `size` bytes, or NULL with failure. */
static inline const uint8_t *kafka_read_raw(struct kafka_reader *reader, size_t size) {
    if (__builtin_expect(reader->failed || size > kafka_reader_left(reader), 0)) {
        kafka_reader_fail(reader);
        return NULL;
    }
    const uint8_t *bytes = reader->at;
    reader->at += size;
    return bytes;
}

static inline int8_t kafka_read_int8(struct kafka_reader *reader) {
    const uint8_t *bytes = kafka_read_raw(reader, 1);
    return bytes == NULL ? 0 : (int8_t)bytes[0];
}
static inline bool kafka_read_bool(struct kafka_reader *reader) {
    return kafka_read_int8(reader) != 0;
}
static inline int16_t kafka_read_int16(struct kafka_reader *reader) {
    const uint8_t *bytes = kafka_read_raw(reader, 2);
    uint16_t value = 0;
    if (bytes != NULL) {
        memcpy(&value, bytes, sizeof value);
    }
    return (int16_t)kafka_big16(value);
}
static inline int32_t kafka_read_int32(struct kafka_reader *reader) {
    const uint8_t *bytes = kafka_read_raw(reader, 4);
    uint32_t value = 0;
    if (bytes != NULL) {
        memcpy(&value, bytes, sizeof value);
    }
    return (int32_t)kafka_big32(value);
}
static inline int64_t kafka_read_int64(struct kafka_reader *reader) {
    const uint8_t *bytes = kafka_read_raw(reader, 8);
    uint64_t value = 0;
    if (bytes != NULL) {
        memcpy(&value, bytes, sizeof value);
    }
    return (int64_t)kafka_big64(value);
}
struct kafka_uuid kafka_read_uuid(struct kafka_reader *reader);

/* At most five bytes and 32 bits (ten and 64); more fails. A number may be padded with zeros, as
 * the Java client allows. */
uint32_t kafka_read_uvarint(struct kafka_reader *reader);
int32_t kafka_read_varint(struct kafka_reader *reader);
int64_t kafka_read_varlong(struct kafka_reader *reader);

/* At most KAFKA_TEXT_SIZE_MAX bytes. Without `nullable` in the name, null fails. */
struct kafka_text kafka_read_text(struct kafka_reader *reader, bool flexible);
struct kafka_text kafka_read_text_nullable(struct kafka_reader *reader, bool flexible);
/* Bytes or record batches; null yields data NULL. */
struct kafka_bytes kafka_read_bytes_nullable(struct kafka_reader *reader, bool flexible);

/* The number of elements that follow, each of at least `element_size_min` (> 0) bytes.
 * The nullable one yields -1 for null. */
uint32_t kafka_read_count(struct kafka_reader *reader, bool flexible, size_t element_size_min);
int64_t kafka_read_count_nullable(struct kafka_reader *reader, bool flexible,
                                  size_t element_size_min);
/* Reads over an array of fixed-size elements. */
void kafka_read_array_skip(struct kafka_reader *reader, bool flexible, size_t element_size);

/* The tagged fields at the end of a structure, one by one:
 *     struct kafka_tags tags = kafka_read_tags(reader, flexible);
 *     while (kafka_tags_next(&tags, reader)) { … tags.tag, tags.value … }
 * Without `flexible` there are none and nothing is read. */
struct kafka_tags {
    uint32_t left;
    uint32_t tag;
    struct kafka_reader value; /* just this field's bytes */
};
struct kafka_tags kafka_read_tags(struct kafka_reader *reader, bool flexible);
bool kafka_tags_next(struct kafka_tags *tags, struct kafka_reader *reader);
void kafka_read_tags_skip(struct kafka_reader *reader, bool flexible);

#endif
