/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See split.h. */
#include "actors/batch/split.h"

#include "actors/input/input.h"
#include "actors/leader/partition.h"
#include "protocol/record.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

/* What is being filled: pieces that go again, and pieces of named records. */
struct filling {
    struct batch *piece;
    struct batch_list *list;
    uint32_t bytes; /* of the whole's, in `piece` */
};

struct cutter {
    struct batch *whole;
    struct pieces *pieces;
    uint32_t bytes_max;
    struct filling again, refused;
};

void batch_name_record(struct batch *batch, int32_t number) {
    if (number < 0 || (uint32_t)number >= batch->records) {
        return;
    }
    struct slot *slot = NULL;
    uint32_t left = (uint32_t)number;
    if (left < BATCH_SLOTS_INLINE) {
        slot = &batch->inline_slots[left];
    } else {
        struct slot_block *block = batch->slots_first;
        for (left -= BATCH_SLOTS_INLINE; left >= block->capacity; block = block->next) {
            left -= block->capacity;
        }
        slot = &block->slots[left];
    }
    if ((slot->timestamp_and_flags & SLOT_NAMED) == 0) {
        slot->timestamp_and_flags |= SLOT_NAMED;
        batch->named++;
    }
}

static void unname_all(struct batch *batch) {
    struct slot_cursor cursor = {NULL, 0};
    for (uint32_t i = 0; batch->named > 0 && i < batch->records; i++) {
        batch_slot_next(batch, i, &cursor)->timestamp_and_flags &= ~(uint64_t)SLOT_NAMED;
    }
    batch->named = 0;
}

static bool open_piece(struct cutter *cutter, struct filling *filling, uint32_t number) {
    uint32_t hint = cutter->whole->raw_bytes;
    if (filling == &cutter->refused) {
        hint = 0;
    } else if (hint > cutter->bytes_max) {
        hint = cutter->bytes_max;
    }
    filling->piece = batch_create_piece(cutter->whole, number, hint + KAFKA_RECORD_PREFIX_SIZE_MAX);
    filling->bytes = 0;
    if (filling->piece == NULL) {
        return false;
    }
    batch_list_push(filling->list, filling->piece);
    cutter->pieces->count++;
    return true;
}

static bool put(struct cutter *cutter, struct filling *filling, uint32_t number,
                const struct batch_record *record, uint32_t size) {
    /* measured by what was refused: encoded anew it may be a little smaller, and would never end */
    if (filling->piece != NULL && filling->bytes + size > cutter->bytes_max) {
        filling->piece = NULL;
    }
    for (int attempt = 0; attempt < 2; attempt++) {
        if (filling->piece == NULL && !open_piece(cutter, filling, number)) {
            return false;
        }
        switch (batch_append(filling->piece, record)) {
        case BATCH_APPENDED:
            filling->bytes += size;
            return true;
        case BATCH_NO_MEMORY:
            return false;
        case BATCH_FULL: /* of chunks */
            filling->piece = NULL;
        }
    }
    return false;
}

/* The next record as it was appended. Its bytes are our own. */
static struct batch_record next_record(const struct batch *whole, struct kafka_reader *reader,
                                       const struct slot *slot) {
    size_t inner = (size_t)kafka_read_varint(reader);
    size_t end = kafka_reader_left(reader) - inner;
    kafka_read_raw(reader, 1); /* attributes */
    int64_t delta = kafka_read_varlong(reader);
    kafka_read_varint(reader); /* offset */
    size_t body_size = kafka_reader_left(reader) - end;
    const uint8_t *body = kafka_read_raw(reader, body_size);
    RT_ASSERT(!reader->failed);
    return (struct batch_record){.body = body,
                                 .body_size = (uint32_t)body_size,
                                 .timestamp_ms = whole->base_timestamp_ms + delta,
                                 .opaque = slot->opaque,
                                 .sync = (slot->timestamp_and_flags & SLOT_SYNC) != 0,
                                 .charge = input_charge(body_size)};
}

static bool cut(struct cutter *cutter) {
    struct batch *whole = cutter->whole;
    struct slot_cursor cursor = {NULL, 0};
    uint32_t number = 0;
    for (struct chunk *chunk = whole->first; chunk != NULL; chunk = chunk->next) {
        struct kafka_reader reader =
            kafka_reader_of(chunk->data + chunk->start, chunk->used - chunk->start);
        size_t left;
        while ((left = kafka_reader_left(&reader)) > 0) {
            const struct slot *slot = batch_slot_next(whole, number, &cursor);
            struct batch_record record = next_record(whole, &reader, slot);
            bool named = (slot->timestamp_and_flags & SLOT_NAMED) != 0;
            uint32_t size = (uint32_t)(left - kafka_reader_left(&reader));
            if (!put(cutter, named ? &cutter->refused : &cutter->again, number, &record, size)) {
                return false;
            }
            number++;
        }
    }
    RT_ASSERT(number == whole->records);
    return true;
}

static void discard_all(struct batch_list *list) {
    struct batch *piece;
    while ((piece = batch_list_pop(list)) != NULL) {
        batch_discard(piece);
    }
}

static int64_t charge_of(const struct batch_list *list) {
    int64_t charge = 0;
    for (const struct batch *piece = list->first; piece != NULL; piece = piece->next) {
        charge += piece->charge;
    }
    return charge;
}

/* Nobody wrote the whole, so its sequence numbers are free: the pieces take them, in order, and
 * what was stamped behind it still follows without a gap. */
static void stamp_all(const struct batch *whole, struct batch_list *list) {
    int32_t sequence = whole->base_sequence;
    for (struct batch *piece = list->first; piece != NULL; piece = piece->next) {
        piece->stamped = true;
        piece->producer_id = whole->producer_id;
        piece->producer_epoch = whole->producer_epoch;
        piece->base_sequence = sequence;
        sequence = kafka_sequence_add(sequence, (int32_t)piece->records);
    }
}

bool batch_split(struct batch *whole, uint32_t piece_bytes_max, struct pieces *pieces) {
    RT_ASSERT(whole->sealed && !whole->in_flight &&
              (whole->standing != BATCH_UNSURE || RT_MUTANT(unsure_is_cut)));
    *pieces = (struct pieces){.count = 0};
    struct cutter cutter = {.whole = whole,
                            .pieces = pieces,
                            .bytes_max = whole->named > 0 ? UINT32_MAX : piece_bytes_max,
                            .again = {.list = &pieces->again},
                            .refused = {.list = &pieces->refused}};
    if (!cut(&cutter)) {
        discard_all(&pieces->again);
        discard_all(&pieces->refused);
        unname_all(whole);
        return false;
    }
    RT_ASSERT(charge_of(&pieces->again) + charge_of(&pieces->refused) == whole->charge);
    if (whole->stamped) {
        stamp_all(whole, &pieces->again);
    }
    batch_replaced(whole);
    return true;
}
