/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Sealing: compression, checksum and header of a closed batch.
 *
 * Without a codec it is a checksum, done at once. With one it is the work of sealers: a few jobs,
 * as many as workers, that any worker runs in slices below the actors. Batches of one partition
 * may be packed side by side; the aggregator puts them back in order.
 *
 * Sealer:  takes batches (lane `batches`); sends them to their aggregator's lane `sealed`
 *          owns its codec memory, set aside at open, and the batch being packed
 */
#ifndef ACTORS_AGGREGATOR_SEAL_H
#define ACTORS_AGGREGATOR_SEAL_H

#include <stdbool.h>

#include "actors/batch/batch.h"
#include "runtime/lane.h"

struct producer;

enum { SEALER_MARK_CLOSE = 0 };

struct sealer {
    struct rt_actor actor;
    struct producer *producer;
    struct rt_lane_unbounded batches;
    struct batch *batch; /* being packed */
    struct chunk *in;    /* the piece being read, and how far */
    uint32_t in_used, in_left;
    struct chunk *out_first, *out_last;
    uint32_t out_bytes;
    void *memory; /* the codec's */
    size_t memory_bytes;
};

/* Sets the sealers up for the configured codec; none without one. False when memory is short. */
bool seal_open(struct producer *producer);
void seal_close(struct producer *producer);
void seal_free(struct producer *producer);
/* Seals a closed batch at once, or sends it to a sealer (then `packing` is set). */
void seal(struct producer *producer, struct batch *batch);

#endif
