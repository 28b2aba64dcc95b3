/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "protocol/batch.h"

#include "protocol/codec.h"
#include "protocol/reader.h"
#include "protocol/record.h"
#include "protocol/writer.h"

enum {
    AT_SIZE = 8, /* counts what follows itself */
    AFTER_SIZE = 12,
    AT_MAGIC = 16,
    AT_CRC = 17,
    AT_ATTRIBUTES = 21, /* the checksum covers from here on */
    AT_PRODUCER_ID = 43,
    AT_RECORD_COUNT = 57
};

struct kafka_batch_sum kafka_batch_sum_of(uint32_t records_crc, size_t records_size) {
    return (struct kafka_batch_sum){records_crc, kafka_crc32c_shift(records_size)};
}

static void write_crc(uint8_t header[KAFKA_BATCH_HEADER_SIZE], struct kafka_batch_sum records) {
    uint32_t crc = kafka_crc32c(0, header + AT_ATTRIBUTES, KAFKA_BATCH_HEADER_SIZE - AT_ATTRIBUTES);
    struct kafka_writer writer = kafka_writer_of(header + AT_CRC, sizeof crc);
    kafka_write_int32(&writer, (int32_t)kafka_crc32c_join(crc, records.crc, records.shift));
}

void kafka_batch_header_encode(uint8_t out[KAFKA_BATCH_HEADER_SIZE],
                               const struct kafka_batch_header *header,
                               struct kafka_batch_sum records) {
    struct kafka_writer writer = kafka_writer_of(out, KAFKA_BATCH_HEADER_SIZE);
    kafka_write_int64(&writer, header->base_offset);
    kafka_write_int32(&writer,
                      (int32_t)(header->records_size + KAFKA_BATCH_HEADER_SIZE - AFTER_SIZE));
    kafka_write_int32(&writer, header->leader_epoch);
    kafka_write_int8(&writer, KAFKA_BATCH_MAGIC);
    kafka_write_int32(&writer, 0); /* the checksum, below */
    kafka_write_int16(&writer, header->attributes);
    kafka_write_int32(&writer, header->last_offset_delta);
    kafka_write_int64(&writer, header->base_timestamp_ms);
    kafka_write_int64(&writer, header->max_timestamp_ms);
    kafka_write_int64(&writer, header->producer_id);
    kafka_write_int16(&writer, header->producer_epoch);
    kafka_write_int32(&writer, header->base_sequence);
    kafka_write_int32(&writer, header->record_count);
    write_crc(out, records);
}

void kafka_batch_stamp(uint8_t header[KAFKA_BATCH_HEADER_SIZE], struct kafka_batch_sum records,
                       int64_t producer_id, int16_t producer_epoch, int32_t base_sequence) {
    struct kafka_writer writer =
        kafka_writer_of(header + AT_PRODUCER_ID, AT_RECORD_COUNT - AT_PRODUCER_ID);
    kafka_write_int64(&writer, producer_id);
    kafka_write_int16(&writer, producer_epoch);
    kafka_write_int32(&writer, base_sequence);
    write_crc(header, records);
}

void kafka_batch_set_offset(uint8_t header[KAFKA_BATCH_HEADER_SIZE], int64_t base_offset,
                            int32_t leader_epoch) {
    struct kafka_writer writer = kafka_writer_of(header, AT_SIZE);
    kafka_write_int64(&writer, base_offset);
    writer = kafka_writer_of(header + AFTER_SIZE, AT_MAGIC - AFTER_SIZE);
    kafka_write_int32(&writer, leader_epoch);
}

/* The header's numbers; `reader` is known to have them all. Yields the checksum. */
static uint32_t read_header(struct kafka_reader *reader, struct kafka_batch_header *header) {
    header->base_offset = kafka_read_int64(reader);
    int32_t size = kafka_read_int32(reader);
    header->records_size = (uint32_t)size - (KAFKA_BATCH_HEADER_SIZE - AFTER_SIZE);
    header->leader_epoch = kafka_read_int32(reader);
    (void)kafka_read_int8(reader);
    uint32_t crc = (uint32_t)kafka_read_int32(reader);
    header->attributes = kafka_read_int16(reader);
    header->last_offset_delta = kafka_read_int32(reader);
    header->base_timestamp_ms = kafka_read_int64(reader);
    header->max_timestamp_ms = kafka_read_int64(reader);
    header->producer_id = kafka_read_int64(reader);
    header->producer_epoch = kafka_read_int16(reader);
    header->base_sequence = kafka_read_int32(reader);
    header->record_count = kafka_read_int32(reader);
    return crc;
}

static enum kafka_batch_status check_extent(const uint8_t *data, size_t size) {
    if (size > AT_MAGIC && data[AT_MAGIC] != KAFKA_BATCH_MAGIC) {
        return KAFKA_BATCH_BAD_MAGIC;
    }
    if (size < KAFKA_BATCH_HEADER_SIZE) {
        return KAFKA_BATCH_TRUNCATED;
    }
    struct kafka_reader reader = kafka_reader_of(data + AT_SIZE, AFTER_SIZE - AT_SIZE);
    int32_t rest_size = kafka_read_int32(&reader);
    if (rest_size < KAFKA_BATCH_HEADER_SIZE - AFTER_SIZE) {
        return KAFKA_BATCH_BAD_SIZE;
    }
    return (size_t)rest_size > size - AFTER_SIZE ? KAFKA_BATCH_TRUNCATED : KAFKA_BATCH_GOOD;
}

static enum kafka_batch_status check_counts(const struct kafka_batch_header *header) {
    int codec = header->attributes & KAFKA_BATCH_CODEC_MASK;
    if (codec >= KAFKA_CODEC_COUNT) {
        return KAFKA_BATCH_BAD_CODEC;
    }
    if (header->record_count < 0 || header->last_offset_delta < 0 ||
        header->record_count > (int64_t)header->last_offset_delta + 1) {
        return KAFKA_BATCH_BAD_COUNT;
    }
    if (codec == KAFKA_CODEC_NONE &&
        (uint32_t)header->record_count > header->records_size / KAFKA_RECORD_SIZE_MIN) {
        return KAFKA_BATCH_BAD_COUNT;
    }
    return KAFKA_BATCH_GOOD;
}

enum kafka_batch_status kafka_batch_decode(const uint8_t *data, size_t size,
                                           struct kafka_batch_header *header,
                                           struct kafka_bytes *records) {
    enum kafka_batch_status status = check_extent(data, size);
    if (status != KAFKA_BATCH_GOOD) {
        return status;
    }
    struct kafka_reader reader = kafka_reader_of(data, KAFKA_BATCH_HEADER_SIZE);
    uint32_t crc = read_header(&reader, header);
    *records = (struct kafka_bytes){data + KAFKA_BATCH_HEADER_SIZE, header->records_size};
    size_t covered_size = KAFKA_BATCH_HEADER_SIZE - AT_ATTRIBUTES + records->size;
    if (kafka_crc32c(0, data + AT_ATTRIBUTES, covered_size) != crc) {
        return KAFKA_BATCH_BAD_CRC;
    }
    return check_counts(header);
}

enum kafka_batch_status kafka_batch_check_produced(const struct kafka_batch_header *header) {
    if (header->attributes & KAFKA_BATCH_CONTROL) {
        return KAFKA_BATCH_BAD_CONTROL;
    }
    if (header->record_count <= 0 || header->last_offset_delta != header->record_count - 1) {
        return KAFKA_BATCH_BAD_COUNT;
    }
    if (header->producer_id >= 0 && (header->producer_epoch < 0 || header->base_sequence < 0)) {
        return KAFKA_BATCH_BAD_SEQUENCE;
    }
    return KAFKA_BATCH_GOOD;
}
