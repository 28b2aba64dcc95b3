/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What each record costs on the thread that produces it: the writing side of its input lane, inline
 * where nothing out of the ordinary happens. The rest is in lane.c; input.h has the protocol.
 */
#ifndef ACTORS_INPUT_APPEND_H
#define ACTORS_INPUT_APPEND_H

#include <string.h>

#include "actors/producer/producer.h"
#include "protocol/murmur2.h"
#include "protocol/record.h"

#define INPUT_LIKELY(condition) __builtin_expect(!!(condition), 1)

enum { INPUT_CHUNK_CAPACITY = INPUT_CHUNK_BYTES - (int)sizeof(struct input_chunk) };

/* The calling thread's lane, made or taken over when it has none. NULL when memory is short. */
static inline struct input_lane *input_lane_of(struct producer *producer) {
    void **slot = rt_thread_slot(producer->world);
    struct input_lane *lane = slot == NULL ? NULL : *slot;
    return INPUT_LIKELY(lane != NULL && lane->producer == producer)
               ? lane
               : input_lane_find(producer, slot);
}

/* Between the two, whoever closes waits: what was put in is there before he begins to flush. False:
 * the producer is closed, and nothing may be put in. The credit's own mark serves for it. */
static inline bool input_enter(struct input_lane *lane) {
    struct producer *producer = lane->producer;
    rt_credit_enter(&producer->budget, &lane->credit); /* pairs with the fence in input_shut, too */
    return atomic_load_explicit(&producer->closed, memory_order_acquire) == 0 ||
           RT_MUTANT(accepts_after_close);
}
static inline void input_leave(struct input_lane *lane) {
    rt_credit_leave(&lane->credit);
}

/* Takes bytes of the budget, for the thread of the lane. */
static inline bool input_take(struct input_lane *lane, int64_t bytes) {
    struct producer *producer = lane->producer;
    return INPUT_LIKELY(rt_budget_take(&producer->budget, &lane->credit, bytes)) ||
           (room_refused(producer) && rt_budget_take(&producer->budget, &lane->credit, bytes));
}

/* Bytes of a record's body, headers included; 0 when a size is impossible. */
static inline uint64_t input_body_size(const sluice_record *record, size_t value_size) {
    if (INPUT_LIKELY((record->key_size | value_size) < KAFKA_RECORD_SHORT &&
                     record->header_count == 0)) {
        return kafka_record_body_size_short(record->key_size, value_size);
    }
    if ((record->key_size | value_size | record->header_count) > INT32_MAX) {
        return 0;
    }
    uint64_t size = kafka_record_body_size((int64_t)record->key_size, (int64_t)value_size,
                                           (uint32_t)record->header_count);
    return record->header_count == 0 ? size : input_headers_size(record, size);
}

/* Writes key, value and headers; with `value` NULL leaves room and stores where it belongs. */
static inline uint8_t *input_body_put(uint8_t *out, const sluice_record *record, size_t value_size,
                                      uint8_t **value) {
    out = kafka_record_bytes_put(out, record->key, record->key_size);
    if (value != NULL) {
        out = kafka_uvarint_put(out, kafka_zigzag((int64_t)value_size));
        *value = out;
        out += value_size;
    } else {
        out = kafka_record_bytes_put(out, record->value, value_size);
    }
    if (record->header_count != 0) {
        return input_headers_put(out, record);
    }
    *out = 0; /* their number */
    return out + 1;
}

static inline void input_entry_fill(struct input_entry *entry, struct producer *producer,
                                    const sluice_record *record, uint32_t flags) {
    if (record->key != NULL) {
        flags |= INPUT_KEYED;
        entry->key_hash = kafka_murmur2(record->key, record->key_size);
    }
    if ((record->flags & SLUICE_RECORD_PARTITION) != 0) {
        flags |= record->partition != SLUICE_PARTITION_ANY ? INPUT_PARTITION : 0;
        entry->partition = record->partition;
    }
    entry->flags = flags;
    entry->timestamp_ms = (record->flags & SLUICE_RECORD_TIMESTAMP) != 0
                              ? record->timestamp_ms
                              : rt_wall_ms(producer->world);
    entry->opaque = record->opaque;
}

/* Takes the next stamp when another thread wrote last. */
static inline void input_stamp(struct input_lane *lane) {
    _Atomic uint64_t *word = &lane->producer->writer;
    uint64_t seen = atomic_load_explicit(word, memory_order_acquire);
    if (seen == lane->writer) {
        return;
    }
    while (!atomic_compare_exchange_weak_explicit(word, &seen, ((seen >> 16) + 1) << 16 | lane->id,
                                                  memory_order_acq_rel, memory_order_acquire)) {
    }
    lane->writer = ((seen >> 16) + 1) << 16 | lane->id;
    lane->topic = NULL; /* a run of its own */
}

/* There is room for its head. */
static inline void input_run_begin(struct input_lane *lane, struct topic *topic) {
    uint8_t *data = lane->tail->data;
    struct input_run *run = (struct input_run *)(void *)(data + lane->tail_used);
    *run = (struct input_run){.topic = topic, .stamp = lane->writer >> 16};
    if (lane->tail_used != 0) {
        ((struct input_run *)(void *)(data + lane->tail_run))->next = lane->tail_used;
    }
    lane->tail_run = lane->tail_used;
    lane->tail_used += (uint32_t)sizeof *run;
    lane->topic = topic;
}

/* Room for an entry behind the right run head, or NULL when memory is short. */
static inline struct input_entry *input_room(struct input_lane *lane, struct topic *topic,
                                             uint32_t size) {
    uint64_t writer = atomic_load_explicit(&lane->producer->writer, memory_order_acquire);
    bool goes_on = writer == lane->writer && lane->topic == topic &&
                   lane->tail_used + size + (uint32_t)sizeof(struct input_run) <=
                       (uint32_t)INPUT_CHUNK_CAPACITY;
    return INPUT_LIKELY(goes_on)
               ? (struct input_entry *)(void *)(lane->tail->data + lane->tail_used)
               : input_room_made(lane, topic, size);
}

static inline void input_publish(struct input_lane *lane, uint32_t size) {
    lane->tail_used += size;
    lane->unnotified += size;
    /* release: the topic actor reads what was written */
    atomic_store_explicit(&lane->tail->published, (uint64_t)lane->tail_run << 32 | lane->tail_used,
                          memory_order_release);
    /* after it, so that a flush finds whatever is counted: pairs with sluice_producer_status */
    atomic_store_explicit(&lane->accepted,
                          atomic_load_explicit(&lane->accepted, memory_order_relaxed) + 1,
                          memory_order_release);
}

static inline uint32_t input_entry_size(uint32_t body_size) {
    return ((uint32_t)sizeof(struct input_entry) + body_size + 7) & ~UINT32_C(7);
}

/* Appends and publishes one record. Its charge has been taken. False when memory is short. */
static inline bool input_append(struct input_lane *lane, struct topic *topic,
                                const sluice_record *record, uint32_t body_size, bool sync) {
    if (!INPUT_LIKELY(body_size <= INPUT_ADOPT_BYTES)) {
        return input_append_large(lane, topic, record, body_size, sync);
    }
    uint32_t size = input_entry_size(body_size);
    struct input_entry *entry = input_room(lane, topic, size);
    if (!INPUT_LIKELY(entry != NULL)) {
        return false;
    }
    entry->size = size;
    entry->body_size = body_size;
    input_entry_fill(entry, lane->producer, record, sync ? INPUT_SYNC : 0);
    input_body_put(entry->body, record, record->value_size, NULL);
    input_publish(lane, size);
    return true;
}

/* Tells the topic actor if it would not look by itself soon enough. */
static inline void input_notify(struct input_lane *lane, bool urgent) {
    struct topic_actor *topics = &lane->producer->topic_actor;
    /* between `published` and `gathering`; pairs with the topic actor, which fences everywhere
     * between the clearing of `gathering` and its last look (topic/topic.c) */
    rt_fence_here(lane->producer->world);
    bool looks = lane->unnotified < INPUT_NOTIFY_BYTES &&
                 atomic_load_explicit(&topics->gathering, memory_order_relaxed) != 0;
    if (urgent || !looks) {
        input_notify_now(lane);
    }
}

#endif
