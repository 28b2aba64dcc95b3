/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/log.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/batch.h"

void broker_batch_release(struct broker_batch *batch) {
    if (atomic_fetch_sub_explicit(&batch->references, 1, memory_order_acq_rel) == 1) {
        free(batch);
    }
}

static bool log_make_room(struct broker_log *log) {
    if (log->first + log->count < log->capacity) {
        return true;
    }
    if (log->first > log->capacity / 2) {
        memmove(log->batches, log->batches + log->first, log->count * sizeof *log->batches);
        log->first = 0;
        return true;
    }
    size_t capacity = log->capacity == 0 ? 16 : log->capacity * 2;
    struct broker_batch **batches = realloc(log->batches, capacity * sizeof *batches);
    if (batches == NULL) {
        return false;
    }
    log->batches = batches;
    log->capacity = capacity;
    return true;
}

bool broker_log_append(struct broker_log *log, const uint8_t *bytes, uint32_t size,
                       uint32_t record_count, int64_t max_timestamp_ms, int32_t leader_epoch,
                       uint64_t number) {
    struct broker_batch *batch = log_make_room(log) ? malloc(sizeof *batch + size) : NULL;
    if (batch == NULL) {
        return false;
    }
    atomic_init(&batch->references, 1);
    batch->size = size;
    batch->base_offset = log->next_offset;
    batch->last_offset = log->next_offset + record_count - 1;
    batch->max_timestamp_ms = max_timestamp_ms;
    batch->number = number;
    memcpy(batch->bytes, bytes, size);
    kafka_batch_set_offset(batch->bytes, log->next_offset, leader_epoch);
    log->batches[log->first + log->count] = batch;
    log->count++;
    log->bytes += size;
    log->next_offset += record_count;
    return true;
}

void broker_log_trim(struct broker_log *log, uint64_t bytes_max) {
    while (log->bytes > bytes_max && log->count > 1) {
        struct broker_batch *oldest = broker_log_at(log, 0);
        log->bytes -= oldest->size;
        log->start_offset = oldest->last_offset + 1;
        log->first++;
        log->count--;
        broker_batch_release(oldest);
    }
}

void broker_log_cut(struct broker_log *log, int64_t offset) {
    while (log->count > 0 && broker_log_at(log, log->count - 1)->base_offset >= offset) {
        struct broker_batch *youngest = broker_log_at(log, --log->count);
        log->bytes -= youngest->size;
        log->next_offset = youngest->base_offset;
        broker_batch_release(youngest);
    }
}

size_t broker_log_find(const struct broker_log *log, int64_t offset) {
    size_t low = 0, high = log->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (broker_log_at(log, middle)->last_offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void broker_log_deinit(struct broker_log *log) {
    for (size_t i = 0; i < log->count; i++) {
        broker_batch_release(broker_log_at(log, i));
    }
    free(log->batches);
    *log = (struct broker_log){0};
}
