/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a broker asks of the record batch that a client sent, in Kafka's order, because the order
 * decides which error a batch with two faults gets.
 *
 *   read    exactly one batch, whole, format 2, a codec that the request's version allows
 *   check   base offset 0, size limit, checksum, counts, sequence, no control or transaction,
 *           then the records themselves
 *
 * Source: Kafka's ProduceRequest.validateRecords, UnifiedLog.analyzeAndValidateRecords,
 * LogValidator.
 */
#ifndef BROKER_PRODUCED_H
#define BROKER_PRODUCED_H

#include <sluice/broker.h>

#include "broker/inflate.h"

struct broker_produced {
    const uint8_t *bytes;
    uint32_t size; /* header included */
    uint32_t crc;
    int64_t base_offset;
    int16_t attributes;
    int32_t last_offset_delta;
    int64_t base_timestamp_ms;
    int64_t max_timestamp_ms;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t record_count;
};

/* Result: the error, and `*why` in words. SLUICE_OK leaves `*why` alone. */
sluice_code broker_produced_read(struct broker_produced *produced, struct kafka_bytes records,
                                 int16_t version, const char **why);
sluice_code broker_produced_check(const struct broker_produced *produced,
                                  uint32_t message_bytes_max, sluice_broker_check check,
                                  struct broker_inflater *inflater, const char **why);

/* The records without a key, by number: `*count` of them in malloc'd `*numbers`, or NULL. */
sluice_code broker_produced_keyless(const struct broker_produced *produced,
                                    struct broker_inflater *inflater, int32_t **numbers,
                                    uint32_t *count, const char **why);

#endif
