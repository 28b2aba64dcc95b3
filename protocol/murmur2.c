/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/murmur2.h"

#include <string.h>

#include "protocol/bytes.h"
#include "runtime/assert.h"

static const uint32_t seed = 0x9747B28C;
static const uint32_t factor = 0x5BD1E995;

static uint32_t load_little_endian(const uint8_t *data) {
    uint32_t value;
    memcpy(&value, data, sizeof value);
    return kafka_little32(value);
}

uint32_t kafka_murmur2(const void *data, size_t size) {
    const uint8_t *at = data;
    uint32_t hash = seed ^ (uint32_t)size;
    for (; size >= 4; at += 4, size -= 4) {
        uint32_t word = load_little_endian(at) * factor;
        word = (word ^ (word >> 24)) * factor;
        hash = (hash * factor) ^ word;
    }
    if (size > 0) {
        uint32_t rest = 0;
        for (size_t i = 0; i < size; i++) {
            rest |= (uint32_t)at[i] << (8 * i);
        }
        hash = (hash ^ rest) * factor;
    }
    hash = (hash ^ (hash >> 13)) * factor;
    return hash ^ (hash >> 15);
}

int32_t kafka_partition_for_key(const void *key, size_t key_size, int32_t partition_count) {
    RT_ASSERT(partition_count > 0);
    return (int32_t)(kafka_murmur2(key, key_size) & INT32_MAX) % partition_count;
}
