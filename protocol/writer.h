/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The one cursor that writes messages into memory it was handed. Failure (no room left) is sticky,
 * nothing is written beyond `end`, and the caller asks once at the end. `flexible` as in reader.h.
 */
#ifndef KAFKA_WRITER_H
#define KAFKA_WRITER_H

#include "protocol/bytes.h"
#include "protocol/varint.h"

struct kafka_writer {
    uint8_t *start;
    uint8_t *at; /* start <= at <= end */
    uint8_t *end;
    bool failed;
};

static inline struct kafka_writer kafka_writer_of(void *data, size_t size) {
    uint8_t *end = size == 0 ? data : (uint8_t *)data + size;
    return (struct kafka_writer){data, data, end, false};
}
/* Bytes written so far. */
static inline size_t kafka_writer_size(const struct kafka_writer *writer) {
    return (size_t)(writer->at - writer->start);
}
bool kafka_writer_is_valid(const struct kafka_writer *writer);

/* Room for `size` bytes which the caller fills, or NULL with failure. */
static inline uint8_t *kafka_write_room(struct kafka_writer *writer, size_t size) {
    if (__builtin_expect(writer->failed || size > (size_t)(writer->end - writer->at), 0)) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *room = writer->at;
    writer->at += size;
    return room;
}

static inline void kafka_write_int8(struct kafka_writer *writer, int8_t value) {
    uint8_t *room = kafka_write_room(writer, 1);
    if (room != NULL) {
        room[0] = (uint8_t)value;
    }
}
static inline void kafka_write_bool(struct kafka_writer *writer, bool value) {
    kafka_write_int8(writer, value ? 1 : 0);
}
static inline void kafka_write_int16(struct kafka_writer *writer, int16_t value) {
    uint8_t *room = kafka_write_room(writer, 2);
    if (room != NULL) {
        uint16_t wire = kafka_big16((uint16_t)value);
        memcpy(room, &wire, sizeof wire);
    }
}
static inline void kafka_write_int32(struct kafka_writer *writer, int32_t value) {
    uint8_t *room = kafka_write_room(writer, 4);
    if (room != NULL) {
        uint32_t wire = kafka_big32((uint32_t)value);
        memcpy(room, &wire, sizeof wire);
    }
}
static inline void kafka_write_int64(struct kafka_writer *writer, int64_t value) {
    uint8_t *room = kafka_write_room(writer, 8);
    if (room != NULL) {
        uint64_t wire = kafka_big64((uint64_t)value);
        memcpy(room, &wire, sizeof wire);
    }
}
void kafka_write_raw(struct kafka_writer *writer, const void *data, size_t size);
void kafka_write_uuid(struct kafka_writer *writer, struct kafka_uuid id);
void kafka_write_uvarint(struct kafka_writer *writer, uint32_t value);

/* Text over KAFKA_TEXT_SIZE_MAX fails. kafka_write_text refuses null (fails). */
void kafka_write_text(struct kafka_writer *writer, struct kafka_text text, bool flexible);
void kafka_write_text_nullable(struct kafka_writer *writer, struct kafka_text text, bool flexible);
/* The length before `size` bytes that follow, as record batches have it. */
void kafka_write_bytes_size(struct kafka_writer *writer, uint32_t size, bool flexible);
void kafka_write_count(struct kafka_writer *writer, uint32_t count, bool flexible);
void kafka_write_count_null(struct kafka_writer *writer, bool flexible);
/* "No tagged fields"; nothing when not flexible. */
void kafka_write_tags_none(struct kafka_writer *writer, bool flexible);

/* Most bytes that a text takes in either form. */
static inline size_t kafka_text_bound(struct kafka_text text) {
    return text.size + 3;
}

#endif
