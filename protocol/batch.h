/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The record batch, format 2: a header of 61 bytes, then records, compressed or not.
 *
 *      0 base offset      8 size of what follows   12 leader epoch      16 magic 2   17 crc
 *     21 attributes      23 last offset delta      27 base timestamp    35 max timestamp
 *     43 producer id     51 producer epoch         53 base sequence     57 record count
 *
 * The checksum covers all from 21 on. A batch is sealed long before it is stamped with a producer
 * id and sequence, so the sum of the records is kept apart: stamping costs the 40 header bytes and
 * one multiplication, whatever the size of the batch.
 * Source: Kafka documentation, "Record Batch"; KIP-98.
 */
#ifndef KAFKA_BATCH_H
#define KAFKA_BATCH_H

#include "protocol/bytes.h"
#include "protocol/crc32c.h"
#include "runtime/mutant.h"

enum {
    KAFKA_BATCH_HEADER_SIZE = 61,
    KAFKA_BATCH_MAGIC = 2,
    KAFKA_BATCH_CODEC_MASK = 7,
    KAFKA_BATCH_LOG_APPEND_TIME = 8,
    KAFKA_BATCH_TRANSACTIONAL = 16,
    KAFKA_BATCH_CONTROL = 32
};
enum { KAFKA_NO_PRODUCER_ID = -1, KAFKA_NO_PRODUCER_EPOCH = -1, KAFKA_NO_SEQUENCE = -1 };

struct kafka_batch_header {
    int64_t base_offset;  /* 0 when produced */
    int32_t leader_epoch; /* -1 when produced */
    int16_t attributes;   /* codec and KAFKA_BATCH_… */
    int32_t last_offset_delta;
    int64_t base_timestamp_ms; /* of the first record */
    int64_t max_timestamp_ms;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t record_count;
    uint32_t records_size; /* bytes after the header */
};

/* The checksum of the records' bytes, ready to have a header put before it. */
struct kafka_batch_sum {
    uint32_t crc;
    uint32_t shift;
};
struct kafka_batch_sum kafka_batch_sum_of(uint32_t records_crc, size_t records_size);

/* Writes the header, checksum included. */
void kafka_batch_header_encode(uint8_t out[KAFKA_BATCH_HEADER_SIZE],
                               const struct kafka_batch_header *header,
                               struct kafka_batch_sum records);
/* Sets producer id, epoch and sequence of an encoded header, and the checksum anew. */
void kafka_batch_stamp(uint8_t header[KAFKA_BATCH_HEADER_SIZE], struct kafka_batch_sum records,
                       int64_t producer_id, int16_t producer_epoch, int32_t base_sequence);
/* What a broker fills in; the checksum does not cover it. */
void kafka_batch_set_offset(uint8_t header[KAFKA_BATCH_HEADER_SIZE], int64_t base_offset,
                            int32_t leader_epoch);
/* A sequence `count` records on: 0 follows INT32_MAX. */
static inline int32_t kafka_sequence_add(int32_t sequence, int32_t count) {
    uint32_t mask = RT_MUTANT(sequence_wraps_negative) ? UINT32_MAX : INT32_MAX;
    return (int32_t)(((uint32_t)sequence + (uint32_t)count) & mask);
}

enum kafka_batch_status {
    KAFKA_BATCH_GOOD,
    KAFKA_BATCH_TRUNCATED, /* the bytes end before the batch does */
    KAFKA_BATCH_BAD_SIZE,  /* a size that no batch can have */
    KAFKA_BATCH_BAD_MAGIC, /* an older or newer format */
    KAFKA_BATCH_BAD_CRC,
    KAFKA_BATCH_BAD_COUNT,   /* counts that contradict each other or the bytes */
    KAFKA_BATCH_BAD_CODEC,   /* no such codec */
    KAFKA_BATCH_BAD_CONTROL, /* of produced batches: only brokers write control batches */
    KAFKA_BATCH_BAD_SEQUENCE /* of produced batches: a producer id without epoch or sequence */
};

/* Reads the batch at the start of `data`, which may go on after it. `records` points into `data`.
 * Everything up to the records is checked, the checksum included; the records are not parsed. */
enum kafka_batch_status kafka_batch_decode(const uint8_t *data, size_t size,
                                           struct kafka_batch_header *header,
                                           struct kafka_bytes *records);
/* What a broker asks beyond that of a batch that a client sent. */
enum kafka_batch_status kafka_batch_check_produced(const struct kafka_batch_header *header);

#endif
