/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See request.h. */
#include "actors/flusher/request.h"

#include "actors/broker.h"
#include "actors/flusher/ticket.h"
#include "actors/producer/producer.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

_Static_assert(sizeof(struct request) <= 65536, "for each broker that is written to");

static struct producer *producer_of(const struct flusher *self) {
    return self->broker->producer;
}

static struct request *request_take(struct flusher *self) {
    struct request *request = self->spare;
    uint32_t block = 0;
    if (request != NULL) {
        self->spare = NULL;
    } else {
        size_t bytes;
        request = rt_pool_take(producer_of(self)->pool, sizeof *request, &bytes);
        if (request == NULL) {
            return NULL;
        }
        block = (uint32_t)bytes;
    }
    request->link = (struct link_request){.api = KAFKA_PRODUCE};
    request->next = NULL;
    request->bytes = block;
    request->count = 0;
    request->topic_count = 0;
    request->slice_count = 0;
    request->wire_bytes = 0;
    request->overdue_ns = RT_FOREVER;
    return request;
}

static void request_give(struct flusher *self, struct request *request) {
    if (request->bytes == 0) {
        self->spare = request;
    } else {
        rt_pool_give(producer_of(self)->pool, request, request->bytes);
        room_review(producer_of(self));
    }
}

void request_finish(struct flusher *self, struct request *request) {
    RT_ASSERT(self->in_flight_first == request && self->in_flight > 0);
    self->in_flight_first = request->next;
    if (self->in_flight_first == NULL) {
        self->in_flight_last = NULL;
    }
    self->in_flight--;
    self->in_flight_bytes -= request->wire_bytes;
    rt_count_add(&self->counted->requests_done, 1);
    for (uint32_t i = 0; i < request->count; i++) {
        RT_ASSERT(!request->entries[i].open);
        RT_UNLESS_MUTANT(bytes_not_pinned, batch_unpin(request->entries[i].batch));
    }
    request_give(self, request);
}

void request_forget(struct flusher *self, struct batch *batch) {
    for (struct request *request = self->in_flight_first; request != NULL;
         request = request->next) {
        for (uint32_t i = 0; i < request->count; i++) {
            if (request->entries[i].batch == batch && !RT_MUTANT(forgotten_is_answered)) {
                request->entries[i].open = false;
            }
        }
    }
}

struct request_entry *request_next_open(struct request *request, uint32_t *index) {
    while (*index < request->count) {
        struct request_entry *entry = &request->entries[(*index)++];
        if (entry->open) {
            return entry;
        }
    }
    return NULL;
}

/* -- building -- */

static struct kafka_text text_of(const char *data, size_t size) {
    return (struct kafka_text){.data = data, .size = size};
}

static struct kafka_text client_id(const struct flusher *self) {
    const char *name = producer_of(self)->config->client_id;
    return text_of(name, strlen(name));
}

/* The place of the partition's topic in the request, made if there is room; -1 if there is not.
 * Partitions of a topic that was made anew meanwhile have another id, and a place of their own. */
static int32_t group_of(struct request *request, const struct partition *partition) {
    struct topic *topic = partition->topic;
    for (uint32_t i = request->topic_count; i > 0; i--) {
        if (request->topic_of[i - 1] == topic &&
            kafka_uuid_equal(request->topics[i - 1].id, partition->topic_id)) {
            return (int32_t)i - 1;
        }
    }
    struct kafka_text name = text_of(topic->name, topic->name_size);
    size_t bound = kafka_produce_topic_bound(name);
    if (request->scratch_bound + bound + KAFKA_PRODUCE_PARTITION_BOUND > REQUEST_SCRATCH_BYTES) {
        return -1;
    }
    request->scratch_bound += bound;
    uint32_t group = request->topic_count++;
    request->topics[group] = (struct kafka_produce_topic){.name = name, .id = partition->topic_id};
    request->topic_of[group] = topic;
    return (int32_t)group;
}

static uint64_t overdue_at(const struct flusher *self, const struct batch *batch) {
    return batch->opened_ns + (uint64_t)producer_of(self)->config->delivery_timeout_ms * 1000000;
}

static bool has_room(const struct flusher *self, const struct request *request,
                     const struct batch *batch) {
    if (request->count == 0) {
        return true;
    }
    return request->count < REQUEST_ENTRIES_MAX &&
           request->scratch_bound + KAFKA_PRODUCE_PARTITION_BOUND <= REQUEST_SCRATCH_BYTES &&
           request->slice_count + BATCH_CHUNKS_MAX + 3 <= REQUEST_SLICES_MAX &&
           (int64_t)request->wire_bytes + batch_wire_bytes(batch) <=
               producer_of(self)->config->request_bytes_max;
}

/* Takes the partition's next batch into the request; false when there is no room for it. */
static bool add(struct flusher *self, struct request *request, struct partition *partition,
                uint64_t now_ns) {
    if (!has_room(self, request, partition->next_unsent)) {
        return false;
    }
    int32_t group = group_of(request, partition);
    if (group < 0) {
        return false;
    }
    struct batch *batch = ticket_hand_over(self, partition);
    RT_UNLESS_MUTANT(bytes_not_pinned, batch_pin(batch));
    if (batch->first_sent_ns == 0) {
        batch->first_sent_ns = now_ns;
        rt_times_add(&self->counted->sent, batch->opened_ns, now_ns);
    } else {
        rt_count_add(&self->counted->batches_again, 1);
    }
    request->topics[group].partition_count++;
    request->scratch_bound += KAFKA_PRODUCE_PARTITION_BOUND;
    request->wire_bytes += batch_wire_bytes(batch);
    request->slice_count += 2 + batch->chunk_count;
    uint64_t overdue_ns = overdue_at(self, batch);
    request->overdue_ns = overdue_ns < request->overdue_ns ? overdue_ns : request->overdue_ns;
    request->entries[request->count++] = (struct request_entry){.batch = batch,
                                                                .partition = partition,
                                                                .topic = partition->topic,
                                                                .index = partition->index,
                                                                .group = (uint16_t)group,
                                                                .open = true};
    return true;
}

/* Puts the entries into the order of their topics: each topic's partitions lie together. */
static void order_entries(struct request *request) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < request->topic_count; i++) {
        request->topics[i].partitions = &request->partitions[at];
        at += request->topics[i].partition_count;
        request->topics[i].partition_count = 0;
    }
    for (uint32_t i = 0; i < request->count; i++) {
        struct request_entry *entry = &request->entries[i];
        struct kafka_produce_topic *topic = &request->topics[entry->group];
        topic->partitions[topic->partition_count++] =
            (struct kafka_produce_partition){.index = entry->batch->partition->index,
                                             .records_size = batch_wire_bytes(entry->batch),
                                             .cut = i};
    }
}

/* Scratch and batches, interleaved. `cut` first says which entry a place belongs to. */
static void gather(struct request *request, const uint16_t *entry_of, size_t scratch_used) {
    uint32_t count = 0;
    size_t from = 0;
    for (uint32_t i = 0; i < request->count; i++) {
        size_t cut = request->partitions[i].cut;
        request->slices[count++] = (struct rt_slice){request->scratch + from, cut - from};
        from = cut;
        count += batch_slices(request->entries[entry_of[i]].batch, &request->slices[count]);
    }
    if (scratch_used > from) {
        request->slices[count++] = (struct rt_slice){request->scratch + from, scratch_used - from};
    }
    RT_ASSERT(count <= REQUEST_SLICES_MAX);
    request->slice_count = count;
}

static int16_t version_of(const struct flusher *self, const struct request *request) {
    int16_t most = INT16_MAX;
    for (uint32_t i = 0; i < request->topic_count; i++) {
        if (kafka_uuid_is_zero(request->topics[i].id)) {
            most = KAFKA_PRODUCE_TOPIC_ID_VERSION - 1;
        }
    }
    return link_version(&self->link, KAFKA_PRODUCE, most);
}

static void encode(struct flusher *self, struct request *request, uint64_t now_ns) {
    const struct sluice_config *config = producer_of(self)->config;
    uint16_t entry_of[REQUEST_ENTRIES_MAX];
    order_entries(request);
    for (uint32_t i = 0; i < request->count; i++) {
        entry_of[i] = (uint16_t)request->partitions[i].cut;
    }
    struct kafka_writer scratch = kafka_writer_of(request->scratch, sizeof request->scratch);
    struct kafka_produce_request message = {.correlation_id = link_correlation(&self->link),
                                            .client_id = client_id(self),
                                            .transactional_id = {.data = NULL},
                                            .acks = (int16_t)config->acks,
                                            .timeout_ms = (int32_t)config->request_timeout_ms,
                                            .topics = request->topics,
                                            .topic_count = request->topic_count};
    request->link.version = version_of(self, request);
    kafka_produce_request_encode(&scratch, request->link.version, &message);
    RT_ASSERT(!scratch.failed);
    gather(request, entry_of, kafka_writer_size(&scratch));
    request->link.correlation_id = message.correlation_id;
    request->link.slices = request->slices;
    request->link.slice_count = request->slice_count;
    request->link.size = kafka_writer_size(&scratch) + request->wire_bytes;
    request->link.expects_answer = config->acks != SLUICE_ACKS_NONE;
    request->link.deadline_ns = now_ns + (uint64_t)config->request_timeout_ms * 1000000;
}

static void count_request(struct flusher_counted *counted, const struct request *request) {
    rt_sizes_add(&counted->request_batches, request->count);
    rt_count_add(&counted->batches, request->count);
    rt_count_add(&counted->wire_bytes, request->link.size);
}

bool request_send(struct flusher *self, uint64_t now_ns) {
    struct partition *partition = ticket_next_ready(self);
    if (partition == NULL) {
        return false;
    }
    struct request *request = request_take(self);
    if (request == NULL) {
        ticket_make_ready(self, partition);
        return false;
    }
    request->scratch_bound =
        kafka_produce_fixed_bound(client_id(self), (struct kafka_text){.data = NULL});
    struct partition *first_again = NULL;
    struct partition *again_last = NULL;
    while (partition != NULL && add(self, request, partition, now_ns)) {
        /* at most one batch of a partition in a request: it is looked at again afterwards */
        partition->ready_next = NULL;
        *(again_last != NULL ? &again_last->ready_next : &first_again) = partition;
        again_last = partition;
        partition->ready = true;
        partition = ticket_next_ready(self);
    }
    if (partition != NULL) {
        ticket_make_ready(self, partition);
    }
    while (first_again != NULL) {
        struct partition *next = first_again->ready_next;
        first_again->ready = false;
        ticket_make_ready(self, first_again);
        first_again = next;
    }
    ticket_give_room(self);
    encode(self, request, now_ns);
    *(self->in_flight_last != NULL ? &self->in_flight_last->next : &self->in_flight_first) =
        request;
    self->in_flight_last = request;
    self->in_flight++;
    self->in_flight_bytes += request->wire_bytes;
    self->sent_ns = now_ns;
    count_request(self->counted, request);
    link_send(&self->link, &request->link);
    return true;
}
