/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See park.h. */
#include "actors/partition/park.h"

#include <string.h>

#include "actors/producer/flush.h"
#include "actors/producer/producer.h"

void park_count(struct partition_actor *self, int64_t charge) {
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
    for (uint32_t i = run->at; i < run->piece_count; i++) {
        const struct run_piece *piece = &run->pieces[i];
        for (uint32_t at = piece->from; at < piece->to;) {
            const struct input_entry *entry =
                (const struct input_entry *)(const void *)(piece->chunk->data + at);
            charge += input_charge(entry->body_size);
            at += entry->size;
        }
    }
    return charge;
}

enum {
    PARK_BYTES = 8192,          /* of a chunk that gathers runs */
    PARK_SAME_AGE_NS = 10000000 /* what is gathered has one age: it may wait so much longer */
};

/* Returns how many bytes there were. */
static uint32_t copy_out(uint8_t *out, const struct run *run) {
    uint32_t copied = 0;
    for (uint32_t i = run->at; i < run->piece_count; i++) {
        const struct run_piece *piece = &run->pieces[i];
        memcpy(out + copied, piece->chunk->data + piece->from, piece->to - piece->from);
        copied += piece->to - piece->from;
    }
    return copied;
}

/* Adds a run to the one parked right before it, if there is room and they are of one age: threads
 * that take turns leave runs of one record each. */
static bool park_behind(struct partition_actor *self, struct run *run) {
    struct producer *producer = self->topic->producer;
    struct run *last = self->gathering;
    if (last == NULL || last->next != run || last->flush_epoch != run->flush_epoch ||
        run->opened_ns > last->opened_ns + PARK_SAME_AGE_NS) {
        return false;
    }
    struct run_piece *own = &last->pieces[0];
    if (sizeof *own->chunk + own->to + run_bytes_left(run) > own->chunk->bytes) {
        return false;
    }
    own->to += copy_out(own->chunk->data + own->to, run);
    last->parked_charge += run->parked_charge;
    last->next = run->next;
    self->parked_last = self->parked_last == run ? last : self->parked_last;
    run_clear(producer, run);
    producer_epoch_leave(producer, run->flush_epoch);
    rt_lane_unbounded_push(&producer->topic_actor.spent, &run->node);
    return true;
}

/* Copies a run that must wait out of its input chunk, so that it pins nobody else's records. From
 * now on it is counted in the flush epoch, as a batch is. False: another run has taken it in. */
static bool park(struct partition_actor *self, struct run *run) {
    struct producer *producer = self->topic->producer;
    size_t size = run_bytes_left(run);
    bool follows = self->gathering != NULL && self->gathering->next == run;
    run->parked_charge = charge_of(run);
    park_count(self, run->parked_charge);
    run->flush_epoch = producer_epoch_enter(producer);
    run->is_counted = true;
    if (park_behind(self, run)) {
        return false;
    }
    struct input_chunk *chunk =
        input_chunk_create(producer, follows && size < PARK_BYTES ? PARK_BYTES : size);
    if (chunk == NULL) {
        return true; /* it stays where it is */
    }
    uint32_t copied = copy_out(chunk->data, run);
    run_clear(producer, run);
    run->pieces[0] = (struct run_piece){chunk, 0, copied};
    run->piece_count = 1;
    if (self->gathering != NULL) { /* nothing will be added to that one any more */
        const struct run_piece *last = &self->gathering->pieces[0];
        input_chunk_trim(producer, last->chunk, last->to);
    }
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

void park_fresh(struct partition_actor *self) {
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
