/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See flush.h. */
#include "actors/producer/flush.h"

#include "actors/producer/producer.h"
#include "runtime/assert.h"

static _Atomic int64_t *counter(struct producer *producer, uint32_t epoch) {
    return &producer->undecided[epoch % FLUSH_EPOCHS];
}

uint32_t producer_epoch_enter(struct producer *producer) {
    for (;;) {
        uint32_t epoch = atomic_load_explicit(&producer->flush_epoch, memory_order_seq_cst);
        atomic_fetch_add_explicit(counter(producer, epoch), 1, memory_order_seq_cst);
        if (atomic_load_explicit(&producer->flush_epoch, memory_order_seq_cst) == epoch) {
            return epoch;
        }
        producer_epoch_leave(producer, epoch);
    }
}

void producer_epoch_join(struct producer *producer, uint32_t epoch) {
    int64_t before = atomic_fetch_add_explicit(counter(producer, epoch), 1, memory_order_seq_cst);
    RT_ASSERT(before > 0);
}

void producer_epoch_leave(struct producer *producer, uint32_t epoch) {
    int64_t before = atomic_fetch_sub_explicit(counter(producer, epoch), 1, memory_order_seq_cst);
    RT_ASSERT(before > 0);
    if (before == 1) {
        news_tell(producer);
    }
}

void flush_passed(struct producer *producer, uint32_t ticket) {
    uint32_t epoch = atomic_load_explicit(&producer->flush_epoch, memory_order_relaxed);
    /* The place of the next epoch must be free. When it is not, 64 flushes are under way, and this
     * one waits for records of its own epoch that come later, too. */
    atomic_store_explicit(&producer->flush_target, epoch + 1, memory_order_relaxed);
    if (atomic_load_explicit(counter(producer, epoch + 1), memory_order_seq_cst) == 0) {
        atomic_store_explicit(&producer->flush_epoch, epoch + 1, memory_order_seq_cst);
    }
    atomic_store_explicit(&producer->flush_passed, ticket, memory_order_seq_cst);
    news_tell(producer);
}

static bool has_passed(struct producer *producer, uint32_t ticket) {
    uint32_t passed = atomic_load_explicit(&producer->flush_passed, memory_order_seq_cst);
    return (int32_t)(passed - ticket) >= 0;
}

/* Nothing of the epochs before `epoch` is undecided. */
static bool is_done(struct producer *producer, uint32_t epoch) {
    for (uint32_t back = 1; back < FLUSH_EPOCHS; back++) {
        if (atomic_load_explicit(counter(producer, epoch - back), memory_order_seq_cst) != 0) {
            return false;
        }
    }
    return true;
}

/* Waits for a condition; serves the report callback meanwhile. */
static bool wait_for(struct producer *producer, bool (*condition)(struct producer *, uint32_t),
                     uint32_t argument, uint64_t deadline_ns) {
    bool serves = producer->config->report_callback != NULL && !producer->reports.actor_started;
    bool holds;
    for (;;) {
        uint32_t seen = news_register(producer);
        size_t served = serves ? report_serve(producer) : 0;
        holds = condition(producer, argument);
        bool in_time = holds || served > 0 || news_wait(producer, seen, deadline_ns);
        news_unregister(producer);
        if (holds || !in_time) {
            break;
        }
    }
    if (serves) {
        report_serve(producer);
    }
    return holds || condition(producer, argument);
}

static bool flush_epochs(struct producer *producer, uint64_t deadline_ns) {
    uint32_t ticket =
        atomic_fetch_add_explicit(&producer->flush_wanted, 1, memory_order_acq_rel) + 1;
    rt_mark(&producer->topic_actor.actor, RT_MARK(TOPIC_MARK_FLUSH));
    if (!wait_for(producer, has_passed, ticket, deadline_ns)) {
        return false;
    }
    uint32_t target = atomic_load_explicit(&producer->flush_target, memory_order_seq_cst);
    return wait_for(producer, is_done, target, deadline_ns);
}

bool flush_wait(struct producer *producer, uint64_t deadline_ns) {
    atomic_fetch_add_explicit(&producer->hurry, 1, memory_order_seq_cst);
    rt_mark(&producer->metadata.actor, RT_MARK(METADATA_MARK_FLUSH));
    bool done = flush_epochs(producer, deadline_ns);
    atomic_fetch_sub_explicit(&producer->hurry, 1, memory_order_seq_cst);
    return done;
}

static bool all_decided(struct producer *producer, uint32_t unused) {
    (void)unused;
    for (uint32_t i = 0; i < FLUSH_EPOCHS; i++) {
        if (atomic_load_explicit(&producer->undecided[i], memory_order_seq_cst) != 0) {
            return false;
        }
    }
    return true;
}

void purge_begin(struct producer *producer, uint32_t what, sluice_code error) {
    atomic_store_explicit(&producer->purge_error, error, memory_order_relaxed);
    rt_mark(&producer->topic_actor.actor, purge_marks(TOPIC_MARK_PURGE_UNSENT, what));
    rt_mark(&producer->retry.actor, RT_MARK(RETRY_MARK_PURGE));
}

void purge_all(struct producer *producer) {
    const uint32_t everything = SLUICE_PURGE_UNSENT | SLUICE_PURGE_SENT;
    uint32_t ticket;
    do {
        purge_begin(producer, everything, SLUICE_CLOSE_TIMED_OUT);
        ticket = atomic_fetch_add_explicit(&producer->flush_wanted, 1, memory_order_acq_rel) + 1;
        rt_mark(&producer->topic_actor.actor, RT_MARK(TOPIC_MARK_FLUSH));
        wait_for(producer, has_passed, ticket, RT_FOREVER);
        purge_begin(producer, everything, SLUICE_CLOSE_TIMED_OUT);
    } while (!wait_for(producer, all_decided, 0, RT_FOREVER));
}
