/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The retry actor: failed batches wait here for their next attempt and then go back into the normal
 * input, by the topic actor.
 *
 * Takes:  lane `failed`: batches with their `retry_at_ns`; marks TIMER, PURGE, CLOSE
 * Sends:  batches to the topic actor
 * Owns:   the batches that wait, in buckets of BUCKET_NS by the time they are due
 *
 * Its mailbox is never full and it never waits, so the one loop of the pipeline cannot deadlock.
 */
#ifndef ACTORS_RETRY_RETRY_H
#define ACTORS_RETRY_RETRY_H

#include "actors/batch/batch.h"
#include "runtime/lane.h"
#include "runtime/world.h"

struct producer;

enum { RETRY_BUCKETS = 512, RETRY_BUCKET_NS = 4000000 };

enum { RETRY_MARK_TIMER = 0, RETRY_MARK_PURGE, RETRY_MARK_CLOSE };

struct retry {
    struct rt_actor actor;
    struct producer *producer;
    struct rt_lane_unbounded failed;
    struct rt_timer timer;
    struct batch_list buckets[RETRY_BUCKETS];
    uint64_t swept; /* bucket number (time / RETRY_BUCKET_NS) swept up to */
    uint32_t waiting;
};

void retry_start(struct retry *retry, struct producer *producer);
/* Leader actors: a batch whose `retry_at_ns` is set. */
void retry_post(struct retry *retry, struct batch *batch);

#endif
