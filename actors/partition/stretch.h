/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Stretches: the batches that a partition actor is filling in this activation. A partition's batch
 * is taken once (leader/writing.h) for all records that go to it, however many other partitions
 * they alternate with, and given back when the stretches end.
 *
 * A `struct writer` lives on the stack of an activation and never beyond it. While it lives,
 * partition->stretch is the partition's place in it, and 1.
 */
#ifndef ACTORS_PARTITION_STRETCH_H
#define ACTORS_PARTITION_STRETCH_H

#include "actors/batch/batch.h"
#include "actors/leader/partition.h"

struct partition_actor;
struct run;

enum {
    STRETCHES_MAX = 1024,
    STRETCH_BYTES_MAX = 1 << 20 /* then all end: whoever wants a batch does not wait for long */
};

struct stretch {
    struct partition *partition;
    struct batch *batch; /* NULL: none is open */
    int64_t counted;     /* of the batch's charge, by its share of memory */
    bool is_new;         /* the leader actor has not heard of the batch */
};

struct writer {
    struct partition_actor *actor;
    uint64_t opened_ns;    /* of the run that is being written */
    const struct run *run; /* if it is counted in a flush epoch its new batches are, too */
    sluice_code error;     /* of what goes nowhere */
    uint32_t count;
    uint32_t bytes; /* since the first stretch began */
    struct stretch stretches[STRETCHES_MAX];
};

/* The array is left as it is. */
static inline void writer_init(struct writer *writer, struct partition_actor *actor) {
    writer->actor = actor;
    writer->opened_ns = 0;
    writer->run = NULL;
    writer->error = SLUICE_OK;
    writer->count = 0;
    writer->bytes = 0;
}

/* The stretch of a partition, begun when there is none: with the open batch, if there is one. */
struct stretch *writer_begin(struct writer *writer, struct partition *partition);
static inline struct stretch *writer_stretch(struct writer *writer, struct partition *partition) {
    return partition->stretch != 0 ? &writer->stretches[partition->stretch - 1]
                                   : writer_begin(writer, partition);
}
/* Ends all stretches: batches go where they belong. */
void writer_end(struct writer *writer);
/* False when memory is short; the record then still lies where it was. */
bool stretch_write(struct writer *writer, struct stretch *stretch,
                   const struct batch_record *record);
/* Closes the batch: no more records fit, or nobody should wait for more. */
void stretch_close(struct writer *writer, struct stretch *stretch, enum batch_closed why);

#endif
