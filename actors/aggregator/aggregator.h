/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The aggregator actor of a broker: decides when a batch is done (full, linger over, somebody
 * waits), has it sealed, and passes sealed batches to the flusher in the order of their partition.
 *
 * Takes:  lane `mail`: BATCH, FULL and FENCE from leader actors, ANSWERED from the flusher
 *         lane `sealed`: batches back from a sealer
 *         marks: TIMER (linger), FLUSH (nothing lingers), ROOM (the flusher takes more), END
 * Sends:  BATCH and FENCE to the flusher; batches to sealers when a codec is asked for
 * Owns:   `held` of each partition lent to this broker; the list of lingering partitions, soonest
 *         first
 *
 * Linger counts from the first record of a batch. While an older batch of the partition is
 * unanswered, an open batch waits max(linger.ms, 10 ms) longer, or until the answer: a batch that
 * cannot be acknowledged sooner should rather grow. So it does while enough waits in the flusher,
 * however long ago its linger was over (docs/decisions/linger.md).
 */
#ifndef ACTORS_AGGREGATOR_AGGREGATOR_H
#define ACTORS_AGGREGATOR_AGGREGATOR_H

#include "runtime/lane.h"
#include "runtime/world.h"

struct aggregator_counted;
struct broker;
struct partition;

enum {
    AGGREGATOR_MARK_TIMER = 0,
    AGGREGATOR_MARK_FLUSH,
    AGGREGATOR_MARK_ROOM,
    AGGREGATOR_MARK_END
};

/* What may wait in the flusher of batches that need not have been closed yet: little, because they
 * could still grow, but enough to fill the pipe to a broker that is far away. */
enum {
    AGGREGATOR_ROOM_BYTES = 1 << 19, /* and at most 1 / AGGREGATOR_ROOM_PART of buffer.memory, */
    AGGREGATOR_ROOM_PART = 64,
    AGGREGATOR_ROOM_TIMES_MAX = 8,     /* as much, */
    AGGREGATOR_ROOM_NEAR_NS = 8000000, /* for brokers that answer in more than 8 times this */
    AGGREGATOR_BATCH_BYTES = 16384     /* that a batch counts at least */
};

struct aggregator {
    struct rt_actor actor;
    struct broker *broker;
    struct rt_lane_unbounded mail;
    struct rt_lane_unbounded sealed;
    struct rt_timer timer;
    struct partition *linger_first, *linger_last;
    struct aggregator_counted *counted;
    uint64_t linger_ns; /* constant */

    /* -- this actor adds, the flusher takes off -- */
    _Atomic uint32_t room_used;   /* bytes */
    _Atomic uint32_t room_limit;  /* the flusher's: see AGGREGATOR_ROOM_BYTES */
    _Atomic uint64_t answered_ns; /* how long its requests take */
    _Atomic bool room_wanted;
};

void aggregator_start(struct aggregator *aggregator, struct broker *broker);
/* By the flusher: requests are answered in about this time. */
void aggregator_adapt(struct aggregator *aggregator, uint64_t answered_ns);
/* By the flusher: so much of what waited there does not any more. */
void aggregator_room_give(struct aggregator *aggregator, uint32_t bytes);

#endif
