/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See flush.h. */
#include "actors/producer/flush.h"

#include "actors/producer/producer.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

/* What a flush waits for: a ticket has passed, an epoch has nothing undecided. Waiters have a word
 * of their own, so that batches that are decided one by one do not wake them each time. */
static void milestone_reach(struct producer *producer) {
    news_tell(producer); /* for those who serve callbacks while they wait */
    /* seq_cst: pairs with milestone_wait, which registers first and then looks; news_tell begins
     * with a fence behind what we tell of */
    if (atomic_load_explicit(&producer->milestone_waiters, memory_order_seq_cst) != 0) {
        atomic_fetch_add_explicit(&producer->milestone, 1, memory_order_seq_cst);
        rt_wake(producer->world, &producer->milestone);
    }
}

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
        milestone_reach(producer);
    }
}

void flush_passed(struct producer *producer, uint32_t ticket) {
    uint32_t epoch = atomic_load_explicit(&producer->flush_epoch, memory_order_relaxed);
    atomic_store_explicit(&producer->flush_target, epoch, memory_order_relaxed);
    /* The place of the next epoch must be free. When it is not, 64 flushes are under way, and this
     * one waits for records of its own epoch that come later, too. */
    if (atomic_load_explicit(counter(producer, epoch + 1), memory_order_seq_cst) == 0) {
        atomic_store_explicit(&producer->flush_epoch, epoch + 1, memory_order_seq_cst);
    }
    atomic_store_explicit(&producer->flush_passed, ticket, memory_order_seq_cst);
    milestone_reach(producer);
}

static bool has_passed(struct producer *producer, uint32_t ticket) {
    uint32_t passed = atomic_load_explicit(&producer->flush_passed, memory_order_seq_cst);
    return (int32_t)(passed - ticket) >= 0;
}

/* Nothing of `epoch` and of those before it is undecided. Those that began after it have places of
 * their own; whoever had such a place before was decided when it was taken. */
static bool is_done(struct producer *producer, uint32_t epoch) {
    uint32_t now = atomic_load_explicit(&producer->flush_epoch, memory_order_seq_cst);
    uint32_t later = RT_MUTANT(flush_waits_for_all) ? 0 : now - epoch;
    for (uint32_t back = 0; back + later < FLUSH_EPOCHS; back++) {
        if (atomic_load_explicit(counter(producer, epoch - back), memory_order_seq_cst) != 0) {
            return false;
        }
    }
    return true;
}

typedef bool condition(struct producer *producer, uint32_t argument);

static bool milestone_wait(struct producer *producer, condition *holds, uint32_t argument,
                           uint64_t deadline_ns) {
    bool in_time = true;
    bool done = false;
    atomic_fetch_add_explicit(&producer->milestone_waiters, 1, memory_order_seq_cst);
    while (!done && in_time) {
        uint32_t seen = atomic_load_explicit(&producer->milestone, memory_order_seq_cst);
        done = holds(producer, argument);
        in_time = done || rt_wait(producer->world, &producer->milestone, seen, deadline_ns);
    }
    atomic_fetch_sub_explicit(&producer->milestone_waiters, 1, memory_order_relaxed);
    return done || holds(producer, argument);
}

/* The same, and serves the report callback meanwhile. */
static bool serve_until(struct producer *producer, condition *holds, uint32_t argument,
                        uint64_t deadline_ns) {
    bool in_time = true;
    bool done = false;
    while (!done && in_time) {
        uint32_t seen = news_register(producer);
        size_t served = report_serve(producer);
        done = holds(producer, argument);
        in_time = done || served > 0 || news_wait(producer, seen, deadline_ns);
    }
    report_serve(producer);
    return done || holds(producer, argument);
}

static bool wait_for(struct producer *producer, condition *holds, uint32_t argument,
                     uint64_t deadline_ns) {
    bool serves = producer->config->report_callback != NULL && !producer->reports.actor_started;
    return serves ? serve_until(producer, holds, argument, deadline_ns)
                  : milestone_wait(producer, holds, argument, deadline_ns);
}

static bool flush_epochs(struct producer *producer, uint64_t deadline_ns) {
    uint32_t ticket =
        atomic_fetch_add_explicit(&producer->flush_wanted, 1, memory_order_acq_rel) + 1;
    rt_mark(&producer->topic_actor.actor, RT_MARK(TOPIC_MARK_FLUSH));
    if (!wait_for(producer, has_passed, ticket, deadline_ns)) {
        return false;
    }
    uint32_t target = atomic_load_explicit(&producer->flush_target, memory_order_seq_cst);
    return RT_MUTANT(flush_at_queueing) || wait_for(producer, is_done, target, deadline_ns);
}

bool flush_wait(struct producer *producer, uint64_t deadline_ns) {
    atomic_fetch_add_explicit(&producer->hurry, 1, memory_order_seq_cst);
    rt_mark(&producer->metadata.actor, RT_MARK(METADATA_MARK_FLUSH));
    bool done = flush_epochs(producer, deadline_ns);
    atomic_fetch_sub_explicit(&producer->hurry, 1, memory_order_seq_cst);
    return done;
}

static uint64_t undecided(struct producer *producer) {
    uint64_t batches = 0;
    for (uint32_t i = 0; i < FLUSH_EPOCHS; i++) {
        int64_t count = atomic_load_explicit(&producer->undecided[i], memory_order_seq_cst);
        batches += count > 0 ? (uint64_t)count : 0;
    }
    return batches;
}

enum { DECIDING_NS = 1000 /* a batch: about twice what it takes */, WORTH_NS = 2000000 };

bool flush_before(struct producer *producer, uint64_t deadline_ns) {
    if (deadline_ns == RT_FOREVER) {
        return flush_wait(producer, deadline_ns);
    }
    uint64_t began_ns = rt_now(producer->world);
    uint64_t half_ns = deadline_ns > began_ns ? (deadline_ns - began_ns) / 2 : 0;
    uint64_t until_ns = began_ns + half_ns; /* by then all records are in batches */
    bool done = flush_wait(producer, until_ns);
    for (bool is_last = false; !done && !is_last;) {
        uint64_t lead_ns = undecided(producer) * DECIDING_NS;
        uint64_t next_ns = deadline_ns - (lead_ns < half_ns ? lead_ns : half_ns);
        is_last = next_ns < until_ns + WORTH_NS; /* hardly anything was delivered meanwhile */
        done = flush_wait(producer, next_ns);
        until_ns = next_ns;
    }
    return done;
}

static bool all_decided(struct producer *producer, uint32_t unused) {
    (void)unused;
    return undecided(producer) == 0;
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
