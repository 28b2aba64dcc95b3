/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* From public handles to our structures, and what every public call checks first. */
#ifndef ACTORS_PRODUCER_API_H
#define ACTORS_PRODUCER_API_H

#include "actors/input/append.h"
#include "actors/producer/producer.h"
#include "runtime/mutant.h"

static inline struct producer *producer_from(sluice_producer *producer) {
    return (struct producer *)producer;
}
static inline struct topic *topic_from(sluice_topic *topic) {
    return (struct topic *)topic;
}

/* Absolute, from the milliseconds of a public call: negative is without limit. */
static inline uint64_t deadline_after(struct producer *producer, int64_t timeout_ms) {
    if (timeout_ms < 0 || timeout_ms > INT64_MAX / 2000000 || RT_MUTANT(waits_without_end)) {
        return RT_FOREVER;
    }
    return rt_now(producer->world) + (uint64_t)timeout_ms * 1000000;
}

/* What is asked before a record is let in, room aside: is the producer open, is the record valid?
 * Then also the size of its body. */
sluice_code record_admit(struct producer *producer, const sluice_record *record,
                         uint64_t *body_size);
/* There is no room: `full`, or is it held by reports that nobody reads? */
sluice_code why_full(struct producer *producer, sluice_code full);

/* The calling thread is inside a report callback. */
static inline bool in_callback(struct producer *producer) {
    struct input_lane *lane = input_lane_of(producer);
    void *serving = atomic_load_explicit(&producer->reports.serving, memory_order_acquire);
    bool inside = (lane != NULL && lane->in_callback != 0) ||
                  (serving != NULL && serving == rt_thread_slot(producer->world));
    return inside && !RT_MUTANT(callbacks_may_wait);
}

#endif
