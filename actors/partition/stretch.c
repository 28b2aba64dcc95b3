/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See stretch.h. */
#include "actors/partition/stretch.h"

#include "actors/leader/writing.h"
#include "actors/producer/producer.h"
#include "runtime/assert.h"

static void announce(const struct writer *writer, struct stretch *stretch, bool closed) {
    struct partition *partition = stretch->partition;
    if (partition->index < 0) {
        RT_ASSERT(closed);
        stretch->batch->last_error = metadata_obstacle(&partition->topic->producer->metadata);
        batch_decide(stretch->batch, SLUICE_NOT_PERSISTED, writer->error, -1);
    } else if (stretch->is_new) {
        rt_lane_unbounded_push(&partition->arrivals, &stretch->batch->mail.node);
        rt_notify_pushed(&partition->leader);
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

void stretch_close(struct writer *writer, struct stretch *stretch, enum batch_closed why) {
    if (stretch->batch != NULL) {
        stretch->batch->closed_by = (uint8_t)why;
        partition_size_hint_set(stretch->partition, stretch->batch->raw_bytes);
        batch_pause(stretch->batch);
        count_charge(stretch);
        writing_close(stretch->partition);
        announce(writer, stretch, true);
        stretch->batch = NULL;
    }
}

static void stretch_end(struct writer *writer, struct stretch *stretch) {
    struct batch *batch = stretch->batch;
    if (batch != NULL && (batch->urgent || stretch->partition->index < 0)) {
        stretch_close(writer, stretch, BATCH_CLOSED_HURRY);
    } else if (batch != NULL) {
        /* who closes it may be somebody else */
        partition_size_hint_set(stretch->partition, batch->raw_bytes);
        batch_pause(batch);
        count_charge(stretch);
        bool open = writing_end(stretch->partition, batch);
        announce(writer, stretch, !open);
    }
    stretch->partition->stretch = 0;
}

void writer_end(struct writer *writer) {
    for (uint32_t i = 0; i < writer->count; i++) {
        stretch_end(writer, &writer->stretches[i]);
    }
    writer->count = 0;
    writer->bytes = 0;
}

struct stretch *writer_begin(struct writer *writer, struct partition *partition) {
    if (writer->count == STRETCHES_MAX || writer->bytes > STRETCH_BYTES_MAX) {
        writer_end(writer);
    }
    struct stretch *stretch = &writer->stretches[writer->count++];
    struct batch *batch = writing_begin(partition);
    *stretch = (struct stretch){
        .partition = partition, .batch = batch, .counted = batch != NULL ? batch->charge : 0};
    partition->stretch = (uint16_t)writer->count;
    return stretch;
}

static bool open_batch(struct writer *writer, struct stretch *stretch) {
    struct partition *partition = stretch->partition;
    stretch->counted = 0;
    const uint32_t *epoch = writer->run->is_counted ? &writer->run->flush_epoch : NULL;
    stretch->batch =
        batch_create(partition, writer->opened_ns, partition_size_hint(partition), epoch);
    if (stretch->batch == NULL) {
        return false;
    }
    stretch->is_new = true;
    writing_begin_new(partition, stretch->batch);
    return true;
}

bool stretch_write(struct writer *writer, struct stretch *stretch,
                   const struct batch_record *record) {
    for (int attempt = 0; attempt < 2; attempt++) {
        if (stretch->batch == NULL && !open_batch(writer, stretch)) {
            return false;
        }
        switch (batch_append(stretch->batch, record)) {
        case BATCH_APPENDED:
            if (batch_is_full(stretch->batch)) {
                stretch_close(writer, stretch, BATCH_CLOSED_FULL);
            }
            return true;
        case BATCH_FULL:
            stretch_close(writer, stretch, BATCH_CLOSED_FULL);
            break;
        case BATCH_NO_MEMORY:
            if (stretch->batch->records == 0) {
                writing_close(stretch->partition);
                batch_discard(stretch->batch);
                stretch->batch = NULL;
                stretch->is_new = false;
            } else {
                stretch_close(writer, stretch, BATCH_CLOSED_NO_MEMORY);
            }
            return false;
        }
    }
    return false;
}
