/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/read.h"

#include <stdlib.h>

#include "broker/inflate.h"
#include "protocol/record.h"

struct broker_excerpt *broker_excerpt_take(const struct broker_log *log, int64_t offset) {
    size_t first = broker_log_find(log, offset);
    size_t count = log->count - first;
    struct broker_excerpt *excerpt = malloc(sizeof *excerpt + count * sizeof *excerpt->batches);
    if (excerpt == NULL) {
        return NULL;
    }
    excerpt->count = count;
    for (size_t i = 0; i < count; i++) {
        excerpt->batches[i] = broker_log_at(log, first + i);
        atomic_fetch_add_explicit(&excerpt->batches[i]->references, 1, memory_order_relaxed);
    }
    return excerpt;
}

struct reading {
    struct broker_inflater inflater;
    sluice_broker_header *headers;
    size_t header_capacity;
    int64_t offset;
    int64_t count;
    sluice_broker_record_callback callback;
    void *context;
    bool ended; /* by the callback */
};

static bool read_headers(struct reading *reading, struct kafka_record *record) {
    if (record->header_count > reading->header_capacity) {
        sluice_broker_header *headers =
            realloc(reading->headers, record->header_count * sizeof *headers);
        if (headers == NULL) {
            return false;
        }
        reading->headers = headers;
        reading->header_capacity = record->header_count;
    }
    struct kafka_record_header header;
    for (size_t i = 0; kafka_record_next_header(record, &header); i++) {
        reading->headers[i] = (sluice_broker_header){header.name.data, header.name.size,
                                                     header.value.data, header.value.size};
    }
    return true;
}

static bool read_record(struct reading *reading, const struct kafka_batch_header *batch,
                        struct kafka_record *record) {
    int64_t offset = batch->base_offset + record->offset_delta;
    uint32_t header_count = record->header_count;
    if (offset < reading->offset) {
        return true;
    }
    if (!read_headers(reading, record)) {
        return false;
    }
    bool append_time = (batch->attributes & KAFKA_BATCH_LOG_APPEND_TIME) != 0;
    sluice_broker_record out = {
        .offset = offset,
        .timestamp_ms = append_time ? batch->max_timestamp_ms
                                    : batch->base_timestamp_ms + record->timestamp_delta_ms,
        .key = record->key.data,
        .key_size = record->key.size,
        .value = record->value.data,
        .value_size = record->value.size,
        .headers = reading->headers,
        .header_count = header_count,
        .producer_id = batch->producer_id,
        .sequence = batch->producer_id < 0
                        ? -1
                        : kafka_sequence_add(batch->base_sequence, record->offset_delta),
        .producer_epoch = batch->producer_epoch,
    };
    reading->count++;
    reading->ended = !reading->callback(&out, reading->context);
    return true;
}

static bool read_batch(struct reading *reading, const struct broker_batch *batch) {
    struct kafka_batch_header header;
    struct kafka_bytes bytes;
    struct kafka_reader records;
    if (kafka_batch_decode(batch->bytes, batch->size, &header, &bytes) != KAFKA_BATCH_GOOD ||
        broker_inflate(&reading->inflater, header.attributes, bytes, &records) != BROKER_INFLATED) {
        return false;
    }
    for (int32_t i = 0; i < header.record_count && !reading->ended; i++) {
        struct kafka_record record;
        if (!kafka_record_decode(&records, &record) || !read_record(reading, &header, &record)) {
            return false;
        }
    }
    return true;
}

int64_t broker_excerpt_read(struct broker_excerpt *excerpt, int64_t offset,
                            sluice_broker_record_callback callback, void *context) {
    struct reading reading = {.offset = offset, .callback = callback, .context = context};
    bool good = true;
    for (size_t i = 0; i < excerpt->count; i++) {
        if (good && !reading.ended) {
            good = read_batch(&reading, excerpt->batches[i]);
        }
        broker_batch_release(excerpt->batches[i]);
    }
    free(excerpt);
    free(reading.headers);
    broker_inflater_deinit(&reading.inflater);
    return good ? reading.count : -1;
}
