/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What record number `index` of a run looks like: the same as java/Expected.java computes, so that
 * the oracle needs no list of records, only what is in kafka_run.
 */
#ifndef TESTS_KAFKA_RECORDS_H
#define TESTS_KAFKA_RECORDS_H

#include <sluice/sluice.h>

enum { KAFKA_RECORD_KEY_BYTES_MAX = 24, KAFKA_RECORD_VALUE_BYTES_MAX = 3000 };

struct kafka_run {
    uint64_t seed;
    int64_t first_ms; /* timestamps go on from here, not quite in order */
    uint32_t topic_count;
};

struct kafka_record {
    sluice_record record; /* points into the rest: do not copy or move */
    sluice_header headers[3];
    uint8_t index_be[8];
    uint8_t key[KAFKA_RECORD_KEY_BYTES_MAX];
    uint8_t value[KAFKA_RECORD_VALUE_BYTES_MAX];
};

void kafka_record_make(struct kafka_record *made, const struct kafka_run *run, uint64_t index);
uint32_t kafka_record_topic(const struct kafka_run *run, uint64_t index);

#endif
