/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Goes through a run some records ahead of the writer and asks for the memory that each will need.
 *
 * Where a topic has many partitions every record meets another one, and nothing of it is in cache:
 * the record, its partition, the open batch, the place in the batch. One needs the one before to be
 * found, so asked for on the spot they are four waits for each record. The scout asks for each of
 * them some records before it asks for the next, and nobody waits.
 *
 * It changes nothing but that stretches begin a few records early.
 */
#ifndef ACTORS_PARTITION_SCOUT_H
#define ACTORS_PARTITION_SCOUT_H

#include "actors/leader/writing.h"
#include "actors/partition/partition_actor.h"
#include "actors/partition/stretch.h"
#include "runtime/fetch.h"

enum {
    SCOUT_PARTITIONS_LEAST = 64, /* what fewer need stays in cache */
    SCOUT_RECORDS = 8,           /* ahead of the writer: its partition is asked for, */
    SCOUT_BATCH = 3,             /* so many records later its batch, */
    SCOUT_PLACE = 6,             /* and its place in the batch */
    SCOUT_PIECES = 6             /* pieces ahead of that: the record itself */
};

struct scout {
    const struct run *run;
    uint32_t piece; /* of the next record looked at */
    uint32_t at;
    uint32_t steps;
    struct partition *seen[SCOUT_RECORDS]; /* of the last records; NULL: not known */
};

/* The next record of the run; NULL behind the last. */
static inline const struct input_entry *scout_record(struct scout *scout) {
    const struct run *run = scout->run;
    while (scout->piece < run->piece_count) {
        const struct run_piece *piece = &run->pieces[scout->piece];
        scout->at = scout->at == 0 ? piece->from : scout->at;
        if (scout->at < piece->to) {
            const uint8_t *entry = piece->chunk->data + scout->at;
            rt_fetch_ahead(entry, piece->chunk->data + piece->to);
            scout->at += ((const struct input_entry *)(const void *)entry)->size;
            return (const struct input_entry *)(const void *)entry;
        }
        scout->piece++;
        scout->at = 0;
        if (scout->piece + SCOUT_PIECES < run->piece_count) {
            const struct run_piece *later = &run->pieces[scout->piece + SCOUT_PIECES];
            rt_fetch((const uint8_t *)later->chunk + sizeof *later->chunk + later->from);
        }
    }
    return NULL;
}

/* Where a record with a key goes; others are few, or stay where they are. */
static inline struct partition *scout_partition(const struct partition_actor *actor,
                                                const struct input_entry *entry) {
    bool keyed = entry != NULL && actor->choosing == CHOOSING_BY_KEY &&
                 (entry->flags & (INPUT_KEYED | INPUT_PARTITION)) == INPUT_KEYED;
    return keyed ? actor->partitions[partition_of_hash(entry->key_hash, actor->partition_count)]
                 : NULL;
}

static inline struct partition *scout_past(const struct scout *scout, uint32_t records) {
    return scout->seen[(scout->steps - records) % SCOUT_RECORDS];
}

static inline void scout_place(struct writer *writer, struct partition *partition) {
    const struct batch *batch = writer_stretch(writer, partition)->batch;
    if (batch != NULL) { /* ours now, so it may be looked into */
        rt_fetch(batch->out);
        rt_fetch(batch->out + RT_LINE_BYTES);
        rt_fetch(batch->slot_next);
    }
}

/* One record further. */
static inline void scout_step(struct writer *writer, struct scout *scout) {
    struct partition *partition = scout_partition(writer->actor, scout_record(scout));
    struct partition *batch_of_it = scout_past(scout, SCOUT_BATCH);
    struct partition *place_in_it = scout_past(scout, SCOUT_PLACE);
    scout->seen[scout->steps++ % SCOUT_RECORDS] = partition;
    if (partition != NULL) {
        rt_fetch(&partition->topic);
        rt_fetch(&partition->share);
    }
    if (batch_of_it != NULL) {
        /* only its address: it may be closed, and gone, at any moment */
        uintptr_t batch =
            atomic_load_explicit(&batch_of_it->writing, memory_order_relaxed) & ~WRITING_BITS;
        rt_fetch((const void *)(batch + offsetof(struct batch, out)));
        rt_fetch((const void *)(batch + offsetof(struct batch, last)));
    }
    if (place_in_it != NULL) {
        scout_place(writer, place_in_it);
    }
}

static inline void scout_begin(struct writer *writer, struct scout *scout, const struct run *run) {
    *scout = (struct scout){.run = run, .piece = run->at};
    for (uint32_t i = 0; i < SCOUT_RECORDS; i++) {
        scout_step(writer, scout);
    }
}

#endif
