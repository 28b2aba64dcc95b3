/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Puts right checksums into record batches, or a search would never get past them. */
#ifndef STRESS_FUZZ_REPAIR_H
#define STRESS_FUZZ_REPAIR_H

#include <stddef.h>
#include <stdint.h>

#include "protocol/batch.h"

static inline void repair_batch(uint8_t *batch, size_t size) {
    enum { AT_SIZE = 8, AFTER_SIZE = 12, AT_CRC = 17, AT_COVERED = 21 };
    int32_t following;
    if (size < KAFKA_BATCH_HEADER_SIZE) {
        return;
    }
    memcpy(&following, batch + AT_SIZE, sizeof following);
    int64_t end = (int64_t)(int32_t)kafka_big32((uint32_t)following) + AFTER_SIZE;
    if (end < KAFKA_BATCH_HEADER_SIZE || (uint64_t)end > size) {
        return;
    }
    uint32_t crc = kafka_big32(kafka_crc32c(0, batch + AT_COVERED, (size_t)end - AT_COVERED));
    memcpy(batch + AT_CRC, &crc, sizeof crc);
}

#endif
