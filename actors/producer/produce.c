/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Producing: what runs on the application's thread for each record. */
#include "actors/batch/batch.h"
#include "actors/input/append.h"
#include "actors/producer/api.h"
#include "runtime/assert.h"
#include "runtime/mutant.h"

static size_t value_size_of(const sluice_record *record) {
    return record->value == NULL ? 0 : record->value_size;
}

/* What is wrong with the record itself. */
static inline sluice_code check(const struct producer *producer, const sluice_record *record,
                                uint64_t body_size) {
    bool odd = (record->key == NULL && record->key_size != 0) ||
               (record->value == NULL && record->value_size != 0);
    uint32_t flags = record->flags;
    if (flags != 0) {
        if ((flags & SLUICE_RECORD_PARTITION) != 0 && record->partition < SLUICE_PARTITION_ANY) {
            return SLUICE_INVALID_PARTITION;
        }
        odd |= (flags & ~(uint32_t)(SLUICE_RECORD_PARTITION | SLUICE_RECORD_TIMESTAMP)) != 0 ||
               ((flags & SLUICE_RECORD_TIMESTAMP) != 0 &&
                (record->timestamp_ms < 0 || record->timestamp_ms > INPUT_TIMESTAMP_MS_MAX));
    }
    if (odd) {
        return SLUICE_INVALID_ARGUMENT;
    }
    /* a size of 0 is impossible, and wraps */
    return body_size - 1 < producer->body_bytes_max ? SLUICE_OK : SLUICE_RECORD_TOO_LARGE;
}

static bool headers_are_valid(const sluice_record *record) {
    if (record->headers == NULL) {
        return false;
    }
    for (size_t i = 0; i < record->header_count; i++) {
        if (record->headers[i].name == NULL ||
            (record->headers[i].value == NULL && record->headers[i].value_size != 0)) {
            return false;
        }
    }
    return true;
}

static inline sluice_code admission(struct producer *producer) {
    if (rt_forked(producer->world)) {
        return SLUICE_FORKED;
    }
    bool closed = atomic_load_explicit(&producer->closed, memory_order_acquire) != 0;
    return closed && !RT_MUTANT(accepts_after_close) ? SLUICE_CLOSED : SLUICE_OK;
}

static inline sluice_code admit(const struct producer *producer, const sluice_record *record,
                                uint64_t *body_size) {
    if (record->header_count != 0 && !headers_are_valid(record)) {
        return SLUICE_INVALID_ARGUMENT;
    }
    *body_size = input_body_size(record, value_size_of(record));
    return check(producer, record, *body_size);
}

sluice_code record_admit(struct producer *producer, const sluice_record *record,
                         uint64_t *body_size) {
    sluice_code code = admission(producer);
    return code == SLUICE_OK ? admit(producer, record, body_size) : code;
}

enum { REPORTS_MATTER_PART = 64 };

sluice_code why_full(struct producer *producer, sluice_code full) {
    uint64_t reports = atomic_load_explicit(&producer->reports.waiting, memory_order_relaxed);
    int64_t share = (int64_t)(reports * sizeof(struct slot));
    if (share >= producer->budget.limit / REPORTS_MATTER_PART) { /* small batches take more */
        share += atomic_load_explicit(&producer->budget.held, memory_order_relaxed);
    }
    return share >= producer->budget.limit / 2 ? SLUICE_REPORTS_WAITING : full;
}

/* Inside a call, for which the credit does not do. */
static __attribute__((noinline)) sluice_code take_outside(struct input_lane *lane, int64_t charge) {
    input_leave(lane);
    bool taken = input_take(lane, charge);
    if (input_enter(lane)) {
        return taken ? SLUICE_OK : SLUICE_FULL;
    }
    if (taken) {
        rt_budget_give(&lane->producer->budget, charge);
    }
    return SLUICE_CLOSED;
}

static inline sluice_code produce_into(struct input_lane *lane, struct topic *topic,
                                       const sluice_record *record, bool sync) {
    struct producer *producer = lane->producer;
    uint64_t body_size;
    sluice_code code = admit(producer, record, &body_size);
    if (code != SLUICE_OK) {
        return code;
    }
    if (share_any_full(&producer->shares) && share_refuses(topic, record)) {
        return why_full(producer, SLUICE_PARTITION_FULL);
    }
    int64_t charge = input_charge(body_size);
    if (!INPUT_LIKELY(rt_credit_take(&lane->credit, charge))) {
        code = take_outside(lane, charge);
        if (code == SLUICE_FULL) {
            input_notify(lane, true);
            return why_full(producer, SLUICE_FULL);
        }
        if (code != SLUICE_OK) {
            return code;
        }
    }
    if (!input_append(lane, topic, record, (uint32_t)body_size, sync)) {
        rt_budget_give(&producer->budget, RT_MUTANT(refusal_keeps_credit) ? 0 : charge);
        return SLUICE_NO_MEMORY;
    }
    input_notify(lane, sync);
    return SLUICE_OK;
}

static inline sluice_code produce(struct topic *topic, const sluice_record *record, bool sync) {
    if (topic == NULL || record == NULL) {
        return SLUICE_INVALID_ARGUMENT;
    }
    struct producer *producer = topic->producer;
    if (rt_forked(producer->world)) {
        return SLUICE_FORKED;
    }
    struct input_lane *lane = input_lane_of(producer);
    if (lane == NULL) {
        return SLUICE_NO_MEMORY;
    }
    sluice_code code = SLUICE_CLOSED;
    if (input_enter(lane)) {
        code = produce_into(lane, topic, record, sync);
    }
    input_leave(lane);
    return code;
}

sluice_code sluice_produce(sluice_topic *topic, const sluice_record *record) {
    return produce(topic_from(topic), record, false);
}

size_t sluice_produce_many(sluice_topic *topic, const sluice_record *records, size_t count,
                           sluice_code *code) {
    sluice_code result = SLUICE_OK;
    size_t accepted = 0;
    while (accepted < count && result == SLUICE_OK) {
        result = produce(topic_from(topic), &records[accepted], false);
        accepted += result == SLUICE_OK;
    }
    if (code != NULL) {
        *code = result;
    }
    return accepted;
}

static bool is_full(sluice_code code) {
    return code == SLUICE_FULL || code == SLUICE_PARTITION_FULL || code == SLUICE_REPORTS_WAITING;
}

/* What a caller waits for: `charge` of the budget, and that its record's share takes more. */
struct wish {
    struct topic *topic; /* NULL: of the budget only */
    const sluice_record *record;
    int64_t charge;
    uint64_t deadline_ns;
};

static bool is_granted(const struct producer *producer, const struct wish *wish) {
    return rt_budget_has_room(&producer->budget, wish->charge) &&
           (wish->topic == NULL || !share_any_full(&producer->shares) ||
            !share_refuses(wish->topic, wish->record));
}

/* Waits for room once: nothing lingers meanwhile, and reports are served if they hold the room. */
static bool wait_for_room(struct producer *producer, const struct wish *wish) {
    bool serves = producer->config->report_callback != NULL && !producer->reports.actor_started;
    if (serves && report_serve(producer) > 0) {
        return true;
    }
    atomic_fetch_add_explicit(&producer->hurry, 1, memory_order_seq_cst);
    rt_mark(&producer->metadata.actor, RT_MARK(METADATA_MARK_FLUSH));
    bool in_time;
    if (serves || share_any_full(&producer->shares)) {
        /* room that came before we registered is not told again */
        uint32_t seen = news_register(producer);
        in_time = (serves && report_serve(producer) > 0) || is_granted(producer, wish) ||
                  news_wait(producer, seen, wish->deadline_ns);
    } else {
        in_time = rt_budget_wait(&producer->budget, wish->charge, wish->deadline_ns);
    }
    atomic_fetch_sub_explicit(&producer->hurry, 1, memory_order_seq_cst);
    return in_time;
}

sluice_code sluice_produce_wait(sluice_topic *handle, const sluice_record *record,
                                int64_t timeout_ms) {
    struct topic *topic = topic_from(handle);
    sluice_code code = produce(topic, record, false);
    if (!is_full(code)) {
        return code;
    }
    struct producer *producer = topic->producer;
    if (in_callback(producer)) {
        return SLUICE_IN_CALLBACK;
    }
    struct wish wish = {.topic = topic,
                        .record = record,
                        .charge = input_charge(input_body_size(record, value_size_of(record))),
                        .deadline_ns = deadline_after(producer, timeout_ms)};
    while (is_full(code)) {
        bool in_time = wait_for_room(producer, &wish);
        code = produce(topic, record, false);
        if (!in_time) {
            break; /* what it says now is the reason */
        }
    }
    return code;
}

sluice_code sluice_wait_for_room(sluice_producer *handle, size_t bytes, int64_t timeout_ms) {
    struct producer *producer = producer_from(handle);
    if (producer == NULL) {
        return SLUICE_INVALID_ARGUMENT;
    }
    if (bytes > (uint64_t)producer->config->max_request_size) {
        return SLUICE_RECORD_TOO_LARGE;
    }
    struct wish wish = {.charge = input_charge(bytes + 32),
                        .deadline_ns = deadline_after(producer, timeout_ms)};
    if (wish.charge > producer->budget.limit) {
        return SLUICE_RECORD_TOO_LARGE;
    }
    bool in_time = true;
    for (;;) {
        sluice_code code = admission(producer);
        if (code != SLUICE_OK) {
            return code;
        }
        struct input_lane *lane = input_lane_of(producer);
        if (lane == NULL) {
            return SLUICE_NO_MEMORY;
        }
        if (input_take(lane, wish.charge)) {
            rt_budget_give(&producer->budget, wish.charge);
            return SLUICE_OK;
        }
        if (in_callback(producer)) {
            return SLUICE_IN_CALLBACK;
        }
        if (!in_time) {
            return why_full(producer, SLUICE_FULL);
        }
        in_time = wait_for_room(producer, &wish);
    }
}

/* -- one record, and its outcome -- */

static sluice_code await(struct producer *producer, struct sync_waiter *waiter,
                         uint64_t deadline_ns, sluice_report *report) {
    bool in_time = true;
    for (;;) {
        uint32_t seen = news_register(producer);
        bool done = atomic_load_explicit(&waiter->state, memory_order_acquire) == SYNC_DONE;
        if (!done && in_time) {
            in_time = news_wait(producer, seen, deadline_ns);
        }
        uint32_t state = SYNC_WAITING;
        if (done || (!in_time && !atomic_compare_exchange_strong_explicit(
                                     &waiter->state, &state, SYNC_GONE, memory_order_acq_rel,
                                     memory_order_acquire))) {
            *report = waiter->report;
            rt_release(producer->world, waiter, sizeof *waiter);
            return SLUICE_OK;
        }
        if (!in_time) {
            return SLUICE_TIMED_OUT; /* whoever decides the record frees the waiter */
        }
    }
}

sluice_code sluice_produce_sync(sluice_topic *handle, const sluice_record *record,
                                int64_t timeout_ms, sluice_report *report) {
    struct topic *topic = topic_from(handle);
    if (topic == NULL || record == NULL || report == NULL) {
        return SLUICE_INVALID_ARGUMENT;
    }
    struct producer *producer = topic->producer;
    if (in_callback(producer)) {
        return SLUICE_IN_CALLBACK;
    }
    uint64_t deadline_ns = deadline_after(producer, timeout_ms);
    struct sync_waiter *waiter = rt_acquire(producer->world, sizeof *waiter);
    if (waiter == NULL) {
        return SLUICE_NO_MEMORY;
    }
    *waiter = (struct sync_waiter){.opaque = record->opaque};
    sluice_record marked = *record;
    marked.opaque = waiter;
    sluice_code code = produce(topic, &marked, true);
    if (is_full(code)) { /* only then the record is known to be valid */
        struct wish wish = {.topic = topic,
                            .record = record,
                            .charge = input_charge(input_body_size(record, value_size_of(record))),
                            .deadline_ns = deadline_ns};
        while (is_full(code) && wait_for_room(producer, &wish)) {
            code = produce(topic, &marked, true);
        }
    }
    if (code != SLUICE_OK) {
        rt_release(producer->world, waiter, sizeof *waiter);
        return code; /* full: it was not accepted, and nothing will be reported */
    }
    return await(producer, waiter, deadline_ns, report);
}
