/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The writing side of input lanes. See input.h for the protocol. */
#include "actors/batch/batch.h"
#include "actors/input/input.h"
#include "actors/producer/producer.h"
#include "protocol/murmur2.h"
#include "protocol/record.h"
#include "runtime/assert.h"

static uint32_t round_up(size_t size) {
    return (uint32_t)((size + 7) & ~(size_t)7);
}

static struct input_lane *take_over(struct producer *producer) {
    struct input_lane *lane = atomic_load_explicit(&producer->lanes, memory_order_acquire);
    for (; lane != NULL; lane = lane->next) {
        uint32_t owned = 0;
        /* acquire: pairs with the release of the thread that ended */
        if (atomic_load_explicit(&lane->owned, memory_order_relaxed) == 0 &&
            atomic_compare_exchange_strong_explicit(&lane->owned, &owned, 1, memory_order_acquire,
                                                    memory_order_relaxed)) {
            return lane;
        }
    }
    return NULL;
}

static struct input_lane *lane_create(struct producer *producer) {
    struct input_lane *lane = rt_acquire(producer->world, sizeof *lane);
    if (lane == NULL) {
        return NULL;
    }
    /* no stamp was ever taken under this name, so the first record takes one */
    *lane = (struct input_lane){.producer = producer, .owned = 1, .writer = UINT64_MAX};
    rt_budget_join(&producer->budget, &lane->credit);
    /* acquire, also when another thread comes in between: its lane's number is read */
    struct input_lane *first = atomic_load_explicit(&producer->lanes, memory_order_acquire);
    do {
        lane->next = first;
        lane->id = (uint16_t)(first == NULL ? 1 : first->id + 1);
    } while (!atomic_compare_exchange_weak_explicit(&producer->lanes, &first, lane,
                                                    memory_order_acq_rel, memory_order_acquire));
    return lane;
}

/* A thread's slot holds its lanes of all producers of this world: one, unless worlds are shared. */
static struct input_lane *lane_add(struct producer *producer, void **slot) {
    struct input_lane *lane = take_over(producer);
    lane = lane != NULL ? lane : lane_create(producer);
    if (lane != NULL) {
        lane->slot = slot;
        lane->slot_next = *slot;
        *slot = lane;
    }
    return lane;
}

struct input_lane *input_lane_of(struct producer *producer) {
    void **slot = rt_thread_slot(producer->world);
    if (slot == NULL) {
        return NULL;
    }
    for (struct input_lane *lane = *slot; lane != NULL; lane = lane->slot_next) {
        if (lane->producer == producer) {
            return lane;
        }
    }
    return lane_add(producer, slot);
}

void input_thread_end(void *slot, void *context) {
    (void)context;
    struct input_lane *lane = slot;
    while (lane != NULL) {
        struct input_lane *next = lane->slot_next;
        atomic_store_explicit(&lane->owned, 0, memory_order_release); /* pairs: take_over */
        lane = next;
    }
}

/* Out of the slot of its thread, which lives on. */
static void slot_leave(struct input_lane *lane) {
    if (atomic_load_explicit(&lane->owned, memory_order_acquire) == 0) {
        return;
    }
    struct input_lane *at = *lane->slot;
    if (at == lane) {
        *lane->slot = lane->slot_next;
        return;
    }
    while (at->slot_next != lane) {
        at = at->slot_next;
    }
    at->slot_next = lane->slot_next;
}

void input_chunk_release(struct producer *producer, struct input_chunk *chunk) {
    /* acq_rel: whoever comes last must see all readers done */
    if (atomic_fetch_sub_explicit(&chunk->references, 1, memory_order_acq_rel) == 1) {
        rt_pool_give(producer->pool, chunk, chunk->bytes);
    }
}

void input_deinit(struct producer *producer) {
    bool cleared = producer->owns_world && rt_thread_slots_clear(producer->world);
    struct input_lane *lane = atomic_load_explicit(&producer->lanes, memory_order_acquire);
    while (lane != NULL) {
        struct input_lane *next = lane->next;
        if (!cleared) {
            slot_leave(lane);
        }
        struct input_chunk *chunk = lane->read != NULL
                                        ? lane->read
                                        : atomic_load_explicit(&lane->head, memory_order_acquire);
        while (chunk != NULL) {
            struct input_chunk *after = atomic_load_explicit(&chunk->next, memory_order_acquire);
            input_chunk_release(producer, chunk);
            chunk = after;
        }
        rt_release(producer->world, lane, sizeof *lane);
        lane = next;
    }
}

static bool chunk_new(struct input_lane *lane) {
    size_t bytes;
    struct input_chunk *chunk = rt_pool_take(lane->producer->pool, INPUT_CHUNK_BYTES, &bytes);
    if (chunk == NULL) {
        return false;
    }
    atomic_init(&chunk->references, 1);
    chunk->bytes = (uint32_t)bytes;
    atomic_init(&chunk->published, 0);
    atomic_init(&chunk->next, NULL);
    if (lane->tail == NULL) {
        atomic_store_explicit(&lane->head, chunk, memory_order_release);
    } else {
        atomic_store_explicit(&lane->tail->next, chunk, memory_order_release);
    }
    lane->tail = chunk;
    lane->tail_used = 0;
    lane->tail_run = 0;
    lane->topic = NULL;
    return true;
}

/* Takes the next stamp when another thread wrote last. */
static void stamp(struct input_lane *lane) {
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

/* Room for an entry behind the right run head, or NULL when memory is short. */
static struct input_entry *entry_room(struct input_lane *lane, struct topic *topic, uint32_t size) {
    stamp(lane);
    uint32_t capacity = INPUT_CHUNK_BYTES - (uint32_t)sizeof(struct input_chunk);
    uint32_t head = (uint32_t)sizeof(struct input_run);
    RT_ASSERT(size + head <= capacity);
    if (lane->tail == NULL || lane->tail_used + size + head > capacity) {
        if (!chunk_new(lane)) {
            return NULL;
        }
    }
    if (lane->topic != topic) {
        struct input_run *run = (struct input_run *)(void *)(lane->tail->data + lane->tail_used);
        *run = (struct input_run){.topic = topic, .stamp = lane->writer >> 16};
        if (lane->tail_used != 0) {
            struct input_run *last =
                (struct input_run *)(void *)(lane->tail->data + lane->tail_run);
            last->next = lane->tail_used;
        }
        lane->tail_run = lane->tail_used;
        lane->tail_used += head;
        lane->topic = topic;
    }
    return (struct input_entry *)(void *)(lane->tail->data + lane->tail_used);
}

static void publish(struct input_lane *lane, uint32_t size) {
    lane->tail_used += size;
    lane->unnotified += size;
    atomic_store_explicit(&lane->accepted,
                          atomic_load_explicit(&lane->accepted, memory_order_relaxed) + 1,
                          memory_order_relaxed);
    /* seq_cst: input_notify looks at `gathering` next; pairs with the topic actor's clearing of it
     * before its last look (see topic/topic.c) */
    atomic_store_explicit(&lane->tail->published, (uint64_t)lane->tail_run << 32 | lane->tail_used,
                          memory_order_seq_cst);
}

uint64_t input_body_size(const sluice_record *record, size_t value_size) {
    if (record->key_size > INT32_MAX || value_size > INT32_MAX ||
        record->header_count > INT32_MAX) {
        return 0;
    }
    uint64_t size = kafka_record_body_size(record->key == NULL ? -1 : (int64_t)record->key_size,
                                           (int64_t)value_size, (uint32_t)record->header_count);
    for (size_t i = 0; i < record->header_count; i++) {
        const sluice_header *header = &record->headers[i];
        if (header->value_size > INT32_MAX) {
            return 0;
        }
        size += kafka_record_header_size(strlen(header->name),
                                         header->value == NULL ? -1 : (int64_t)header->value_size);
    }
    return size;
}

uint8_t *input_body_put(uint8_t *out, const sluice_record *record, size_t value_size,
                        uint8_t **value) {
    out = kafka_record_field_put(out, record->key,
                                 record->key == NULL ? -1 : (int64_t)record->key_size);
    if (value != NULL) {
        out = kafka_uvarint_put(out, kafka_zigzag((int64_t)value_size));
        *value = out;
        out += value_size;
    } else {
        out = kafka_record_field_put(out, record->value,
                                     record->value == NULL ? -1 : (int64_t)value_size);
    }
    out = kafka_uvarint_put(out, kafka_zigzag((int64_t)record->header_count));
    for (size_t i = 0; i < record->header_count; i++) {
        const sluice_header *header = &record->headers[i];
        out = kafka_record_header_put(out, header->name, strlen(header->name), header->value,
                                      header->value == NULL ? -1 : (int64_t)header->value_size);
    }
    return out;
}

static void entry_fill(struct input_entry *entry, struct input_lane *lane,
                       const sluice_record *record, bool sync) {
    entry->flags = sync ? INPUT_SYNC : 0;
    if (record->key != NULL) {
        entry->flags |= INPUT_KEYED;
        entry->key_hash = kafka_murmur2(record->key, record->key_size);
    }
    if ((record->flags & SLUICE_RECORD_PARTITION) != 0) {
        entry->flags |= INPUT_PARTITION;
        entry->partition = record->partition;
    }
    entry->timestamp_ms = (record->flags & SLUICE_RECORD_TIMESTAMP) != 0
                              ? record->timestamp_ms
                              : rt_wall_ms(lane->producer->world);
    entry->opaque = record->opaque;
}

static bool append_large(struct input_lane *lane, struct topic *topic, const sluice_record *record,
                         uint32_t body_size, uint32_t charge, bool sync) {
    struct chunk *chunk = chunk_create(lane->producer, BATCH_PREFIX_ROOM + (size_t)body_size);
    if (chunk == NULL) {
        return false;
    }
    input_body_put(chunk->data + BATCH_PREFIX_ROOM, record, record->value_size, NULL);
    struct input_entry entry = {.body_size = body_size, .charge = charge};
    entry_fill(&entry, lane, record, sync);
    if (!input_append_adopted(lane, topic, chunk, &entry)) {
        chunk_release(lane->producer, chunk);
        return false;
    }
    return true;
}

bool input_append(struct input_lane *lane, struct topic *topic, const sluice_record *record,
                  uint32_t body_size, uint32_t charge, bool sync) {
    if (body_size > INPUT_ADOPT_BYTES) {
        return append_large(lane, topic, record, body_size, charge, sync);
    }
    uint32_t size = round_up(sizeof(struct input_entry) + body_size);
    struct input_entry *entry = entry_room(lane, topic, size);
    if (entry == NULL) {
        return false;
    }
    entry->size = size;
    entry->body_size = body_size;
    entry->charge = charge;
    entry_fill(entry, lane, record, sync);
    input_body_put(entry->body, record, record->value_size, NULL);
    publish(lane, size);
    return true;
}

bool input_append_adopted(struct input_lane *lane, struct topic *topic, struct chunk *chunk,
                          const struct input_entry *entry) {
    uint32_t size = round_up(sizeof *entry + sizeof chunk);
    struct input_entry *out = entry_room(lane, topic, size);
    if (out == NULL) {
        return false;
    }
    *out = *entry;
    out->size = size;
    out->flags |= INPUT_ADOPTED;
    memcpy(out->body, &chunk, sizeof chunk);
    publish(lane, size);
    lane->unnotified += entry->body_size;
    return true;
}

void input_notify(struct input_lane *lane, bool urgent) {
    struct topic_actor *topics = &lane->producer->topic_actor;
    if (!urgent && lane->unnotified < INPUT_NOTIFY_BYTES &&
        atomic_load_explicit(&topics->gathering, memory_order_seq_cst) != 0) {
        return;
    }
    lane->unnotified = 0;
    /* seen NOTIFIED: the claim that clears it comes later, and then sees what was published */
    if ((atomic_load_explicit(&topics->actor.word, memory_order_seq_cst) & RT_NOTIFIED) == 0) {
        rt_notify(&topics->actor);
    }
}
