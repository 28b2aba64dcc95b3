/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keys and values of the records, the same for every program: a function of the record's index.
 * Values are made before the clock starts and read in turn.
 */
#ifndef STRESS_PERF_PAYLOAD_H
#define STRESS_PERF_PAYLOAD_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "stress/perf/perf.h"

enum { PERF_KEY_BYTES = 8 };

struct perf_value {
    const uint8_t *bytes;
    size_t size;
};

struct perf_payload {
    uint8_t *memory; /* that values point into */
    struct perf_value *values;
    uint64_t mask; /* their number - 1; a power of two */
};

/* Ends the program when there is no memory. */
void perf_payload_create(struct perf_payload *payload, const struct perf_arguments *arguments);
void perf_payload_destroy(struct perf_payload *payload);

static inline const struct perf_value *perf_payload_value(const struct perf_payload *payload,
                                                          uint64_t index) {
    return &payload->values[index & payload->mask];
}

/* The key of a record: 8 bytes, all different, spread over all values. */
static inline void perf_key_write(uint8_t key[PERF_KEY_BYTES], uint64_t index) {
    uint64_t mixed = index * 0x9E3779B97F4A7C15u;
    mixed ^= mixed >> 32;
    memcpy(key, &mixed, PERF_KEY_BYTES);
}

#endif
