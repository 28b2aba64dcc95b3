/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Reservations: a record whose value the caller writes in place. The body is laid out in a chunk of
 * its own, which later becomes part of the batch: the value is never copied. The chunk starts
 * behind room for the record's prefix:
 *
 *   | BATCH_PREFIX_ROOM | key | value size | value, written by the caller | headers |
 *
 * The value's size is known at commit: a shorter one moves the headers, and a size that takes
 * fewer bytes moves key and value, both in place.
 */
#include "actors/batch/batch.h"
#include "actors/input/append.h"
#include "actors/producer/api.h"
#include "protocol/record.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

struct sluice_reservation {
    struct producer *producer;
    struct topic *topic;
    struct chunk *chunk;
    size_t value_at; /* of the value, in the chunk's data */
    size_t value_size_max;
    size_t body_end; /* with a value of value_size_max bytes */
    int64_t charge;
    struct input_entry entry; /* all but the body; last, for it ends in an open array */
};

static void reservation_free(struct sluice_reservation *reservation) {
    rt_release(reservation->producer->world, reservation, sizeof *reservation);
}

static sluice_code reserve_chunk(struct sluice_reservation *reservation,
                                 const sluice_record *record, uint64_t body_size) {
    struct producer *producer = reservation->producer;
    struct input_lane *lane = input_lane_of(producer);
    reservation->charge = input_charge(body_size);
    if (lane == NULL) {
        return SLUICE_NO_MEMORY;
    }
    if (share_any_full(&producer->shares) && share_refuses(reservation->topic, record)) {
        return why_full(producer, SLUICE_PARTITION_FULL);
    }
    if (!input_take(lane, reservation->charge)) {
        input_notify(lane, true);
        return why_full(producer, SLUICE_FULL);
    }
    reservation->chunk = chunk_create(producer, BATCH_PREFIX_ROOM + body_size);
    if (reservation->chunk == NULL) {
        rt_budget_give(&producer->budget, reservation->charge);
        return SLUICE_NO_MEMORY;
    }
    room_review(producer);
    return SLUICE_OK;
}

sluice_code sluice_reserve(sluice_topic *handle, const sluice_record *record, size_t value_size_max,
                           sluice_reservation **out, void **value) {
    struct topic *topic = topic_from(handle);
    if (topic == NULL || record == NULL || out == NULL || value == NULL) {
        return SLUICE_INVALID_ARGUMENT;
    }
    struct producer *producer = topic->producer;
    sluice_record shaped = *record; /* the value is not there yet */
    shaped.value = "";
    shaped.value_size = value_size_max;
    uint64_t body_size;
    sluice_code code = record_admit(producer, &shaped, &body_size);
    if (code != SLUICE_OK) {
        return code;
    }
    struct sluice_reservation *reservation = rt_acquire(producer->world, sizeof *reservation);
    if (reservation == NULL) {
        return SLUICE_NO_MEMORY;
    }
    *reservation = (struct sluice_reservation){
        .producer = producer, .topic = topic, .value_size_max = value_size_max};
    code = reserve_chunk(reservation, record, body_size);
    if (code != SLUICE_OK) {
        reservation_free(reservation);
        return code;
    }
    uint8_t *place;
    uint8_t *end = input_body_put(reservation->chunk->data + BATCH_PREFIX_ROOM, record,
                                  value_size_max, &place);
    input_entry_fill(&reservation->entry, producer, record, 0);
    reservation->value_at = (size_t)(place - reservation->chunk->data);
    reservation->body_end = (size_t)(end - reservation->chunk->data);
    *value = place;
    *out = reservation;
    return SLUICE_OK;
}

/* Closes the gaps that a shorter value leaves; returns the size of the body. */
static size_t shrink(struct sluice_reservation *reservation, size_t value_size) {
    uint8_t *data = reservation->chunk->data;
    size_t most = reservation->value_size_max;
    uint8_t *size_at =
        data + reservation->value_at - kafka_uvarint_size(kafka_zigzag((int64_t)most));
    uint8_t *value_to = kafka_uvarint_put(size_at, kafka_zigzag((int64_t)value_size));
    memmove(value_to, data + reservation->value_at, value_size);
    uint8_t *headers = data + reservation->value_at + most;
    size_t headers_size = reservation->body_end - (reservation->value_at + most);
    memmove(value_to + value_size, headers, headers_size);
    return (size_t)(value_to + value_size + headers_size - data) - BATCH_PREFIX_ROOM;
}

void sluice_abort(sluice_reservation *reservation) {
    if (reservation == NULL) {
        return;
    }
    struct producer *producer = reservation->producer;
    chunk_release(producer, reservation->chunk);
    room_give(producer, RT_MUTANT(abort_keeps_credit) ? 0 : reservation->charge);
    reservation_free(reservation);
}

/* The reservation is the caller's still unless the answer is SLUICE_OK. */
static sluice_code commit_into(struct input_lane *lane, struct sluice_reservation *reservation,
                               size_t value_size) {
    if (value_size > reservation->value_size_max) {
        return SLUICE_INVALID_ARGUMENT;
    }
    size_t body_size = shrink(reservation, value_size);
    int64_t charge = input_charge(body_size);
    reservation->entry.body_size = (uint32_t)body_size;
    if (!input_append_adopted(lane, reservation->topic, reservation->chunk, &reservation->entry)) {
        return SLUICE_NO_MEMORY;
    }
    room_give(lane->producer, reservation->charge - charge);
    reservation_free(reservation);
    input_notify(lane, false);
    return SLUICE_OK;
}

sluice_code sluice_commit(sluice_reservation *reservation, size_t value_size) {
    if (reservation == NULL) {
        return SLUICE_INVALID_ARGUMENT;
    }
    struct producer *producer = reservation->producer;
    if (rt_forked(producer->world)) {
        return SLUICE_FORKED;
    }
    struct input_lane *lane = input_lane_of(producer);
    sluice_code code = SLUICE_NO_MEMORY;
    if (lane != NULL) {
        code = input_enter(lane) ? commit_into(lane, reservation, value_size) : SLUICE_CLOSED;
        input_leave(lane);
    }
    if (code != SLUICE_OK) {
        sluice_abort(reservation);
    }
    return code;
}
