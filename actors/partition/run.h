/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A run: what one sweep of the input lanes found of one topic, in order. The topic actor makes it
 * and gives it away; then it is the partition actor's, until it goes back through `spent`.
 *
 * Its pieces lie in input chunks, between records of other topics. Pieces beside each other in one
 * chunk have one reference to it together.
 */
#ifndef ACTORS_PARTITION_RUN_H
#define ACTORS_PARTITION_RUN_H

#include "actors/input/input.h"
#include "runtime/lane.h"

enum run_kind { RUN_RECORDS, RUN_TOKEN /* of a flush */ };
enum {
    RUN_PIECES_MAX = 28,
    RUN_RECORD_BYTES_MAX = 32768 /* of all pieces but a single one: a copy fits into one chunk */
};

/* Entries that lie behind each other. */
struct run_piece {
    struct input_chunk *chunk;
    uint32_t from, to;
};

struct run {
    struct rt_node node;
    struct run *next;
    enum run_kind kind;
    uint32_t at;              /* the first piece that is not done with */
    uint32_t piece_count;     /* at most RUN_PIECES_MAX */
    uint32_t bytes;           /* of all pieces, when they were added */
    struct run_piece *pieces; /* right behind this; NULL: a token has none */
    uint64_t opened_ns;       /* no later than its first record was produced */
    int64_t parked_charge;    /* of its records, in the partition actor's */
    uint32_t flush_epoch;     /* that counts it, when it is parked */
    bool is_counted;
};

enum { RUN_BYTES = sizeof(struct run) + RUN_PIECES_MAX * sizeof(struct run_piece) };

/* In memory of RUN_BYTES. */
static inline void run_init(struct run *run, uint64_t opened_ns) {
    *run = (struct run){.kind = RUN_RECORDS,
                        .pieces = (struct run_piece *)(void *)(run + 1),
                        .opened_ns = opened_ns};
}

static inline bool run_has_room(const struct run *run, uint32_t bytes) {
    return run->piece_count == 0 ||
           (run->piece_count < RUN_PIECES_MAX && run->bytes + bytes <= RUN_RECORD_BYTES_MAX);
}
/* Behind the others. */
static inline void run_add(struct run *run, struct input_chunk *chunk, uint32_t from, uint32_t to) {
    struct run_piece *piece = &run->pieces[run->piece_count];
    if (run->piece_count == 0 || piece[-1].chunk != chunk) {
        atomic_fetch_add_explicit(&chunk->references, 1, memory_order_relaxed);
    }
    *piece = (struct run_piece){chunk, from, to};
    run->piece_count++;
    run->bytes += to - from;
}

/* Gives up the pieces and what they refer to. */
static inline void run_clear(struct producer *producer, struct run *run) {
    for (uint32_t i = 0; i < run->piece_count; i++) {
        if (i + 1 == run->piece_count || run->pieces[i + 1].chunk != run->pieces[i].chunk) {
            input_chunk_release(producer, run->pieces[i].chunk);
        }
    }
    run->piece_count = 0;
    run->at = 0;
}

/* Of what is not done with. */
static inline size_t run_bytes_left(const struct run *run) {
    size_t bytes = 0;
    for (uint32_t i = run->at; i < run->piece_count; i++) {
        bytes += run->pieces[i].to - run->pieces[i].from;
    }
    return bytes;
}

#endif
