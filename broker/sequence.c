/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "broker/sequence.h"

#include <stdlib.h>
#include <string.h>

#include "protocol/batch.h"
#include "runtime/assert.h"

static struct broker_producer *producers_find(struct broker_producers *producers, int64_t id) {
    if (producers->last < producers->count && producers->all[producers->last].id == id) {
        return &producers->all[producers->last];
    }
    for (size_t i = 0; i < producers->count; i++) {
        if (producers->all[i].id == id) {
            producers->last = i;
            return &producers->all[i];
        }
    }
    return NULL;
}

/* The index of the oldest entry that a node still sees. */
static uint32_t producer_first_seen(const struct broker_producer *producer,
                                    const struct broker_horizon *horizon) {
    uint32_t first = 0;
    while (first < producer->count && producer->entries[first].number < horizon->nothing_before) {
        first++;
    }
    while (first + 1 < producer->count &&
           producer->entries[first + 1].number < horizon->last_before) {
        first++;
    }
    return first;
}

enum broker_sequence_verdict broker_sequence_check(struct broker_producers *producers,
                                                   const struct broker_horizon *horizon,
                                                   const struct broker_sequence_batch *batch,
                                                   bool must_begin_with_0, int64_t *base_offset) {
    const struct broker_producer *producer = producers_find(producers, batch->producer_id);
    uint32_t first = producer == NULL ? 0 : producer_first_seen(producer, horizon);
    if (producer == NULL || first == producer->count) {
        return must_begin_with_0 && batch->first_sequence != 0 ? BROKER_SEQUENCE_OUT_OF_ORDER
                                                               : BROKER_SEQUENCE_NEXT;
    }
    for (uint32_t i = first; i < producer->count; i++) {
        const struct broker_sequence_entry *entry = &producer->entries[i];
        if (entry->epoch == batch->epoch && entry->first_sequence == batch->first_sequence &&
            entry->last_sequence == batch->last_sequence) {
            *base_offset = entry->base_offset;
            return BROKER_SEQUENCE_DUPLICATE;
        }
    }
    const struct broker_sequence_entry *last = &producer->entries[producer->count - 1];
    if (batch->epoch < last->epoch) {
        return BROKER_SEQUENCE_OLD_EPOCH;
    }
    int32_t expected = batch->epoch == last->epoch ? kafka_sequence_add(last->last_sequence, 1) : 0;
    return batch->first_sequence == expected ? BROKER_SEQUENCE_NEXT : BROKER_SEQUENCE_OUT_OF_ORDER;
}

bool broker_sequence_reserve(struct broker_producers *producers, int64_t producer_id) {
    if (producers->count < producers->capacity || producers_find(producers, producer_id) != NULL) {
        return true;
    }
    size_t capacity = producers->capacity == 0 ? 1 : producers->capacity * 2;
    struct broker_producer *all = realloc(producers->all, capacity * sizeof *all);
    if (all == NULL) {
        return false;
    }
    producers->all = all;
    producers->capacity = capacity;
    return true;
}

void broker_sequence_append(struct broker_producers *producers,
                            const struct broker_sequence_batch *batch, uint64_t number,
                            int64_t base_offset) {
    struct broker_producer *producer = producers_find(producers, batch->producer_id);
    if (producer == NULL) {
        RT_ASSERT(producers->count < producers->capacity);
        producer = &producers->all[producers->count++];
        *producer = (struct broker_producer){.id = batch->producer_id};
    }
    bool new_epoch =
        producer->count > 0 && producer->entries[producer->count - 1].epoch != batch->epoch;
    uint32_t gone = new_epoch ? producer->count : producer->count == BROKER_SEQUENCE_WINDOW;
    producer->count -= gone;
    memmove(producer->entries, producer->entries + gone,
            producer->count * sizeof *producer->entries);
    producer->entries[producer->count++] = (struct broker_sequence_entry){
        .number = number,
        .base_offset = base_offset,
        .first_sequence = batch->first_sequence,
        .last_sequence = batch->last_sequence,
        .epoch = batch->epoch,
    };
}

void broker_producers_deinit(struct broker_producers *producers) {
    free(producers->all);
    *producers = (struct broker_producers){0};
}
