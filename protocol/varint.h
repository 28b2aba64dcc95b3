/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Variable-length integers, seven bits a byte, lowest first. Records use zigzag (`varint`,
 * `varlong`), flexible messages do not (`uvarint`).
 * Source: Kafka protocol guide, "Protocol Primitive Types".
 */
#ifndef KAFKA_VARINT_H
#define KAFKA_VARINT_H

#include <stddef.h>
#include <stdint.h>

enum { KAFKA_VARINT_SIZE_MAX = 5, KAFKA_VARLONG_SIZE_MAX = 10 };

static inline uint64_t kafka_zigzag(int64_t value) {
    return ((uint64_t)value << 1) ^ (uint64_t)(value >> 63);
}
static inline int64_t kafka_unzigzag(uint64_t value) {
    return (int64_t)((value >> 1) ^ (~(value & 1) + 1));
}

/* Bytes that `value` takes: 1 to 10. */
static inline size_t kafka_uvarint_size(uint64_t value) {
    unsigned bits = 64 - (unsigned)__builtin_clzll(value | 1);
    return (bits * 9 + 64) / 64;
}
static inline size_t kafka_varint_size(int32_t value) {
    return kafka_uvarint_size(kafka_zigzag(value));
}
static inline size_t kafka_varlong_size(int64_t value) {
    return kafka_uvarint_size(kafka_zigzag(value));
}

/* Writes without looking for room; returns the first byte after. Most numbers take one or two
 * bytes. */
static inline uint8_t *kafka_uvarint_put(uint8_t *out, uint64_t value) {
    if (__builtin_expect(value < 0x80, 1)) {
        *out = (uint8_t)value;
        return out + 1;
    }
    if (__builtin_expect(value < 0x4000, 1)) {
        out[0] = (uint8_t)(value | 0x80);
        out[1] = (uint8_t)(value >> 7);
        return out + 2;
    }
    while (value >= 0x80) {
        *out++ = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    *out = (uint8_t)value;
    return out + 1;
}
static inline uint8_t *kafka_varint_put(uint8_t *out, int32_t value) {
    return kafka_uvarint_put(out, kafka_zigzag(value));
}
static inline uint8_t *kafka_varlong_put(uint8_t *out, int64_t value) {
    return kafka_uvarint_put(out, kafka_zigzag(value));
}

#endif
