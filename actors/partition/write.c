/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See write.h. */
#include "actors/partition/write.h"

#include "actors/input/input.h"
#include "actors/partition/stretch.h"
#include "actors/producer/flush.h"
#include "actors/producer/producer.h"
#include "runtime/assert.h"

uint64_t write_delivery_ns(const struct producer *producer) {
    return (uint64_t)producer->config->delivery_timeout_ms * 1000000;
}

static struct batch_record record_of(const struct input_entry *entry) {
    struct batch_record record = {.body = entry->body,
                                  .body_size = entry->body_size,
                                  .timestamp_ms = entry->timestamp_ms,
                                  .opaque = entry->opaque,
                                  .sync = (entry->flags & INPUT_SYNC) != 0,
                                  .charge = input_charge(entry->body_size)};
    if ((entry->flags & INPUT_ADOPTED) != 0) {
        memcpy(&record.adopted, entry->body, sizeof record.adopted);
        record.body = record.adopted->data + BATCH_PREFIX_ROOM;
    }
    return record;
}

/* Out of the ordinary: in a chunk of its own, awaited by its caller, or its batch has no place for
 * it. */
static bool write_slowly(struct writer *writer, struct partition *partition,
                         const struct input_entry *entry) {
    struct batch_record record = record_of(entry);
    return partition != NULL && stretch_write(writer, writer_stretch(writer, partition), &record);
}

static struct partition *partition_of(struct partition_actor *actor, int32_t index) {
    struct partition *partition = actor->partitions[index];
    return partition != NULL ? partition : partition_get(actor, index);
}

/* What goes nowhere has one error, or another batch. */
static void writer_error(struct writer *writer, sluice_code error) {
    if (writer->error != error) {
        writer_end(writer);
        writer->error = error;
    }
}

static bool refuse_entry(struct writer *writer, const struct input_entry *entry) {
    return write_slowly(writer, partition_get(writer->actor, -1), entry);
}

static bool write_entry(struct writer *writer, const struct input_entry *entry) {
    struct partition_actor *actor = writer->actor;
    sluice_code error = SLUICE_OK;
    int32_t index = partition_choose(actor, entry, &error);
    if (index < 0) {
        writer_error(writer, error);
        return refuse_entry(writer, entry);
    }
    struct partition *partition = partition_of(actor, index);
    if ((entry->flags & (INPUT_ADOPTED | INPUT_SYNC)) != 0 || partition == NULL) {
        return write_slowly(writer, partition, entry);
    }
    struct stretch *stretch = writer_stretch(writer, partition);
    if (stretch->batch == NULL || !batch_append_plain(stretch->batch, entry->body, entry->body_size,
                                                      entry->timestamp_ms, entry->opaque)) {
        return write_slowly(writer, partition, entry);
    }
    if (batch_is_full(stretch->batch)) {
        stretch_close(writer, stretch);
    }
    return true;
}

/* Works through one run; false when it had to stop (memory), with `from` where it stopped. */
static bool write_run(struct writer *writer, struct run *run, sluice_code refusal) {
    bool done = true;
    const uint8_t *data = run->chunk->data;
    uint32_t from = run->from;
    writer->opened_ns = run->opened_ns;
    writer->run = run;
    if (refusal != SLUICE_OK) {
        writer_error(writer, refusal);
    } else {
        partition_sticky_look(writer->actor);
    }
    while (from < run->to) {
        const struct input_entry *entry = (const struct input_entry *)(const void *)(data + from);
        done = refusal == SLUICE_OK ? write_entry(writer, entry) : refuse_entry(writer, entry);
        if (!done) {
            break;
        }
        from += entry->size;
    }
    writer->bytes += from - run->from;
    run->from = from;
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
        charge += input_charge(entry->body_size);
        at += entry->size;
    }
    return charge;
}

static void run_finish(struct writer *writer, struct run *run) {
    struct partition_actor *self = writer->actor;
    struct topic_actor *topics = &self->topic->producer->topic_actor;
    self->parked_first = run->next;
    if (self->parked_first == NULL) {
        self->parked_last = NULL;
    }
    self->unparked = self->unparked == run ? run->next : self->unparked;
    self->gathering = self->gathering == run ? NULL : self->gathering;
    self->before_unparked = self->before_unparked == run ? NULL : self->before_unparked;
    if (run->kind == RUN_TOKEN) {
        writer_end(writer); /* what was before it is where it belongs */
        topic_token_passed(topics);
        return;
    }
    parked_count(self, -run->parked_charge);
    if (run->is_counted) {
        producer_epoch_leave(self->topic->producer, run->flush_epoch);
    }
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
    if (last == NULL || last->next != run || last->flush_epoch != run->flush_epoch ||
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
    producer_epoch_leave(producer, run->flush_epoch);
    rt_lane_unbounded_push(&producer->topic_actor.spent, &run->node);
    return true;
}

/* Copies a run that must wait out of its input chunk, so that it pins nobody else's records. From
 * now on it is counted in the flush epoch, as a batch is. False: another run has taken it in. */
static bool park(struct partition_actor *self, struct run *run) {
    struct producer *producer = self->topic->producer;
    size_t size = run->to - run->from;
    bool follows = self->gathering != NULL && self->gathering->next == run;
    run->parked_charge = charge_of(run);
    parked_count(self, run->parked_charge);
    run->flush_epoch = producer_epoch_enter(producer);
    run->is_counted = true;
    if (park_behind(self, run)) {
        return false;
    }
    size_t wanted = sizeof *run->chunk + (follows && size < PARK_BYTES ? PARK_BYTES : size);
    size_t bytes;
    struct input_chunk *chunk = rt_pool_take(producer->pool, wanted, &bytes);
    if (chunk == NULL) {
        return true; /* it stays where it is */
    }
    atomic_init(&chunk->references, 1);
    chunk->bytes = (uint32_t)bytes;
    memcpy(chunk->data, run->chunk->data + run->from, size);
    input_chunk_release(producer, run->chunk);
    run->chunk = chunk;
    run->from = 0;
    run->to = (uint32_t)size;
    self->gathering = run;
    return true;
}

/* A flush waits for the epochs of what is parked before its token, not for the token: it leaves the
 * list, so that what comes later holds up neither this flush nor the next. */
static void pass_token(struct partition_actor *self, struct run *token) {
    struct run *before = self->before_unparked;
    *(before != NULL ? &before->next : &self->parked_first) = token->next;
    self->parked_last = self->parked_last == token ? before : self->parked_last;
    topic_token_passed(&self->topic->producer->topic_actor);
}

/* Each run is looked at once, however many wait. */
static void park_fresh(struct partition_actor *self) {
    while (self->unparked != NULL) {
        struct run *run = self->unparked;
        self->unparked = run->next;
        if (run->kind == RUN_TOKEN) {
            pass_token(self, run);
        } else if (park(self, run)) {
            self->before_unparked = run;
        }
    }
}

/* Why records of this topic cannot go on: SLUICE_OK when they only have to wait. */
static sluice_code topic_refusal(const struct topic *topic) {
    sluice_code error = (sluice_code)atomic_load_explicit(&topic->error, memory_order_relaxed);
    return error == SLUICE_OK || snapshot_error_passes(error) ? SLUICE_OK : error;
}

/* Why the records of a run fail now, that have no metadata to go by; SLUICE_OK: they wait. */
static sluice_code overdue(const struct partition_actor *self, const struct run *run,
                           uint64_t now_ns) {
    sluice_code refusal = topic_refusal(self->topic);
    if (refusal != SLUICE_OK) {
        return refusal;
    }
    if (now_ns < run->opened_ns + write_delivery_ns(self->topic->producer)) {
        return SLUICE_OK;
    }
    sluice_code error =
        (sluice_code)atomic_load_explicit(&self->topic->error, memory_order_relaxed);
    return error != SLUICE_OK ? error : SLUICE_DELIVERY_TIMED_OUT;
}

/* Without metadata overdue runs fail and the rest is parked; tokens pass. */
void write_runs(struct partition_actor *self, struct rt_turn *turn) {
    struct writer writer;
    writer_init(&writer, self);
    bool knows = self->partition_count != 0;
    while (self->parked_first != NULL) {
        struct run *run = self->parked_first;
        bool is_token = run->kind == RUN_TOKEN;
        sluice_code error = knows || is_token ? SLUICE_OK : overdue(self, run, turn->now_ns);
        if (!knows && !is_token && error == SLUICE_OK) {
            break;
        }
        if (!is_token && !write_run(&writer, run, error)) {
            self->short_of_memory = true;
            break;
        }
        run_finish(&writer, run);
    }
    writer_end(&writer);
    if (!knows && !self->short_of_memory) {
        park_fresh(self);
    }
}

void write_refuse_all(struct partition_actor *self, sluice_code error) {
    struct writer writer;
    writer_init(&writer, self);
    while (self->parked_first != NULL) {
        struct run *run = self->parked_first;
        if (run->kind == RUN_RECORDS && !write_run(&writer, run, error)) {
            self->short_of_memory = true;
            break;
        }
        run_finish(&writer, run);
    }
    writer_end(&writer);
}
