/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where the writer of a partition (its topic's partition actor) and the holder of an open batch
 * (leader, aggregator or flusher) meet: one word, `partition->writing`.
 *
 *   0                no batch is open
 *   batch            open, the writer is elsewhere
 *   batch|WRITING    the writer is adding records
 *   batch|WRITING|CLOSE_ASKED   and the holder wants it closed as soon as that is done
 *
 *   writer  begin: batch -> batch|WRITING        (or a new batch: 0 -> batch|WRITING)
 *           end:   batch|WRITING -> batch        or, when asked to close, -> 0
 *   holder  close: batch -> 0                    or  batch|WRITING -> …|CLOSE_ASKED
 *
 * A batch that the word does not name is closed for good: constant, and the holder's alone. Every
 * change is acq_rel, so whoever sees the batch closed sees all its records.
 */
#ifndef ACTORS_LEADER_WRITING_H
#define ACTORS_LEADER_WRITING_H

#include "actors/leader/partition.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

#define WRITING_ACTIVE ((uintptr_t)1)
#define WRITING_CLOSE_ASKED ((uintptr_t)2)
#define WRITING_BITS ((uintptr_t)3)

/* The writer's: the open batch, now ours to fill, or NULL when a new one must be made. */
static inline struct batch *writing_begin(struct partition *partition) {
    uintptr_t seen = atomic_load_explicit(&partition->writing, memory_order_relaxed);
    RT_ASSERT((seen & WRITING_BITS) == 0);
    if (seen != 0 &&
        atomic_compare_exchange_strong_explicit(&partition->writing, &seen, seen | WRITING_ACTIVE,
                                                memory_order_acq_rel, memory_order_acquire)) {
        return (struct batch *)seen;
    }
    return NULL;
}

/* The writer's: a new batch, ours to fill. */
static inline void writing_begin_new(struct partition *partition, struct batch *batch) {
    atomic_store_explicit(&partition->writing, (uintptr_t)batch | WRITING_ACTIVE,
                          memory_order_release);
}

/* The writer's: done for now. False: the holder asked for it, and the batch is closed. */
static inline bool writing_end(struct partition *partition, struct batch *batch) {
    uintptr_t seen = (uintptr_t)batch | WRITING_ACTIVE;
    if (atomic_compare_exchange_strong_explicit(&partition->writing, &seen, (uintptr_t)batch,
                                                memory_order_acq_rel, memory_order_acquire)) {
        return true;
    }
    RT_ASSERT(seen == ((uintptr_t)batch | WRITING_ACTIVE | WRITING_CLOSE_ASKED));
    atomic_store_explicit(&partition->writing, 0, memory_order_release);
    return false;
}

/* The writer's: closes the batch it is filling. */
static inline void writing_close(struct partition *partition) {
    atomic_store_explicit(&partition->writing, 0, memory_order_release);
}

static inline bool batch_is_closed(const struct batch *batch) {
    uintptr_t seen = atomic_load_explicit(&batch->partition->writing, memory_order_acquire);
    return (seen & ~WRITING_BITS) != (uintptr_t)batch || RT_MUTANT(bytes_after_length);
}

/* The holder's: closes the batch. False: the writer is inside, and will close it and tell the
 * leader actor with LEADER_MARK_FULL. */
static inline bool batch_close(struct batch *batch) {
    uintptr_t seen = (uintptr_t)batch;
    for (;;) {
        uintptr_t next = (seen & WRITING_BITS) == 0 ? 0 : seen | WRITING_CLOSE_ASKED;
        if ((seen & ~WRITING_BITS) != (uintptr_t)batch) {
            return true;
        }
        if (atomic_compare_exchange_weak_explicit(&batch->partition->writing, &seen, next,
                                                  memory_order_acq_rel, memory_order_acquire)) {
            return next == 0;
        }
    }
}

/* Anybody's: what is written from now on goes into another batch than the one that is open now, if
 * any. Its holder finds it closed, or is told as after batch_close. */
static inline void writing_end_batch(struct partition *partition) {
    uintptr_t seen = atomic_load_explicit(&partition->writing, memory_order_acquire);
    uintptr_t next;
    do {
        next = (seen & WRITING_BITS) == 0 ? 0 : seen | WRITING_CLOSE_ASKED;
    } while (seen != 0 &&
             !atomic_compare_exchange_weak_explicit(&partition->writing, &seen, next,
                                                    memory_order_acq_rel, memory_order_acquire));
}

#endif
