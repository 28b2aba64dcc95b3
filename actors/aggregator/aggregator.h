/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The aggregator actor of a broker: decides when a batch is done (full, linger over, somebody
 * waits), has it sealed, and passes sealed batches to the flusher in the order of their partition.
 *
 * Takes:  lane `mail`: BATCH, FULL and FENCE from leader actors, ANSWERED from the flusher
 *         lane `sealed`: batches back from a sealer
 *         marks: TIMER (linger), FLUSH (nothing lingers), END
 * Sends:  BATCH and FENCE to the flusher; batches to sealers when a codec is asked for
 * Owns:   `held` of each partition lent to this broker; the list of lingering partitions, soonest
 *         first
 *
 * Linger counts from the first record of a batch. While an older batch of the partition is
 * unanswered, an open batch waits max(linger.ms, 10 ms) longer, or until the answer: a batch that
 * cannot be acknowledged sooner should rather grow (docs/decisions/linger.md).
 */
#ifndef ACTORS_AGGREGATOR_AGGREGATOR_H
#define ACTORS_AGGREGATOR_AGGREGATOR_H

#include "runtime/lane.h"
#include "runtime/world.h"

struct broker;
struct partition;

enum { AGGREGATOR_MARK_TIMER = 0, AGGREGATOR_MARK_FLUSH, AGGREGATOR_MARK_END };

struct aggregator {
    struct rt_actor actor;
    struct broker *broker;
    struct rt_lane_unbounded mail;
    struct rt_lane_unbounded sealed;
    struct rt_timer timer;
    struct partition *linger_first, *linger_last;
};

void aggregator_start(struct aggregator *aggregator, struct broker *broker);

#endif
