/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See write.h. */
#include "actors/partition/write.h"

#include "actors/input/input.h"
#include "actors/leader/writing.h"
#include "actors/producer/producer.h"
#include "runtime/assert.h"

/* A stretch of records to one partition: its batch is taken once for all of them. */
struct stretch {
    struct partition_actor *actor;
    struct partition *partition; /* NULL: none */
    struct batch *batch;
    int64_t counted; /* of the batch's charge, by its share of memory */
    bool is_new;     /* the leader actor has not heard of the batch */
    uint64_t opened_ns;
    sluice_code error; /* of a stretch to nowhere */
};

uint64_t write_delivery_ns(const struct producer *producer) {
    return (uint64_t)producer->config->delivery_timeout_ms * 1000000;
}

static void announce(struct stretch *stretch, bool closed) {
    struct partition *partition = stretch->partition;
    if (partition->index < 0) {
        RT_ASSERT(closed);
        stretch->batch->last_error = (sluice_code)atomic_load_explicit(
            &partition->topic->producer->metadata.trouble, memory_order_relaxed);
        batch_decide(stretch->batch, SLUICE_NOT_PERSISTED, stretch->error, -1);
    } else if (stretch->is_new) {
        rt_lane_unbounded_push(&partition->arrivals, &stretch->batch->mail.node);
        rt_notify(&partition->leader);
    } else if (closed) {
        rt_mark(&partition->leader, RT_MARK(LEADER_MARK_FULL));
    }
    stretch->is_new = false;
}

/* Before anybody else can decide the batch. */
static void count_charge(struct stretch *stretch) {
    struct batch *batch = stretch->batch;
    share_add(stretch->partition->topic->producer, &stretch->partition->share,
              batch->charge - stretch->counted);
    stretch->counted = batch->charge;
}

/* Closes the batch: no more records fit, or nobody should wait for more. */
static void stretch_close(struct stretch *stretch) {
    if (stretch->batch != NULL) {
        stretch->partition->size_hint = stretch->batch->raw_bytes;
        count_charge(stretch);
        writing_close(stretch->partition);
        announce(stretch, true);
        stretch->batch = NULL;
    }
}

static void stretch_end(struct stretch *stretch) {
    struct batch *batch = stretch->batch;
    if (batch != NULL && (batch->urgent || stretch->partition->index < 0)) {
        stretch_close(stretch);
    } else if (batch != NULL) {
        count_charge(stretch);
        bool open = writing_end(stretch->partition, batch);
        announce(stretch, !open);
        stretch->batch = NULL;
    }
    stretch->partition = NULL;
}

static bool stretch_open(struct stretch *stretch) {
    struct partition *partition = stretch->partition;
    stretch->batch = writing_begin(partition);
    if (stretch->batch != NULL) {
        stretch->counted = stretch->batch->charge;
        return true;
    }
    stretch->counted = 0;
    uint32_t hint = partition->size_hint;
    stretch->batch = batch_create(partition, stretch->opened_ns, hint);
    if (stretch->batch == NULL) {
        return false;
    }
    stretch->is_new = true;
    writing_begin_new(partition, stretch->batch);
    return true;
}

static struct batch_record record_of(const struct input_entry *entry) {
    struct batch_record record = {.body = entry->body,
                                  .body_size = entry->body_size,
                                  .timestamp_ms = entry->timestamp_ms,
                                  .opaque = entry->opaque,
                                  .sync = (entry->flags & INPUT_SYNC) != 0,
                                  .charge = entry->charge};
    if ((entry->flags & INPUT_ADOPTED) != 0) {
        memcpy(&record.adopted, entry->body, sizeof record.adopted);
        record.body = record.adopted->data + BATCH_PREFIX_ROOM;
    }
    return record;
}

/* It need not wait for the record that does not fit. */
static bool batch_is_full(const struct batch *batch) {
    return (uint64_t)batch->raw_bytes + KAFKA_BATCH_HEADER_SIZE >= batch->bytes_max;
}

/* False when memory is short; the record then still lies where it was. */
static bool stretch_write(struct stretch *stretch, struct partition *partition,
                          const struct batch_record *record) {
    if (stretch->partition != partition) {
        stretch_end(stretch);
        stretch->partition = partition;
    }
    for (int attempt = 0; attempt < 2; attempt++) {
        if (stretch->batch == NULL && !stretch_open(stretch)) {
            stretch->partition = NULL;
            return false;
        }
        switch (batch_append(stretch->batch, record)) {
        case BATCH_APPENDED:
            if (batch_is_full(stretch->batch)) {
                stretch_close(stretch);
            }
            return true;
        case BATCH_FULL:
            stretch_close(stretch);
            break;
        case BATCH_NO_MEMORY:
            if (stretch->batch->records == 0) {
                writing_close(partition);
                batch_discard(stretch->batch);
                stretch->batch = NULL;
                stretch->is_new = false;
                stretch->partition = NULL;
            } else {
                stretch_close(stretch);
            }
            return false;
        }
    }
    return false;
}

static bool write_entry(struct stretch *stretch, const struct input_entry *entry) {
    struct partition_actor *actor = stretch->actor;
    struct batch_record record = record_of(entry);
    sluice_code error = SLUICE_OK;
    int32_t index = partition_choose(actor, entry, record.body, &error);
    if (index < 0 && stretch->error != error) {
        stretch_end(stretch);
        stretch->error = error;
    }
    struct partition *partition = partition_get(actor, index);
    return partition != NULL && stretch_write(stretch, partition, &record);
}

static bool refuse_entry(struct stretch *stretch, const struct input_entry *entry) {
    struct batch_record record = record_of(entry);
    struct partition *partition = partition_get(stretch->actor, -1);
    return partition != NULL && stretch_write(stretch, partition, &record);
}

/* Works through one run; false when it had to stop (memory), with `from` where it stopped. */
static bool write_run(struct partition_actor *self, struct run *run, sluice_code refusal) {
    struct stretch stretch = {.actor = self, .opened_ns = run->opened_ns, .error = refusal};
    bool done = true;
    while (done && run->from < run->to) {
        const struct input_entry *entry =
            (const struct input_entry *)(const void *)(run->chunk->data + run->from);
        done = refusal == SLUICE_OK ? write_entry(&stretch, entry) : refuse_entry(&stretch, entry);
        if (done) {
            run->from += entry->size;
        }
    }
    stretch_end(&stretch);
    return done;
}

/* Records that wait for metadata are held by the share of those without a leader. */
static void parked_count(struct partition_actor *self, int64_t charge) {
    struct producer *producer = self->topic->producer;
    int64_t before = self->parked_charge;
    self->parked_charge += charge;
    if (before == 0 && charge > 0) {
        share_enter(producer, &self->parked_share, SHARE_NO_LEADER);
    }
    if (charge > 0) {
        share_add(producer, &self->parked_share, charge);
    } else if (charge < 0) {
        share_drop(producer, &self->parked_share, -charge);
    }
    if (before > 0 && self->parked_charge == 0) {
        share_leave(producer, &self->parked_share);
    }
}

static int64_t charge_of(const struct run *run) {
    int64_t charge = 0;
    for (uint32_t at = run->from; at < run->to;) {
        const struct input_entry *entry =
            (const struct input_entry *)(const void *)(run->chunk->data + at);
        charge += entry->charge;
        at += entry->size;
    }
    return charge;
}

static void run_finish(struct partition_actor *self, struct run *run) {
    struct topic_actor *topics = &self->topic->producer->topic_actor;
    self->parked_first = run->next;
    if (self->parked_first == NULL) {
        self->parked_last = NULL;
    }
    self->unparked = self->unparked == run ? run->next : self->unparked;
    self->gathering = self->gathering == run ? NULL : self->gathering;
    if (run->kind == RUN_TOKEN) {
        topic_token_passed(topics);
        return;
    }
    parked_count(self, -run->parked_charge);
    input_chunk_release(self->topic->producer, run->chunk);
    rt_lane_unbounded_push(&topics->spent, &run->node);
}

enum {
    PARK_BYTES = 8192,          /* of a chunk that gathers runs */
    PARK_SAME_AGE_NS = 10000000 /* what is gathered has one age: it may wait so much longer */
};

/* Adds a run to the one parked right before it, if there is room and they are of one age: threads
 * that take turns leave runs of one record each. */
static bool park_behind(struct partition_actor *self, struct run *run) {
    struct producer *producer = self->topic->producer;
    struct run *last = self->gathering;
    uint32_t size = run->to - run->from;
    if (last == NULL || last->next != run ||
        sizeof *last->chunk + last->to + size > last->chunk->bytes ||
        run->opened_ns > last->opened_ns + PARK_SAME_AGE_NS) {
        return false;
    }
    memcpy(last->chunk->data + last->to, run->chunk->data + run->from, size);
    last->to += size;
    last->parked_charge += run->parked_charge;
    last->next = run->next;
    self->parked_last = self->parked_last == run ? last : self->parked_last;
    input_chunk_release(producer, run->chunk);
    rt_lane_unbounded_push(&producer->topic_actor.spent, &run->node);
    return true;
}

/* Copies a run that must wait out of its input chunk, so that it pins nobody else's records. */
static void park(struct partition_actor *self, struct run *run) {
    struct producer *producer = self->topic->producer;
    size_t size = run->to - run->from;
    bool follows = self->gathering != NULL && self->gathering->next == run;
    if (run->kind != RUN_RECORDS) {
        return;
    }
    run->parked_charge = charge_of(run);
    parked_count(self, run->parked_charge);
    if (park_behind(self, run)) {
        return;
    }
    size_t wanted = sizeof *run->chunk + (follows && size < PARK_BYTES ? PARK_BYTES : size);
    size_t bytes;
    struct input_chunk *chunk = rt_pool_take(producer->pool, wanted, &bytes);
    if (chunk == NULL) {
        return; /* it stays where it is */
    }
    atomic_init(&chunk->references, 1);
    chunk->bytes = (uint32_t)bytes;
    memcpy(chunk->data, run->chunk->data + run->from, size);
    input_chunk_release(producer, run->chunk);
    run->chunk = chunk;
    run->from = 0;
    run->to = (uint32_t)size;
    self->gathering = run;
}

/* Each run is looked at once, however many wait. */
static void park_fresh(struct partition_actor *self) {
    while (self->unparked != NULL) {
        struct run *run = self->unparked;
        self->unparked = run->next;
        park(self, run);
    }
}

/* Why records of this topic cannot go on: SLUICE_OK when they only have to wait. */
static sluice_code topic_refusal(const struct topic *topic) {
    sluice_code error = (sluice_code)atomic_load_explicit(&topic->error, memory_order_relaxed);
    return error == SLUICE_OK || snapshot_error_passes(error) ? SLUICE_OK : error;
}

/* Without metadata: tokens pass when nothing is before them, overdue runs fail, the rest waits. */
static void wait_for_metadata(struct partition_actor *self, struct rt_turn *turn) {
    struct producer *producer = self->topic->producer;
    sluice_code refusal = topic_refusal(self->topic);
    while (self->parked_first != NULL) {
        struct run *run = self->parked_first;
        sluice_code error = refusal;
        if (run->kind == RUN_RECORDS && error == SLUICE_OK) {
            if (turn->now_ns < run->opened_ns + write_delivery_ns(producer)) {
                break;
            }
            error = (sluice_code)atomic_load_explicit(&self->topic->error, memory_order_relaxed);
            error = error != SLUICE_OK ? error : SLUICE_DELIVERY_TIMED_OUT;
        }
        if (run->kind == RUN_RECORDS && !write_run(self, run, error)) {
            self->short_of_memory = true;
            return;
        }
        run_finish(self, run);
    }
    park_fresh(self);
}

void write_runs(struct partition_actor *self, struct rt_turn *turn) {
    if (self->partition_count == 0) {
        wait_for_metadata(self, turn);
        return;
    }
    while (self->parked_first != NULL) {
        struct run *run = self->parked_first;
        if (run->kind == RUN_RECORDS && !write_run(self, run, SLUICE_OK)) {
            self->short_of_memory = true;
            return;
        }
        run_finish(self, run);
    }
}

void write_refuse_all(struct partition_actor *self, sluice_code error) {
    while (self->parked_first != NULL) {
        struct run *run = self->parked_first;
        if (run->kind == RUN_RECORDS && !write_run(self, run, error)) {
            self->short_of_memory = true;
            return;
        }
        run_finish(self, run);
    }
}
