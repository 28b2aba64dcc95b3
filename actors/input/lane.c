/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The writing side of input lanes. See input.h for the protocol. */
#include "actors/batch/batch.h"
#include "actors/input/append.h"
#include "actors/input/input.h"
#include "actors/producer/producer.h"
#include "runtime/assert.h"

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

struct input_lane *input_lane_find(struct producer *producer, void **slot) {
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
        atomic_store_explicit(&lane->credit.inside, 0, memory_order_release); /* cancelled, maybe */
        atomic_store_explicit(&lane->owned, 0, memory_order_release);         /* pairs: take_over */
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

struct input_chunk *input_chunk_create(struct producer *producer, size_t data_bytes) {
    size_t bytes;
    struct input_chunk *chunk = rt_pool_take(producer->pool, sizeof *chunk + data_bytes, &bytes);
    if (chunk == NULL) {
        return NULL;
    }
    atomic_fetch_add_explicit(&producer->input_bytes, (int64_t)bytes, memory_order_relaxed);
    room_review(producer);
    atomic_init(&chunk->references, 1);
    chunk->bytes = (uint32_t)bytes;
    atomic_init(&chunk->published, 0);
    atomic_init(&chunk->next, NULL);
    return chunk;
}

void input_chunk_trim(struct producer *producer, struct input_chunk *chunk, size_t data_bytes) {
    size_t bytes = rt_pool_trim(producer->pool, chunk, chunk->bytes, sizeof *chunk + data_bytes);
    atomic_fetch_sub_explicit(&producer->input_bytes, chunk->bytes - (int64_t)bytes,
                              memory_order_relaxed);
    chunk->bytes = (uint32_t)bytes;
    room_review(producer);
}

void input_chunk_release(struct producer *producer, struct input_chunk *chunk) {
    /* acq_rel: whoever comes last must see all readers done */
    if (atomic_fetch_sub_explicit(&chunk->references, 1, memory_order_acq_rel) == 1) {
        atomic_fetch_sub_explicit(&producer->input_bytes, chunk->bytes, memory_order_relaxed);
        rt_pool_give(producer->pool, chunk, chunk->bytes);
        room_review(producer);
    }
}

void input_deinit(struct producer *producer) {
    bool cleared = producer->owns_world && rt_thread_slots_clear(producer->world);
    struct input_lane *lane =
        atomic_exchange_explicit(&producer->lanes, NULL, memory_order_acquire);
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
    struct input_chunk *chunk = input_chunk_create(lane->producer, INPUT_CHUNK_CAPACITY);
    if (chunk == NULL) {
        return false;
    }
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

struct input_entry *input_room_made(struct input_lane *lane, struct topic *topic, uint32_t size) {
    input_stamp(lane);
    uint32_t head = (uint32_t)sizeof(struct input_run);
    RT_ASSERT(size + head <= INPUT_CHUNK_CAPACITY);
    if (lane->tail == NULL || lane->tail_used + size + head > INPUT_CHUNK_CAPACITY) {
        if (!chunk_new(lane)) {
            return NULL;
        }
    }
    if (lane->topic != topic) {
        input_run_begin(lane, topic);
    }
    return (struct input_entry *)(void *)(lane->tail->data + lane->tail_used);
}

uint64_t input_headers_size(const sluice_record *record, uint64_t size) {
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

uint8_t *input_headers_put(uint8_t *out, const sluice_record *record) {
    out = kafka_uvarint_put(out, kafka_zigzag((int64_t)record->header_count));
    for (size_t i = 0; i < record->header_count; i++) {
        const sluice_header *header = &record->headers[i];
        out = kafka_record_header_put(out, header->name, strlen(header->name), header->value,
                                      header->value == NULL ? -1 : (int64_t)header->value_size);
    }
    return out;
}

bool input_append_large(struct input_lane *lane, struct topic *topic, const sluice_record *record,
                        uint32_t body_size, bool sync) {
    struct chunk *chunk = chunk_create(lane->producer, BATCH_PREFIX_ROOM + (size_t)body_size);
    if (chunk == NULL) {
        return false;
    }
    input_body_put(chunk->data + BATCH_PREFIX_ROOM, record, record->value_size, NULL);
    struct input_entry entry = {.body_size = body_size};
    input_entry_fill(&entry, lane->producer, record, sync ? INPUT_SYNC : 0);
    if (!input_append_adopted(lane, topic, chunk, &entry)) {
        chunk_release(lane->producer, chunk);
        return false;
    }
    room_review(lane->producer);
    return true;
}

bool input_append_adopted(struct input_lane *lane, struct topic *topic, struct chunk *chunk,
                          const struct input_entry *entry) {
    uint32_t size = input_entry_size(sizeof chunk);
    struct input_entry *out = input_room(lane, topic, size);
    if (out == NULL) {
        return false;
    }
    *out = *entry;
    out->size = size;
    out->flags |= INPUT_ADOPTED;
    memcpy(out->body, &chunk, sizeof chunk);
    input_publish(lane, size);
    lane->unnotified += entry->body_size;
    return true;
}

void input_notify_now(struct input_lane *lane) {
    struct topic_actor *topics = &lane->producer->topic_actor;
    lane->unnotified = 0;
    if (topics->gather_ns != 0) { /* first, or it could be raised after the actor's last look */
        atomic_store_explicit(&topics->gathering, 1, memory_order_relaxed);
    }
    atomic_thread_fence(memory_order_seq_cst); /* between `published` and the actor's word */
    /* seen NOTIFIED: the claim that clears it comes later, and then sees what was published */
    if ((atomic_load_explicit(&topics->actor.word, memory_order_seq_cst) & RT_NOTIFIED) == 0) {
        rt_notify(&topics->actor);
    }
}

enum { OUTSIDE_POLL_NS = 50000 };

void input_shut(struct producer *producer) {
    struct rt_world *world = producer->world;
    atomic_store_explicit(&producer->closed, 1, memory_order_seq_cst);
    rt_fence_everywhere(world);
    struct input_lane *lane = atomic_load_explicit(&producer->lanes, memory_order_acquire);
    for (; lane != NULL; lane = lane->next) {
        /* nobody wakes us: calls are short, and none of them waits inside */
        while (atomic_load_explicit(&lane->credit.inside, memory_order_acquire) != 0) {
            (void)rt_wait(world, &lane->credit.inside, 1, rt_now(world) + OUTSIDE_POLL_NS);
        }
    }
}
