/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Input lanes: one per writing thread, from sluice_produce() to the topic actor.
 *
 * A lane is a chain of chunks of encoded records. One thread writes and publishes, the topic actor
 * reads; neither waits. Records are grouped in runs of one topic: the topic actor pays per run.
 *
 *   chunk:  run head | entry | entry | run head | entry | …
 *   published = offset of the last run head << 32 | bytes written
 *
 * Order between threads: `producer->writer` names who wrote last, with a stamp. A thread that finds
 * another name takes the next stamp and begins a run with it; the topic actor hands runs on in the
 * order of their stamps. So a thread pays for order only when the writer changes.
 *
 * | who               | may                                                                   |
 * | the lane's thread | write, publish; one thread at a time, kept by its thread slot         |
 * | topic actor       | read what is published, hand runs on                                  |
 * | partition actors  | read their runs, give them back (input_chunk_release)                 |
 */
#ifndef ACTORS_INPUT_INPUT_H
#define ACTORS_INPUT_INPUT_H

#include <sluice/sluice.h>

#include "runtime/budget.h"
#include "runtime/lane.h"
#include "runtime/pool.h"
#include "runtime/world.h"

struct chunk;
struct producer;
struct topic;

enum {
    INPUT_CHUNK_BYTES = 2 * RT_POOL_PAGE_BYTES - RT_POOL_GAP_BYTES,
    INPUT_ADOPT_BYTES = 16384,  /* larger bodies travel in a chunk of their own, copied once */
    INPUT_NOTIFY_BYTES = 32768, /* a lane is swept at the latest when so much waits in it */
    INPUT_RECORD_SHARE = 48     /* charged beside the body: prefix, slot, bookkeeping */
};

/* Later than any clock; slots need the bits above. */
#define INPUT_TIMESTAMP_MS_MAX (((int64_t)1 << 62) - 1)

struct input_chunk {
    _Atomic uint32_t references; /* 1 for the lane until it was read to its end, 1 for each run */
    uint32_t bytes;              /* of the buffer, for the pool */
    _Atomic uint64_t published;  /* release; pairs with the topic actor's acquire */
    _Atomic(struct input_chunk *) next; /* set after the last publication here */
    uint64_t unused;                    /* keeps data 16-aligned */
    uint8_t data[];
};

struct input_run {
    struct topic *topic;
    uint64_t stamp;
    uint32_t next; /* offset of the next run head here; 0: none yet */
    uint32_t unused;
};

enum { INPUT_KEYED = 1, INPUT_PARTITION = 2, INPUT_SYNC = 4, INPUT_ADOPTED = 8 };

struct input_entry {
    uint32_t size; /* to the next entry or run head; a multiple of 8 */
    uint32_t body_size;
    uint32_t key_hash; /* murmur2, with INPUT_KEYED */
    int32_t partition; /* with INPUT_PARTITION */
    int64_t timestamp_ms;
    void *opaque;
    uint32_t flags;
    uint32_t unused;
    uint8_t body[]; /* or, with INPUT_ADOPTED, a struct chunk * */
};

/* What a record takes from the budget. */
static inline int64_t input_charge(uint64_t body_size) {
    return (int64_t)body_size + INPUT_RECORD_SHARE;
}

struct input_lane {
    struct rt_credit credit;
    /* -- the thread -- */
    struct producer *producer;
    uint64_t writer;          /* stamp << 16 | id, as last put into producer->writer */
    struct topic *topic;      /* of the current run */
    struct input_chunk *tail; /* NULL before the first record */
    uint32_t tail_used;
    uint32_t tail_run;   /* offset of the current run head */
    uint32_t unnotified; /* bytes published since the topic actor was last notified */
    uint16_t id;
    uint16_t in_callback;               /* this thread is inside a report callback */
    void **slot;                        /* the thread's, while owned ... */
    struct input_lane *slot_next;       /* ... and its lane of another producer */
    _Atomic uint64_t accepted;          /* records; the thread adds, anybody reads */
    _Atomic uint32_t owned;             /* 0: its thread ended; another may take it */
    struct input_lane *next;            /* in producer->lanes; set once */
    _Atomic(struct input_chunk *) head; /* the first chunk; set once, with the first record */
    char pad[64];
    /* -- the topic actor -- */
    struct input_chunk *read;
    uint32_t read_at;
    uint32_t read_run; /* offset of the head of the run being read */
    uint64_t sure;     /* `published` of `read` in the first of two looks (topic/sweep.h) */
    uint64_t stamp;    /* of what lies before the reader, or less; 0: nothing */
    bool more;         /* the second look showed more than `sure` */
};

/* Of the calling thread: makes a lane or takes one over. NULL when memory is short; `slot` may be
 * NULL. */
struct input_lane *input_lane_find(struct producer *producer, void **slot);
/* The thread that owns the slot value has ended. */
void input_thread_end(void *slot, void *context);
/* Frees all lanes and what is still in them; nobody writes or reads any more. */
void input_deinit(struct producer *producer);

/* What append.h leaves to lane.c: another thread wrote last, another topic, a new chunk; */
struct input_entry *input_room_made(struct input_lane *lane, struct topic *topic, uint32_t size);
/* bodies above INPUT_ADOPT_BYTES, */
bool input_append_large(struct input_lane *lane, struct topic *topic, const sluice_record *record,
                        uint32_t body_size, bool sync);
/* bodies that lie in `chunk` at BATCH_PREFIX_ROOM already, */
bool input_append_adopted(struct input_lane *lane, struct topic *topic, struct chunk *chunk,
                          const struct input_entry *entry);
/* headers (the size: 0 when one is impossible), and notifying. */
uint64_t input_headers_size(const sluice_record *record, uint64_t size);
uint8_t *input_headers_put(uint8_t *out, const sluice_record *record);
void input_notify_now(struct input_lane *lane);
/* Nothing is put in any more: sets producer->closed, and waits for calls that may not have seen
 * it. */
void input_shut(struct producer *producer);

/* With one reference, and room for `data_bytes`. NULL when memory is short. */
struct input_chunk *input_chunk_create(struct producer *producer, size_t data_bytes);
/* Gives back what lies behind the first `data_bytes`, when nobody else refers to it. */
void input_chunk_trim(struct producer *producer, struct input_chunk *chunk, size_t data_bytes);
void input_chunk_release(struct producer *producer, struct input_chunk *chunk);

#endif
