/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See write.h. */
#include "actors/partition/write.h"

#include "actors/partition/park.h"
#include "actors/partition/scout.h"
#include "actors/partition/stretch.h"
#include "actors/producer/flush.h"
#include "actors/producer/producer.h"
#include "runtime/assert.h"
#include "runtime/fetch.h"

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
        stretch_close(writer, stretch, BATCH_CLOSED_FULL);
    }
    return true;
}

/* Records with neither key nor wishes, as long as they go where the last one went. Returns where it
 * stopped. */
static uint32_t write_plain(struct writer *writer, const uint8_t *data, uint32_t from,
                            uint32_t to) {
    struct sticky *sticky = &writer->actor->sticky;
    if (writer->actor->choosing == CHOOSING_CUSTOM || sticky->bytes_left <= 0) {
        return from;
    }
    const struct partition *partition = writer->actor->partitions[sticky->partition];
    if (partition == NULL || partition->stretch == 0) {
        return from;
    }
    struct stretch *stretch = &writer->stretches[partition->stretch - 1];
    if (stretch->batch != NULL) {
        from = batch_append_entries(stretch->batch, data, from, to, &sticky->bytes_left);
        if (batch_is_full(stretch->batch)) {
            stretch_close(writer, stretch, BATCH_CLOSED_FULL);
        }
    }
    return from;
}

/* False when it had to stop (memory), with `from` where it stopped. */
static bool write_piece(struct writer *writer, struct scout *scout, struct run_piece *piece,
                        sluice_code refusal) {
    const uint8_t *data = piece->chunk->data;
    uint32_t from = piece->from;
    uint32_t to = piece->to;
    while (from < to) {
        const struct input_entry *entry = (const struct input_entry *)(const void *)(data + from);
        if (scout != NULL) {
            scout_step(writer, scout);
        } else {
            rt_fetch_ahead(data + from, data + to);
        }
        if (refusal == SLUICE_OK ? !write_entry(writer, entry) : !refuse_entry(writer, entry)) {
            break;
        }
        from += entry->size;
        if (scout == NULL && refusal == SLUICE_OK && entry->flags == 0) {
            from = write_plain(writer, data, from, to);
        }
    }
    writer->bytes += from - piece->from;
    piece->from = from;
    return from >= to;
}

enum { PIECES_AHEAD = 4, PIECE_BYTES = 3 * RT_LINE_BYTES /* what a short one has */ };

static void fetch_piece(const struct run *run, uint32_t at) {
    if (at < run->piece_count) {
        rt_fetch_all(run->pieces[at].chunk->data + run->pieces[at].from, PIECE_BYTES);
    }
}

/* Works through one run; false when it had to stop (memory). */
static bool write_run(struct writer *writer, struct run *run, sluice_code refusal) {
    writer->opened_ns = run->opened_ns;
    writer->run = run;
    if (refusal != SLUICE_OK) {
        writer_error(writer, refusal);
    } else {
        partition_sticky_look(writer->actor);
    }
    struct scout scout;
    bool scouts = refusal == SLUICE_OK && writer->actor->partition_count >= SCOUT_PARTITIONS_LEAST;
    if (scouts) {
        scout_begin(writer, &scout, run);
    }
    while (run->at < run->piece_count) {
        if (!scouts) {
            fetch_piece(run, run->at + PIECES_AHEAD);
        }
        if (!write_piece(writer, scouts ? &scout : NULL, &run->pieces[run->at], refusal)) {
            return false;
        }
        run->at++;
    }
    return true;
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
    park_count(self, -run->parked_charge);
    if (run->is_counted) {
        producer_epoch_leave(self->topic->producer, run->flush_epoch);
    }
    run_clear(self->topic->producer, run);
    rt_lane_unbounded_push(&topics->spent, &run->node);
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
        sluice_code error = knows || is_token ? SLUICE_OK : overdue(self, run, rt_turn_now(turn));
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
    room_review(self->topic->producer);
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
