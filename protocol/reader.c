/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/reader.h"
#include "runtime/mutant.h"

bool kafka_reader_is_valid(const struct kafka_reader *reader) {
    return reader->at != NULL && reader->at <= reader->end &&
           (!reader->failed || reader->at == reader->end);
}

struct kafka_uuid kafka_read_uuid(struct kafka_reader *reader) {
    struct kafka_uuid id = {{0}};
    const uint8_t *bytes = kafka_read_raw(reader, sizeof id.bytes);
    if (bytes != NULL) {
        memcpy(id.bytes, bytes, sizeof id.bytes);
    }
    return id;
}

/* The last byte that a number of `bits` can have carries only bits % 7 of them, and does not go
 * on. */
static uint64_t read_uvarint_bits(struct kafka_reader *reader, unsigned bits) {
    if (kafka_reader_left(reader) > 0 && *reader->at < 0x80) {
        return *reader->at++; /* as most are: counts, lengths of short names, no tags */
    }
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        const uint8_t *byte = kafka_read_raw(reader, 1);
        if (byte == NULL) {
            return 0;
        }
        uint64_t part = *byte & 0x7F;
        if (bits - shift < 7 && (*byte >> (bits - shift)) != 0) {
            kafka_reader_fail(reader);
            return 0;
        }
        value |= part << shift;
        if (*byte < 0x80) {
            return value;
        }
    }
}

uint32_t kafka_read_uvarint(struct kafka_reader *reader) {
    return (uint32_t)read_uvarint_bits(reader, 32);
}

int32_t kafka_read_varint(struct kafka_reader *reader) {
    return (int32_t)kafka_unzigzag(read_uvarint_bits(reader, 32));
}

int64_t kafka_read_varlong(struct kafka_reader *reader) {
    return kafka_unzigzag(read_uvarint_bits(reader, 64));
}

/* Lengths and counts come as one more than they are, 0 for null, in flexible versions, and else as
 * they are, -1 for null. Yields -1 for null; fails for what is smaller still. */
static int64_t read_compact(struct kafka_reader *reader) {
    return (int64_t)kafka_read_uvarint(reader) - 1;
}

static int64_t checked_size(struct kafka_reader *reader, int64_t size) {
    if (size < -1) {
        kafka_reader_fail(reader);
    }
    return reader->failed ? 0 : size;
}

struct kafka_text kafka_read_text_nullable(struct kafka_reader *reader, bool flexible) {
    int64_t size = checked_size(reader, flexible ? read_compact(reader) : kafka_read_int16(reader));
    if (size > KAFKA_TEXT_SIZE_MAX) {
        kafka_reader_fail(reader);
    }
    if (reader->failed || size < 0) {
        return KAFKA_TEXT_NULL;
    }
    const uint8_t *bytes = kafka_read_raw(reader, (size_t)size);
    return (struct kafka_text){(const char *)bytes, bytes == NULL ? 0 : (size_t)size};
}

struct kafka_text kafka_read_text(struct kafka_reader *reader, bool flexible) {
    struct kafka_text text = kafka_read_text_nullable(reader, flexible);
    if (text.data == NULL) {
        kafka_reader_fail(reader);
    }
    return text;
}

struct kafka_bytes kafka_read_bytes_nullable(struct kafka_reader *reader, bool flexible) {
    int64_t size = checked_size(reader, flexible ? read_compact(reader) : kafka_read_int32(reader));
    if (reader->failed || size < 0) {
        return (struct kafka_bytes){NULL, 0};
    }
    const uint8_t *bytes = kafka_read_raw(reader, (size_t)size);
    return (struct kafka_bytes){bytes, bytes == NULL ? 0 : (size_t)size};
}

int64_t kafka_read_count_nullable(struct kafka_reader *reader, bool flexible,
                                  size_t element_size_min) {
    int64_t count =
        checked_size(reader, flexible ? read_compact(reader) : kafka_read_int32(reader));
    if (count > 0 && (uint64_t)count > kafka_reader_left(reader) / element_size_min &&
        !RT_MUTANT(count_beyond_bytes)) {
        kafka_reader_fail(reader);
        return 0;
    }
    return count;
}

uint32_t kafka_read_count(struct kafka_reader *reader, bool flexible, size_t element_size_min) {
    int64_t count = kafka_read_count_nullable(reader, flexible, element_size_min);
    if (count < 0 && !RT_MUTANT(null_is_a_count)) {
        kafka_reader_fail(reader);
        return 0;
    }
    return (uint32_t)count;
}

void kafka_read_array_skip(struct kafka_reader *reader, bool flexible, size_t element_size) {
    uint32_t count = kafka_read_count(reader, flexible, element_size);
    kafka_read_raw(reader, count * element_size);
}

struct kafka_tags kafka_read_tags(struct kafka_reader *reader, bool flexible) {
    struct kafka_tags tags = {0};
    if (flexible) {
        tags.left = kafka_read_uvarint(reader);
        if (tags.left > kafka_reader_left(reader) / 2) { /* a tag and a size each */
            kafka_reader_fail(reader);
        }
    }
    return tags;
}

bool kafka_tags_next(struct kafka_tags *tags, struct kafka_reader *reader) {
    if (reader->failed || tags->left == 0) {
        return false;
    }
    tags->left--;
    tags->tag = kafka_read_uvarint(reader);
    uint32_t size = kafka_read_uvarint(reader);
    const uint8_t *bytes = kafka_read_raw(reader, size);
    if (bytes == NULL) {
        return false;
    }
    tags->value = kafka_reader_of(bytes, size);
    return true;
}

void kafka_read_tags_skip(struct kafka_reader *reader, bool flexible) {
    struct kafka_tags tags = kafka_read_tags(reader, flexible);
    while (kafka_tags_next(&tags, reader)) {
    }
}
