/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Filling, closing, stamping and freeing of batches. See batch.h for who may do what when. */
#include "actors/batch/batch.h"

#include "actors/leader/partition.h"
#include "actors/producer/flush.h"
#include "actors/producer/producer.h"
#include "actors/report/report.h"
#include "actors/topic/limit.h"
#include "protocol/codec.h"
#include "protocol/record.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

_Static_assert(sizeof(struct batch) <= RT_POOL_GRANULE_BYTES, "a batch is the least block");

enum {
    BATCH_BYTES = RT_POOL_GAP_BYTES == 0 ? RT_POOL_GRANULE_BYTES : 2 * RT_POOL_GRANULE_BYTES,
    CHUNK_FIRST_BYTES = 2 * RT_POOL_GRANULE_BYTES - RT_POOL_GAP_BYTES - (int)sizeof(struct chunk),
    CHUNK_PAGE_BYTES = RT_POOL_SMALL_BYTES_MAX - (int)sizeof(struct chunk),
    CHUNK_PAGE_UNTIL_BYTES = 196608, /* of a batch: one page finds a place more easily than two */
    CHUNK_DOUBLED_BYTES_MAX = 2048,
    CHUNK_WHOLE_BYTES_MAX = 4096, /* a batch that becomes no larger begins with one for all of it */
    SLOT_BLOCK_FIRST_BYTES = RT_POOL_GRANULE_BYTES - RT_POOL_GAP_BYTES,
    SLOT_BLOCK_LARGEST_BYTES = 8192 - RT_POOL_GAP_BYTES,
    TRIM_LEAST_BYTES = 1024 /* what is less is not worth the while */
};

static struct producer *producer_of(const struct batch *batch) {
    return batch->partition->topic->producer;
}

struct chunk *chunk_create(struct producer *producer, size_t data_bytes) {
    size_t capacity;
    struct chunk *chunk = rt_pool_take(producer->pool, sizeof *chunk + data_bytes, &capacity);
    if (chunk == NULL) {
        return NULL;
    }
    *chunk = (struct chunk){.capacity = (uint32_t)(capacity - sizeof *chunk)};
    return chunk;
}

void chunk_release(struct producer *producer, struct chunk *chunk) {
    rt_pool_give(producer->pool, chunk, sizeof *chunk + chunk->capacity);
}

static void chunks_release(struct producer *producer, struct chunk *chunk) {
    while (chunk != NULL) {
        struct chunk *next = chunk->next;
        chunk_release(producer, chunk);
        chunk = next;
    }
}

/* A batch that may become large begins with a part of that: it may also stay small. */
static size_t first_bytes(uint32_t size_hint) {
    size_t first = size_hint <= CHUNK_WHOLE_BYTES_MAX ? size_hint : size_hint / 4;
    first = first < CHUNK_FIRST_BYTES ? CHUNK_FIRST_BYTES : first;
    return first < CHUNK_PAGE_BYTES - BATCH_BYTES ? first : CHUNK_PAGE_BYTES - BATCH_BYTES;
}

/* Everything but its place in the partition and its flush epoch. */
static struct batch *batch_make(struct partition *partition, uint64_t opened_ns,
                                uint32_t size_hint) {
    struct producer *producer = partition->topic->producer;
    size_t capacity;
    /* the batch and its first chunk: one block taken, two given */
    struct batch *batch = rt_pool_take(
        producer->pool, BATCH_BYTES + sizeof(struct chunk) + first_bytes(size_hint), &capacity);
    if (batch == NULL) {
        return NULL;
    }
    size_t first_at = rt_pool_split(batch, sizeof *batch);
    *batch = (struct batch){.mail = {.kind = MAIL_BATCH},
                            .partition = partition,
                            .pins = 1,
                            .lives = 2,
                            .bytes_max = UINT32_MAX,
                            .opened_ns = opened_ns,
                            .base_offset = -1,
                            .log_append_time_ms = -1,
                            .producer_id = -1,
                            .producer_epoch = -1,
                            .base_sequence = -1,
                            .refused_leader_epoch = -1};
    batch->first = (struct chunk *)(void *)((char *)batch + first_at);
    *batch->first =
        (struct chunk){.capacity = (uint32_t)(capacity - first_at - sizeof(struct chunk))};
    batch->last = batch->first;
    batch->chunk_count = 1;
    batch_resume(batch);
    return batch;
}

struct batch *batch_create(struct partition *partition, uint64_t opened_ns, uint32_t size_hint,
                           const uint32_t *flush_epoch) {
    struct producer *producer = partition->topic->producer;
    struct batch *batch = batch_make(partition, opened_ns, size_hint);
    if (batch == NULL) {
        return NULL;
    }
    batch->index = partition->next_index++;
    batch->bytes_max = topic_batch_bytes(partition->topic, opened_ns);
    if (flush_epoch == NULL) {
        batch->flush_epoch = producer_epoch_enter(producer);
    } else {
        batch->flush_epoch = *flush_epoch;
        producer_epoch_join(producer, *flush_epoch);
    }
    return batch;
}

struct batch *batch_create_piece(const struct batch *whole, uint32_t first_record,
                                 uint32_t size_hint) {
    struct batch *piece = batch_make(whole->partition, whole->opened_ns, size_hint);
    if (piece == NULL) {
        return NULL;
    }
    piece->index = whole->index;
    piece->part = whole->part + first_record;
    piece->closed_by = BATCH_CLOSED_CUT;
    piece->attempts = whole->attempts;
    piece->failures = whole->failures;
    piece->first_sent_ns = whole->first_sent_ns;
    piece->last_error = whole->last_error;
    piece->flush_epoch = whole->flush_epoch;
    /* the whole is still counted there, so the epoch cannot be over */
    RT_UNLESS_MUTANT(pieces_not_flushed,
                     producer_epoch_join(producer_of(whole), whole->flush_epoch));
    return piece;
}

static bool chain_chunk(struct batch *batch, struct chunk *chunk) {
    if (chunk == NULL) {
        return false;
    }
    batch->last->next = chunk;
    batch->last = chunk;
    batch->chunk_count++;
    return true;
}

/* Chunks grow with the batch, so that memory follows the bytes that wait: at first it doubles, then
 * half of it is added, and once it has many chunks it doubles again, for BATCH_CHUNKS_MAX of them
 * to hold a megabyte and more. */
static bool chunk_for(struct batch *batch, size_t bytes) {
    const struct chunk *last = batch->last;
    if (last->capacity - last->used >= bytes) {
        return true;
    }
    size_t have = batch->raw_bytes;
    size_t left = batch->bytes_max - have;
    bool doubles = have < CHUNK_DOUBLED_BYTES_MAX || batch->chunk_count >= BATCH_CHUNKS_MAX / 2;
    size_t wanted = doubles ? have : have / 2;
    wanted = wanted < left ? wanted : left;
    if (have < CHUNK_PAGE_UNTIL_BYTES && wanted > CHUNK_PAGE_BYTES) {
        wanted = CHUNK_PAGE_BYTES;
    }
    return chain_chunk(batch, chunk_create(producer_of(batch), bytes > wanted ? bytes : wanted));
}

void chunk_trim(struct producer *producer, struct chunk *chunk) {
    if (chunk->capacity - chunk->used < TRIM_LEAST_BYTES) {
        return;
    }
    size_t capacity = rt_pool_trim(producer->pool, chunk, sizeof *chunk + chunk->capacity,
                                   sizeof *chunk + chunk->used);
    chunk->capacity = (uint32_t)(capacity - sizeof *chunk);
}

static bool slots_make(struct batch *batch) {
    struct slot_block *last = batch->slots_last;
    if (batch->records < BATCH_SLOTS_INLINE) {
        batch->slot_next = batch->inline_slots;
        batch->slots_left = BATCH_SLOTS_INLINE;
    } else {
        size_t wanted = last == NULL ? SLOT_BLOCK_FIRST_BYTES : (size_t)last->bytes * 2;
        size_t bytes;
        struct slot_block *block = rt_pool_take(
            producer_of(batch)->pool,
            wanted > SLOT_BLOCK_LARGEST_BYTES ? SLOT_BLOCK_LARGEST_BYTES : wanted, &bytes);
        if (block == NULL) {
            return false;
        }
        *block = (struct slot_block){.capacity =
                                         (uint32_t)((bytes - sizeof *block) / sizeof(struct slot)),
                                     .bytes = (uint32_t)bytes};
        if (last == NULL) {
            batch->slots_first = block;
        } else {
            last->next = block;
        }
        batch->slots_last = block;
        batch->slot_next = block->slots;
        batch->slots_left = block->capacity;
    }
    return true;
}

struct slot *batch_slot_next(struct batch *batch, uint32_t index, struct slot_cursor *cursor) {
    if (index < BATCH_SLOTS_INLINE) {
        return &batch->inline_slots[index];
    }
    if (index == BATCH_SLOTS_INLINE) {
        *cursor = (struct slot_cursor){batch->slots_first, 0};
    } else if (cursor->at == cursor->block->capacity) {
        *cursor = (struct slot_cursor){cursor->block->next, 0};
    }
    return &cursor->block->slots[cursor->at++];
}

const struct slot *batch_slots_from(struct batch *batch, uint32_t index, struct slot_cursor *cursor,
                                    uint32_t *count) {
    uint32_t left = batch->records - index;
    if (index < BATCH_SLOTS_INLINE) {
        *count = left < BATCH_SLOTS_INLINE - index ? left : BATCH_SLOTS_INLINE - index;
        return &batch->inline_slots[index];
    }
    if (index == BATCH_SLOTS_INLINE) {
        *cursor = (struct slot_cursor){batch->slots_first, 0};
    } else if (cursor->at == cursor->block->capacity) {
        *cursor = (struct slot_cursor){cursor->block->next, 0};
    }
    uint32_t here = cursor->block->capacity - cursor->at;
    *count = left < here ? left : here;
    return &cursor->block->slots[cursor->at];
}

/* Puts the prefix right before a body that stays where it is. */
static bool adopt(struct batch *batch, const struct batch_record *record, int64_t delta) {
    uint8_t prefix[BATCH_PREFIX_ROOM];
    size_t size =
        kafka_record_prefix_encode(prefix, record->body_size, delta, (int32_t)batch->records);
    struct chunk *chunk = record->adopted;
    chunk->start = (uint32_t)(BATCH_PREFIX_ROOM - size);
    memcpy(chunk->data + chunk->start, prefix, size);
    chunk->used = BATCH_PREFIX_ROOM + record->body_size;
    chain_chunk(batch, chunk);
    batch->raw_bytes += (uint32_t)size + record->body_size;
    return true;
}

static bool copy(struct batch *batch, const struct batch_record *record, int64_t delta) {
    if (!chunk_for(batch, record->body_size + KAFKA_RECORD_PREFIX_SIZE_MAX)) {
        return false;
    }
    struct chunk *chunk = batch->last;
    uint8_t *out = chunk->data + chunk->used;
    size_t size =
        kafka_record_prefix_encode(out, record->body_size, delta, (int32_t)batch->records);
    memcpy(out + size, record->body, record->body_size);
    size += record->body_size;
    chunk->used += (uint32_t)size;
    batch->raw_bytes += (uint32_t)size;
    return true;
}

enum batch_append batch_append(struct batch *batch, const struct batch_record *record) {
    size_t size = record->body_size + KAFKA_RECORD_PREFIX_SIZE_MAX;
    if (batch->records > 0 &&
        (batch->raw_bytes + size + KAFKA_BATCH_HEADER_SIZE > batch->bytes_max ||
         batch->chunk_count >= BATCH_CHUNKS_MAX)) {
        return BATCH_FULL;
    }
    if (batch->records == 0) {
        batch->base_timestamp_ms = record->timestamp_ms;
    }
    if (batch->slots_left == 0 && !slots_make(batch)) {
        return BATCH_NO_MEMORY;
    }
    int64_t delta = record->timestamp_ms - batch->base_timestamp_ms;
    batch_pause(batch);
    if (record->adopted != NULL ? !adopt(batch, record, delta) : !copy(batch, record, delta)) {
        return BATCH_NO_MEMORY;
    }
    batch_resume(batch);
    *batch->slot_next++ =
        (struct slot){record->opaque, (uint64_t)record->timestamp_ms << SLOT_FLAG_BITS |
                                          (record->sync ? SLOT_SYNC : 0)};
    batch->slots_left--;
    if (record->sync) {
        batch->has_sync = true;
        batch->urgent = true;
    }
    if (batch->records++ == 0 || record->timestamp_ms > batch->max_timestamp_ms) {
        batch->max_timestamp_ms = record->timestamp_ms;
    }
    batch->charge += record->charge;
    return BATCH_APPENDED;
}

static void sum_add(void *context, const void *data, size_t size) {
    uint32_t *crc = context;
    *crc = kafka_crc32c(*crc, data, size);
}

/* Gives back what it will not need any more. */
static void batch_trim(struct batch *batch) {
    struct producer *producer = producer_of(batch);
    struct slot_block *block = batch->slots_last;
    chunk_trim(producer, batch->last);
    if (block != NULL && batch->slots_left * sizeof(struct slot) >= TRIM_LEAST_BYTES) {
        uint32_t used = block->capacity - batch->slots_left;
        block->bytes = (uint32_t)rt_pool_trim(producer->pool, block, block->bytes,
                                              sizeof *block + used * sizeof(struct slot));
    }
}

void batch_seal(struct batch *batch, uint8_t codec) {
    RT_ASSERT(batch->records > 0 && !batch->sealed);
    batch_trim(batch);
    if (codec == KAFKA_CODEC_NONE) {
        batch->payload_bytes = batch->raw_bytes;
    }
    uint32_t crc = 0;
    batch_payload(batch, sum_add, &crc);
    batch->sum = kafka_batch_sum_of(crc, batch->payload_bytes);
    kafka_batch_header_encode(
        batch->header,
        &(struct kafka_batch_header){.leader_epoch = -1,
                                     .attributes = codec,
                                     .last_offset_delta = (int32_t)batch->records - 1,
                                     .base_timestamp_ms = batch->base_timestamp_ms,
                                     .max_timestamp_ms = batch->max_timestamp_ms,
                                     .producer_id = KAFKA_NO_PRODUCER_ID,
                                     .producer_epoch = KAFKA_NO_PRODUCER_EPOCH,
                                     .base_sequence = KAFKA_NO_SEQUENCE,
                                     .record_count = (int32_t)batch->records,
                                     .records_size = batch->payload_bytes},
        batch->sum);
    batch->codec = codec;
    batch->sealed = true;
    if (batch->stamped) { /* a piece of a batch that was */
        kafka_batch_stamp(batch->header, batch->sum, batch->producer_id, batch->producer_epoch,
                          batch->base_sequence);
    }
}

void batch_payload(const struct batch *batch,
                   void (*visit)(void *context, const void *data, size_t size), void *context) {
    uint32_t left = batch->payload_bytes;
    struct chunk *chunk = batch->packed != NULL ? batch->packed : batch->first;
    for (; left > 0; chunk = chunk->next) {
        uint32_t size = chunk->used - chunk->start;
        if (size > 0) {
            visit(context, chunk->data + chunk->start, size);
        }
        left -= size;
    }
}

struct slices {
    struct rt_slice *next;
};

static void slice_add(void *context, const void *data, size_t size) {
    struct slices *slices = context;
    *slices->next++ = (struct rt_slice){data, size};
}

uint32_t batch_slices(const struct batch *batch, struct rt_slice *slices) {
    struct slices out = {slices};
    slice_add(&out, batch->header, sizeof batch->header);
    batch_payload(batch, slice_add, &out);
    return (uint32_t)(out.next - slices);
}

uint32_t batch_wire_bytes(const struct batch *batch) {
    return KAFKA_BATCH_HEADER_SIZE + batch->payload_bytes;
}

void batch_stamp(struct batch *batch, int64_t producer_id, int16_t producer_epoch,
                 int32_t base_sequence) {
    RT_ASSERT(batch->sealed && !batch->stamped);
    batch->stamped = true;
    batch->producer_id = producer_id;
    batch->producer_epoch = producer_epoch;
    batch->base_sequence = base_sequence;
    kafka_batch_stamp(batch->header, batch->sum, producer_id, producer_epoch, base_sequence);
}

void batch_unstamp(struct batch *batch) {
    RT_ASSERT(batch->stamped &&
              (batch->standing != BATCH_UNSURE || RT_MUTANT(bump_before_settled)));
    batch->stamped = false;
    batch->standing = BATCH_UNTRIED;
    batch->out_of_order = false;
}

static void batch_free(struct batch *batch) {
    struct producer *producer = producer_of(batch);
    struct slot_block *block = batch->slots_first;
    while (block != NULL) {
        struct slot_block *next = block->next;
        rt_pool_give(producer->pool, block, block->bytes);
        block = next;
    }
    rt_pool_give(producer->pool, batch, sizeof *batch);
}

static void batch_unlive(struct batch *batch) {
    /* acq_rel: the last one frees what the other has used */
    if (atomic_fetch_sub_explicit(&batch->lives, 1, memory_order_acq_rel) == 1) {
        batch_free(batch);
    }
}

void batch_discard(struct batch *batch) {
    struct producer *producer = producer_of(batch);
    producer_epoch_leave(producer, batch->flush_epoch);
    chunks_release(producer, batch->first);
    batch_free(batch);
}

static int64_t report_charge(const struct batch *batch) {
    return (int64_t)batch->records * (int64_t)sizeof(struct slot);
}

void batch_pin(struct batch *batch) {
    atomic_fetch_add_explicit(&batch->pins, 1, memory_order_relaxed);
    if (RT_MUTANT(credit_at_sending)) {
        room_give(producer_of(batch), batch->charge - report_charge(batch));
        batch->charge = report_charge(batch);
    }
}

void batch_unpin(struct batch *batch) {
    if (atomic_fetch_sub_explicit(&batch->pins, 1, memory_order_acq_rel) != 1) {
        return;
    }
    RT_ASSERT(batch->decided);
    struct producer *producer = producer_of(batch);
    if (batch->packed != NULL) {
        chunks_release(producer, batch->packed);
    }
    chunks_release(producer, batch->first);
    share_drop(producer, &batch->partition->share, batch->charge);
    int64_t charge = (batch->charge - report_charge(batch)) * (1 + RT_MUTANT(credit_twice));
    batch_unlive(batch);
    room_give(producer, charge);
}

void batch_reported(struct batch *batch) {
    struct producer *producer = producer_of(batch);
    int64_t charge = report_charge(batch);
    batch_unlive(batch);
    room_give(producer, charge);
}

void batch_replaced(struct batch *whole) {
    struct producer *producer = producer_of(whole);
    uint32_t epoch = whole->flush_epoch;
    whole->charge = 0;
    whole->records = 0;
    whole->decided = true;
    batch_unpin(whole); /* requests that had it may still have to let go */
    batch_unlive(whole);
    producer_epoch_leave(producer, epoch);
}

static void count_outcome(struct producer_counters *counters, sluice_outcome outcome,
                          uint32_t records) {
    _Atomic uint64_t *counter = outcome == SLUICE_PERSISTED       ? &counters->records_persisted
                                : outcome == SLUICE_NOT_PERSISTED ? &counters->records_not_persisted
                                                                  : &counters->records_unknown;
    if (!RT_MUTANT(counts_one_of_many)) {
        atomic_fetch_add_explicit(counter, records, memory_order_relaxed);
    }
}

void batch_decide(struct batch *batch, sluice_outcome outcome, sluice_code error,
                  int64_t base_offset) {
    batch_decide_at(batch, outcome, error, base_offset, rt_now(producer_of(batch)->world));
}

void batch_decide_at(struct batch *batch, sluice_outcome outcome, sluice_code error,
                     int64_t base_offset, uint64_t now_ns) {
    RT_ASSERT(!batch->decided && batch->records > 0);
    struct producer *producer = producer_of(batch);
    struct partition *partition = batch->partition;
    batch->decided = true;
    batch->outcome = outcome;
    batch->error = error;
    batch->base_offset = base_offset;
    batch->decided_ns = now_ns;
    uint32_t epoch = batch->flush_epoch;
    count_outcome(&producer->counters, outcome, batch->records);
    if (error != SLUICE_OK) {
        error_count(producer->errors.records, error, batch->records);
    }
    report_post(producer, batch);
    batch_unpin(batch);
    /* release: pairs with the leader actor's look at how many are undecided */
    atomic_fetch_add_explicit(&partition->decided, 1, memory_order_release);
    producer_epoch_leave(producer, epoch);
}

void batch_list_push(struct batch_list *list, struct batch *batch) {
    batch->next = NULL;
    if (list->last == NULL) {
        list->first = batch;
    } else {
        list->last->next = batch;
    }
    list->last = batch;
}

static bool is_before(const struct batch *a, const struct batch *b) {
    return a->index != b->index ? a->index < b->index : a->part < b->part;
}

void batch_list_insert(struct batch_list *list, struct batch *batch) {
    if (list->last == NULL || is_before(list->last, batch)) {
        batch_list_push(list, batch);
        return;
    }
    struct batch **at = &list->first;
    while (is_before(*at, batch)) {
        at = &(*at)->next;
    }
    batch->next = *at;
    *at = batch;
}

struct batch *batch_list_pop(struct batch_list *list) {
    struct batch *batch = list->first;
    if (batch != NULL) {
        list->first = batch->next;
        if (list->first == NULL) {
            list->last = NULL;
        }
        batch->next = NULL;
    }
    return batch;
}

void batch_list_append(struct batch_list *list, struct batch_list *tail) {
    if (tail->first == NULL) {
        return;
    }
    if (list->last == NULL) {
        *list = *tail;
    } else {
        list->last->next = tail->first;
        list->last = tail->last;
    }
    *tail = (struct batch_list){NULL, NULL};
}
