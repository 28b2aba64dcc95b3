/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A batch: records of one partition that travel, are sent and are decided together.
 *
 * The partition actor makes it with its first record and fills it. The batch travels at once, still
 * open; `partition->writing` is where writer and holder meet (leader/writing.h): while the pointer
 * there names the batch the writer may add to it, afterwards the batch is constant and the
 * holder's.
 *
 *   open ─► closed ─► sealed ─► stamped and sent ─► decided ─► reported, freed
 *                                  ▲      │ │
 *                                  └──────┘ └─► replaced by its pieces (batch/split.h)
 *                            the same bytes again
 *
 * Memory. `pins` keep the record bytes: 1 for the batch's way through the actors, until it is
 * decided, and 1 for each request that may still read them. `lives` keep the batch itself: 1 for
 * the pins together, 1 for its reports, until they were handed over.
 */
#ifndef ACTORS_BATCH_BATCH_H
#define ACTORS_BATCH_BATCH_H

#include <sluice/sluice.h>

#include "actors/input/input.h"
#include "protocol/batch.h"
#include "protocol/record.h"
#include "runtime/fetch.h"
#include "runtime/lane.h"
#include "runtime/world.h"

struct partition;
struct producer;

/* What travels from leader to aggregator and flusher, and between those. One lane carries all
 * kinds, so that a fence stays behind the batches that were sent before it. */
enum mail_kind {
    MAIL_BATCH,   /* a batch */
    MAIL_FENCE,   /* leader -> aggregator -> flusher: hand back everything of this partition */
    MAIL_FULL,    /* leader -> aggregator: a batch of this partition was closed */
    MAIL_ANSWERED /* flusher -> aggregator: nothing older is unanswered any more */
};

struct mail { /* part of a batch or a partition: mail_partition tells of which */
    struct rt_node node;
    enum mail_kind kind;
};

struct chunk {
    struct chunk *next;
    uint32_t capacity; /* of data */
    uint32_t start;    /* where records begin: 0, or behind unused prefix room */
    uint32_t used;     /* end of what is written */
    uint8_t data[];
};

/* What the report needs of one record. The two lowest bits of the word are SLOT_…, the rest is the
 * timestamp, which is not negative. */
enum {
    SLOT_SYNC = 1,  /* the opaque pointer is a struct sync_waiter */
    SLOT_NAMED = 2, /* the last answer called the record invalid */
    SLOT_FLAG_BITS = 2
};
struct slot {
    void *opaque;
    uint64_t timestamp_and_flags;
};

struct slot_block {
    struct slot_block *next;
    uint32_t capacity; /* slots */
    uint32_t bytes;    /* of the block, for the pool */
    struct slot slots[];
};

enum {
    BATCH_SLOTS_INLINE = 6,
    BATCH_CHUNKS_MAX = 20, /* a batch of more pieces is closed */
    BATCH_PREFIX_ROOM = 32 /* before a body that is adopted in place */
};

/* Who closed a batch, and why. */
enum batch_closed {
    BATCH_CLOSED_BY_HOLDER, /* its linger was over, or somebody waits for what is in it */
    BATCH_CLOSED_FULL,      /* the next record does not fit, or hardly any would */
    BATCH_CLOSED_NO_MEMORY, /* for more of it */
    BATCH_CLOSED_CUT,       /* it is a piece of a batch that was */
    BATCH_CLOSED_HURRY,     /* by the holder, before its linger was over: only counted as such */
    BATCH_CLOSED_END
};

/* What the next attempt must know of the last one. */
enum batch_standing {
    BATCH_UNTRIED, /* no byte of it ever left */
    BATCH_REFUSED, /* an answer proves: not written, by any attempt */
    BATCH_UNSURE   /* may have been written */
};

struct batch {
    struct mail mail;   /* in one lane at a time */
    struct batch *next; /* in one holder's list at a time */
    struct partition *partition;
    uint64_t index; /* order within the partition, */
    uint32_t part;  /* and among the pieces of one batch: of its first record, in the whole */
    _Atomic uint32_t pins;
    _Atomic uint32_t lives;

    /* -- the partition actor's, until closed; then constant -- */
    uint32_t chunk_count;
    struct chunk *first;
    /* What each record touches, together. Between batch_resume and batch_pause last->used is behind
     * `out`. */
    uint8_t *out;           /* where the next record goes in `last` */
    struct slot *slot_next; /* where its slot goes */
    uint32_t out_left;
    uint32_t slots_left; /* 0 before the first record */
    uint32_t records;
    uint32_t raw_bytes; /* of the records as written */
    uint32_t bytes_max; /* header included: it is closed before it becomes larger */
    uint32_t flush_epoch;
    int64_t base_timestamp_ms, max_timestamp_ms;
    int64_t charge; /* budget bytes of the records */
    /* and the rest */
    struct chunk *last;
    struct slot_block *slots_first, *slots_last;
    uint64_t opened_ns; /* when its first record was produced: linger, delivery */
    bool urgent;        /* somebody waits for it: it was closed at once */
    bool has_sync;      /* some slot has SYNC */
    uint8_t closed_by;  /* enum batch_closed */

    /* -- who holds it, after it was closed -- */
    bool sealed;
    bool decided;
    uint8_t codec;
    uint32_t payload_bytes; /* of the records as sent */
    struct chunk *packed;   /* the compressed records; NULL: `first` is sent */
    struct kafka_batch_sum sum;
    uint32_t room;  /* counted in the aggregator's room_used, until handed over; 0: not at all */
    bool packing;   /* with a sealer */
    bool in_flight; /* in a request of the flusher */
    uint8_t header[KAFKA_BATCH_HEADER_SIZE];

    /* -- identity and attempts: the holder of the partition's ticket -- */
    bool stamped;
    bool tried; /* handed to a socket since it was lent */
    bool away;  /* with the retry actor, on its way back to the leader */
    enum batch_standing standing;
    int32_t refused_leader_epoch; /* of the last refusal by OUT_OF_ORDER or the like */
    bool out_of_order;            /* the last answer was such a refusal */
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    uint32_t attempts;
    uint32_t failures; /* for the back-off */
    uint32_t few;      /* answers in a row that may come a few times only */
    uint64_t first_sent_ns;
    uint64_t retry_at_ns;
    sluice_code last_error;
    uint32_t named; /* records with SLOT_NAMED */

    /* -- the outcome -- */
    sluice_outcome outcome;
    sluice_code error;
    int64_t base_offset;
    int64_t log_append_time_ms; /* -1: the records' own timestamps count */
    uint64_t decided_ns;

    /* -- the reader of reports -- */
    uint32_t reported;
    struct slot_block *report_block;
    uint32_t report_slot;

    struct slot inline_slots[BATCH_SLOTS_INLINE];
};

struct batch_list {
    struct batch *first, *last;
};

/* One record as it comes out of an input lane. */
struct batch_record {
    const uint8_t *body;
    uint32_t body_size;
    int64_t timestamp_ms;
    void *opaque;
    bool sync;
    struct chunk *adopted; /* the body lies in this chunk, at BATCH_PREFIX_ROOM */
    int64_t charge;
};

/* -- the writer: the topic's partition actor -- */

/* An empty batch; `size_hint` is how large it may become. Counted as undecided in the current
 * flush epoch, or in `flush_epoch`, in which its records are counted already, if it is not NULL.
 * NULL when memory is short. */
struct batch *batch_create(struct partition *partition, uint64_t opened_ns, uint32_t size_hint,
                           const uint32_t *flush_epoch);
/* Frees a batch that holds no record, or copies of another's. */
void batch_discard(struct batch *batch);
/* An empty batch for some records of `whole`, from number `first_record` on: of the same age, flush
 * epoch and history, behind the pieces before it. For actors/batch/split.c. */
struct batch *batch_create_piece(const struct batch *whole, uint32_t first_record,
                                 uint32_t size_hint);
/* Its pieces have taken its place, with records, charge and reports. */
void batch_replaced(struct batch *whole);
enum batch_append {
    BATCH_APPENDED,
    BATCH_FULL,     /* close it and open another */
    BATCH_NO_MEMORY /* as BATCH_FULL, and another may not be had either */
};
enum batch_append batch_append(struct batch *batch, const struct batch_record *record);

/* The common case: true when the record was appended, false when nothing was done and batch_append
 * has to see to it. */
static inline bool batch_append_plain(struct batch *batch, const uint8_t *body, uint32_t body_size,
                                      int64_t timestamp_ms, void *opaque) {
    uint32_t most = body_size + KAFKA_RECORD_PREFIX_SIZE_MAX;
    if (batch->slots_left == 0 || batch->out_left < most ||
        (uint64_t)batch->raw_bytes + most + KAFKA_BATCH_HEADER_SIZE > batch->bytes_max) {
        return false;
    }
    uint8_t *out = batch->out;
    uint32_t size = (uint32_t)kafka_record_prefix_encode(
        out, body_size, timestamp_ms - batch->base_timestamp_ms, (int32_t)batch->records);
    memcpy(out + size, body, body_size);
    size += body_size;
    batch->out = out + size;
    batch->out_left -= size;
    batch->raw_bytes += size;
    *batch->slot_next++ = (struct slot){opaque, (uint64_t)timestamp_ms << SLOT_FLAG_BITS};
    batch->slots_left--;
    if (timestamp_ms > batch->max_timestamp_ms) {
        batch->max_timestamp_ms = timestamp_ms;
    }
    batch->records++;
    batch->charge += input_charge(body_size);
    return true;
}

/* Appends entries that lie behind each other from `from` on, as long as they have no flags, fit,
 * and `bytes_left` of bodies is positive. Returns where it stopped: at the end, or at what is for
 * another batch or needs batch_append. For each record the same as batch_append_plain, in
 * registers. */
static inline uint32_t batch_append_entries(struct batch *batch, const uint8_t *data, uint32_t from,
                                            uint32_t to, int64_t *bytes_left) {
    uint8_t *out = batch->out;
    const uint8_t *out_end = out + batch->out_left;
    const int64_t base_ms = batch->base_timestamp_ms;
    int64_t max_ms = batch->max_timestamp_ms;
    uint32_t records = batch->records;
    const uint32_t records_end = records + batch->slots_left;
    struct slot *slot = batch->slot_next;
    int64_t left = *bytes_left;
    int64_t room = (int64_t)batch->bytes_max - KAFKA_BATCH_HEADER_SIZE - batch->raw_bytes;
    int64_t bodies = 0;
    while (from < to && records < records_end && left > 0) {
        const struct input_entry *entry = (const struct input_entry *)(const void *)(data + from);
        uint32_t body_size = entry->body_size;
        int64_t most = (int64_t)body_size + KAFKA_RECORD_PREFIX_SIZE_MAX;
        if (entry->flags != 0 || out_end - out < most || room < most) {
            break;
        }
        rt_fetch_ahead(data + from, data + to);
        int64_t timestamp_ms = entry->timestamp_ms;
        uint8_t *body = out + kafka_record_prefix_encode(out, body_size, timestamp_ms - base_ms,
                                                         (int32_t)records);
        memcpy(body, entry->body, body_size);
        room -= body + body_size - out;
        out = body + body_size;
        *slot++ = (struct slot){entry->opaque, (uint64_t)timestamp_ms << SLOT_FLAG_BITS};
        max_ms = timestamp_ms > max_ms ? timestamp_ms : max_ms;
        records++;
        bodies += body_size;
        left -= body_size;
        from += entry->size;
    }
    batch->raw_bytes += (uint32_t)(out - batch->out);
    batch->out_left -= (uint32_t)(out - batch->out);
    batch->out = out;
    batch->slot_next = slot;
    batch->slots_left = records_end - records;
    batch->charge += bodies + (int64_t)(records - batch->records) * INPUT_RECORD_SHARE;
    batch->records = records;
    batch->max_timestamp_ms = max_ms;
    *bytes_left = left;
    return from;
}

/* After batch_append_plain, before anybody else looks at the chunks; batch_append does both. */
static inline void batch_pause(struct batch *batch) {
    batch->last->used = (uint32_t)(batch->out - batch->last->data);
}
static inline void batch_resume(struct batch *batch) {
    batch->out = batch->last->data + batch->last->used;
    batch->out_left = batch->last->capacity - batch->last->used;
}

/* It need not wait for the record that does not fit. */
static inline bool batch_is_full(const struct batch *batch) {
    return (uint64_t)batch->raw_bytes + KAFKA_BATCH_HEADER_SIZE >= batch->bytes_max;
}

/* -- the holder, after it was closed -- */

/* Writes the header and the checksum of the payload; `codec` says what the payload is. */
void batch_seal(struct batch *batch, uint8_t codec);
/* Calls `visit` with each piece of the payload, in order. */
void batch_payload(const struct batch *batch,
                   void (*visit)(void *context, const void *data, size_t size), void *context);
/* Writes header and payload as slices; returns their number, at most BATCH_CHUNKS_MAX + 1. */
uint32_t batch_slices(const struct batch *batch, struct rt_slice *slices);
uint32_t batch_wire_bytes(const struct batch *batch);
/* Fixes identity and sequence, once and for all bytes that follow. */
void batch_stamp(struct batch *batch, int64_t producer_id, int16_t producer_epoch,
                 int32_t base_sequence);
/* Takes the stamp off: only when it is proven that it was never written under it. */
void batch_unstamp(struct batch *batch);

/* Goes through the slots: `index` 0, 1, 2, … with one cursor. */
struct slot_cursor {
    struct slot_block *block;
    uint32_t at;
};
struct slot *batch_slot_next(struct batch *batch, uint32_t index, struct slot_cursor *cursor);
/* The slots that lie beside each other from `index` on, to be stepped over with cursor->at. */
const struct slot *batch_slots_from(struct batch *batch, uint32_t index, struct slot_cursor *cursor,
                                    uint32_t *count);

static inline struct batch *batch_of(struct mail *mail) {
    return (struct batch *)(void *)mail;
}
static inline struct mail *mail_of(struct rt_node *node) {
    return (struct mail *)(void *)node;
}

/* Gives the batch its outcome, once: counts it, queues its reports, ends its way. */
void batch_decide(struct batch *batch, sluice_outcome outcome, sluice_code error,
                  int64_t base_offset);
/* The same for who has looked at the clock. */
void batch_decide_at(struct batch *batch, sluice_outcome outcome, sluice_code error,
                     int64_t base_offset, uint64_t now_ns);
void batch_pin(struct batch *batch);
/* The last one frees the record bytes and gives their charge back. */
void batch_unpin(struct batch *batch);
/* The reports were handed over: gives the charge of the reports back. */
void batch_reported(struct batch *batch);

struct chunk *chunk_create(struct producer *producer, size_t data_bytes);
/* Nothing more will be written behind what is there: gives the rest back. */
void chunk_trim(struct producer *producer, struct chunk *chunk);
void chunk_release(struct producer *producer, struct chunk *chunk);

void batch_list_push(struct batch_list *list, struct batch *batch);
/* Keeps the list in order of index. */
void batch_list_insert(struct batch_list *list, struct batch *batch);
struct batch *batch_list_pop(struct batch_list *list);
void batch_list_append(struct batch_list *list, struct batch_list *tail);

#endif
