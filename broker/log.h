/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One partition's records: batches as they came, in the order of their offsets.
 *
 *   start_offset <= base offset of the first batch; next_offset follows the last record
 *
 * The log belongs to the cluster's actor. A batch never changes once it is in, and is counted: a
 * reader on another thread holds on to what it reads.
 */
#ifndef BROKER_LOG_H
#define BROKER_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct broker_batch {
    _Atomic uint32_t references; /* acq_rel: who frees sees what others read */
    uint32_t size;
    int64_t base_offset;
    int64_t last_offset;
    int64_t max_timestamp_ms;
    uint64_t number; /* in the order of the cluster's appends */
    uint8_t bytes[]; /* offset and leader epoch filled in */
};

struct broker_log {
    int64_t start_offset;
    int64_t next_offset;
    struct broker_batch **batches; /* first .. first + count are in use */
    size_t first;
    size_t count;
    size_t capacity;
    uint64_t bytes;
};

/* Copies a batch in. False when memory is short. */
bool broker_log_append(struct broker_log *log, const uint8_t *bytes, uint32_t size,
                       uint32_t record_count, int64_t max_timestamp_ms, int32_t leader_epoch,
                       uint64_t number);
/* Counts records without keeping them. */
static inline void broker_log_skip(struct broker_log *log, uint32_t record_count) {
    log->next_offset += record_count;
    log->start_offset = log->next_offset;
}
/* Drops the oldest batches until at most `bytes_max` are left, but never the last batch. */
void broker_log_trim(struct broker_log *log, uint64_t bytes_max);
/* Drops the batches from `offset` on, which is where one begins or the end. */
void broker_log_cut(struct broker_log *log, int64_t offset);
/* The index, from 0 to `count`, of the batch that holds `offset` or else of the next. */
size_t broker_log_find(const struct broker_log *log, int64_t offset);
static inline struct broker_batch *broker_log_at(const struct broker_log *log, size_t index) {
    return log->batches[log->first + index];
}
void broker_log_deinit(struct broker_log *log);

void broker_batch_release(struct broker_batch *batch);

#endif
