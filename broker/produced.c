/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/produced.h"

#include <stdlib.h>

#include "protocol/codec.h"
#include "protocol/record.h"

enum {
    SIZE_AT = 8, /* of the field that holds the size of what follows it */
    SIZE_PREFIX = 12,
    MAGIC_AT = 16,
    CRC_FROM = 21,
    LEGACY_SIZE_MIN = 14,
    ZSTD_VERSION_MIN = 7
};

static sluice_code refuse(sluice_code code, const char *text, const char **why) {
    *why = text;
    return code;
}

/* Bytes of the batch at the start, 0 when it is not all there. False: no batch has such a size. */
static bool batch_measure(struct kafka_bytes records, size_t *size) {
    *size = 0;
    if (records.size <= MAGIC_AT) {
        return true;
    }
    struct kafka_reader reader = kafka_reader_of(records.data + SIZE_AT, 4);
    int32_t following = kafka_read_int32(&reader);
    if (following < LEGACY_SIZE_MIN) {
        return false;
    }
    size_t whole = SIZE_PREFIX + (size_t)following;
    *size = whole <= records.size ? whole : 0;
    return true;
}

static void produced_fill(struct broker_produced *produced) {
    struct kafka_reader reader = kafka_reader_of(produced->bytes, KAFKA_BATCH_HEADER_SIZE);
    produced->base_offset = kafka_read_int64(&reader);
    kafka_read_raw(&reader, 4 + 4 + 1); /* size, leader epoch, magic */
    produced->crc = (uint32_t)kafka_read_int32(&reader);
    produced->attributes = kafka_read_int16(&reader);
    produced->last_offset_delta = kafka_read_int32(&reader);
    produced->base_timestamp_ms = kafka_read_int64(&reader);
    produced->max_timestamp_ms = kafka_read_int64(&reader);
    produced->producer_id = kafka_read_int64(&reader);
    produced->producer_epoch = kafka_read_int16(&reader);
    produced->base_sequence = kafka_read_int32(&reader);
    produced->record_count = kafka_read_int32(&reader);
}

sluice_code broker_produced_read(struct broker_produced *produced, struct kafka_bytes records,
                                 int16_t version, const char **why) {
    size_t size = 0, second = 0;
    if (!batch_measure(records, &size)) {
        return refuse(SLUICE_BROKER_CORRUPT_MESSAGE, "the batch's length is impossible", why);
    }
    if (size == 0) {
        return refuse(SLUICE_BROKER_INVALID_RECORD, "there is no whole batch", why);
    }
    if (records.data[MAGIC_AT] != KAFKA_BATCH_MAGIC) {
        return records.data[MAGIC_AT] < KAFKA_BATCH_MAGIC
                   ? refuse(SLUICE_BROKER_INVALID_RECORD, "the batch is of an old format", why)
                   : refuse(SLUICE_BROKER_CORRUPT_MESSAGE, "the batch's format is unknown", why);
    }
    if (size < KAFKA_BATCH_HEADER_SIZE) {
        return refuse(SLUICE_BROKER_CORRUPT_MESSAGE, "the batch is smaller than its header", why);
    }
    *produced = (struct broker_produced){.bytes = records.data, .size = (uint32_t)size};
    produced_fill(produced);
    int codec = produced->attributes & KAFKA_BATCH_CODEC_MASK;
    if (codec == KAFKA_CODEC_ZSTD && version < ZSTD_VERSION_MIN) {
        return refuse(SLUICE_BROKER_UNSUPPORTED_COMPRESSION_TYPE,
                      "zstd needs a newer version of the request", why);
    }
    struct kafka_bytes rest = {records.data + size, records.size - size};
    if (rest.size > 0 && (!batch_measure(rest, &second) || second > 0)) {
        return refuse(SLUICE_BROKER_INVALID_RECORD, "there is more than one batch", why);
    }
    return SLUICE_OK;
}

static sluice_code records_check(const struct broker_produced *produced,
                                 struct broker_inflater *inflater, const char **why) {
    struct kafka_bytes bytes = {produced->bytes + KAFKA_BATCH_HEADER_SIZE,
                                produced->size - KAFKA_BATCH_HEADER_SIZE};
    struct kafka_reader records;
    switch (broker_inflate(inflater, produced->attributes, bytes, &records)) {
    case BROKER_INFLATE_UNBUILT:
        return SLUICE_OK;
    case BROKER_INFLATE_CORRUPT:
        return refuse(SLUICE_BROKER_CORRUPT_MESSAGE, "the batch cannot be decompressed", why);
    case BROKER_INFLATE_NO_MEMORY:
        return refuse(SLUICE_BROKER_UNKNOWN_SERVER_ERROR, "memory is short", why);
    case BROKER_INFLATED:
        break;
    }
    for (int32_t i = 0; i < produced->record_count; i++) {
        struct kafka_record record;
        if (!kafka_record_decode(&records, &record)) {
            return refuse(SLUICE_BROKER_INVALID_RECORD, "a record is malformed", why);
        }
        if (record.offset_delta != i) {
            return refuse(SLUICE_BROKER_INVALID_RECORD, "a record's offset is out of order", why);
        }
    }
    return kafka_reader_left(&records) == 0
               ? SLUICE_OK
               : refuse(SLUICE_BROKER_INVALID_RECORD, "bytes follow the last record", why);
}

sluice_code broker_produced_keyless(const struct broker_produced *produced,
                                    struct broker_inflater *inflater, int32_t **numbers,
                                    uint32_t *count, const char **why) {
    struct kafka_bytes bytes = {produced->bytes + KAFKA_BATCH_HEADER_SIZE,
                                produced->size - KAFKA_BATCH_HEADER_SIZE};
    struct kafka_reader records;
    *count = 0;
    *numbers = NULL;
    if (broker_inflate(inflater, produced->attributes, bytes, &records) != BROKER_INFLATED) {
        return SLUICE_OK;
    }
    struct kafka_record record;
    for (int32_t i = 0; i < produced->record_count && kafka_record_decode(&records, &record); i++) {
        if (record.key.data != NULL) {
            continue;
        }
        if (*numbers == NULL) {
            /* by the bytes: a compressed batch may claim any count */
            size_t most = 1 + kafka_reader_left(&records) / KAFKA_RECORD_SIZE_MIN;
            *numbers = malloc(most * sizeof **numbers);
        }
        if (*numbers == NULL) {
            return refuse(SLUICE_BROKER_KAFKA_STORAGE_ERROR, "memory is short", why);
        }
        (*numbers)[(*count)++] = i;
    }
    return *count == 0 ? SLUICE_OK
                       : refuse(SLUICE_BROKER_INVALID_RECORD,
                                "one or more records have been rejected", why);
}

static sluice_code header_check(const struct broker_produced *produced, const char **why) {
    if (produced->record_count <= 0 ||
        (int64_t)produced->last_offset_delta + 1 != produced->record_count) {
        return refuse(SLUICE_BROKER_INVALID_RECORD, "the batch's counts contradict each other",
                      why);
    }
    if (produced->producer_id >= 0 && produced->base_sequence < 0) {
        return refuse(SLUICE_BROKER_INVALID_RECORD, "a producer id without a sequence", why);
    }
    if ((produced->attributes & KAFKA_BATCH_CONTROL) != 0) {
        return refuse(SLUICE_BROKER_INVALID_RECORD, "clients may not write control batches", why);
    }
    if ((produced->attributes & KAFKA_BATCH_LOG_APPEND_TIME) != 0) {
        return refuse(SLUICE_BROKER_INVALID_TIMESTAMP, "clients may not set the append time", why);
    }
    if ((produced->attributes & KAFKA_BATCH_TRANSACTIONAL) != 0) {
        return refuse(SLUICE_BROKER_INVALID_TXN_STATE, "there are no transactions here", why);
    }
    if ((produced->attributes & KAFKA_BATCH_CODEC_MASK) >= KAFKA_CODEC_COUNT) {
        return refuse(SLUICE_BROKER_INVALID_RECORD, "there is no such codec", why);
    }
    uint32_t records_size = produced->size - KAFKA_BATCH_HEADER_SIZE;
    if ((produced->attributes & KAFKA_BATCH_CODEC_MASK) == KAFKA_CODEC_NONE &&
        (uint32_t)produced->record_count > records_size / KAFKA_RECORD_SIZE_MIN) {
        return refuse(SLUICE_BROKER_INVALID_RECORD, "the batch is too small for its records", why);
    }
    return SLUICE_OK;
}

sluice_code broker_produced_check(const struct broker_produced *produced,
                                  uint32_t message_bytes_max, sluice_broker_check check,
                                  struct broker_inflater *inflater, const char **why) {
    if (produced->base_offset != 0) {
        return refuse(SLUICE_BROKER_INVALID_RECORD, "the batch's base offset is not 0", why);
    }
    if (produced->size > message_bytes_max) {
        return refuse(SLUICE_BROKER_MESSAGE_TOO_LARGE, "the batch is over max.message.bytes", why);
    }
    if (check >= SLUICE_BROKER_CHECK_CRC &&
        kafka_crc32c(0, produced->bytes + CRC_FROM, produced->size - CRC_FROM) != produced->crc) {
        return refuse(SLUICE_BROKER_CORRUPT_MESSAGE, "the batch's checksum is wrong", why);
    }
    sluice_code code = header_check(produced, why);
    if (code == SLUICE_OK && check >= SLUICE_BROKER_CHECK_RECORDS) {
        code = records_check(produced, inflater, why);
    }
    return code;
}
