/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Slices and ids as they stand on the wire: nobody owns what they point to. */
#ifndef KAFKA_BYTES_H
#define KAFKA_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Between this machine's order of bytes and the one named: the same both ways. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define KAFKA_BIG(bits, value) (value)
#define KAFKA_LITTLE(bits, value) __builtin_bswap##bits(value)
#else
#define KAFKA_BIG(bits, value) __builtin_bswap##bits(value)
#define KAFKA_LITTLE(bits, value) (value)
#endif
static inline uint16_t kafka_big16(uint16_t value) {
    return KAFKA_BIG(16, value);
}
static inline uint32_t kafka_big32(uint32_t value) {
    return KAFKA_BIG(32, value);
}
static inline uint64_t kafka_big64(uint64_t value) {
    return KAFKA_BIG(64, value);
}
static inline uint32_t kafka_little32(uint32_t value) {
    return KAFKA_LITTLE(32, value);
}
static inline uint64_t kafka_little64(uint64_t value) {
    return KAFKA_LITTLE(64, value);
}

/* `data` NULL: null, which Kafka tells apart from empty. Not NUL-terminated. */
struct kafka_text {
    const char *data;
    size_t size;
};

struct kafka_bytes {
    const uint8_t *data;
    size_t size;
};

struct kafka_uuid {
    uint8_t bytes[16];
};

enum { KAFKA_TEXT_SIZE_MAX = INT16_MAX };

#define KAFKA_TEXT_NULL ((struct kafka_text){NULL, 0})

/* `characters` is NUL-terminated, or NULL for null. */
static inline struct kafka_text kafka_text_of(const char *characters) {
    return (struct kafka_text){characters, characters == NULL ? 0 : strlen(characters)};
}
static inline bool kafka_text_is_valid(struct kafka_text text) {
    return text.size <= KAFKA_TEXT_SIZE_MAX && (text.data != NULL || text.size == 0);
}
/* Null equals null only. */
static inline bool kafka_text_equal(struct kafka_text left, struct kafka_text right) {
    if (left.data == NULL || right.data == NULL) {
        return left.data == right.data;
    }
    return left.size == right.size && memcmp(left.data, right.data, left.size) == 0;
}

/* All zero: "no topic id". */
static inline bool kafka_uuid_is_zero(struct kafka_uuid id) {
    static const uint8_t zero[16];
    return memcmp(id.bytes, zero, sizeof zero) == 0;
}
static inline bool kafka_uuid_equal(struct kafka_uuid left, struct kafka_uuid right) {
    return memcmp(left.bytes, right.bytes, sizeof left.bytes) == 0;
}

#endif
