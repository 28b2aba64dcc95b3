/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an application reads: reports, the descriptor, the status. */
#include "actors/producer/api.h"

/* Everything was decided, and no report will follow those that are there. */
static bool is_closed(struct producer *producer) {
    return atomic_load_explicit(&producer->close_state, memory_order_seq_cst) == CLOSE_DONE;
}

size_t sluice_poll(sluice_producer *handle, sluice_report *reports, size_t capacity,
                   int64_t timeout_ms) {
    struct producer *producer = producer_from(handle);
    if (producer == NULL || reports == NULL || capacity == 0 || rt_forked(producer->world)) {
        return 0;
    }
    size_t count = report_take(producer, reports, capacity);
    if (count > 0 || timeout_ms == 0 || in_callback(producer)) {
        return count;
    }
    uint64_t deadline_ns = deadline_after(producer, timeout_ms);
    bool in_time = true;
    while (count == 0 && in_time) {
        uint32_t seen = news_register(producer);
        bool last = is_closed(producer);
        count = report_take(producer, reports, capacity);
        in_time = count > 0 || (!last && news_wait(producer, seen, deadline_ns));
    }
    return count > 0 ? count : report_take(producer, reports, capacity);
}

size_t sluice_poll_callback(sluice_producer *handle, int64_t timeout_ms) {
    struct producer *producer = producer_from(handle);
    if (producer == NULL || rt_forked(producer->world) ||
        producer->config->report_callback == NULL || producer->reports.actor_started ||
        in_callback(producer)) {
        return 0;
    }
    uint64_t deadline_ns = deadline_after(producer, timeout_ms);
    bool in_time = timeout_ms != 0;
    size_t count = report_serve(producer);
    while (count == 0 && in_time) {
        uint32_t seen = news_register(producer);
        bool last = is_closed(producer);
        count = report_serve(producer);
        in_time = count > 0 || (!last && news_wait(producer, seen, deadline_ns));
    }
    return count > 0 ? count : report_serve(producer);
}

int sluice_descriptor(sluice_producer *handle) {
    struct producer *producer = producer_from(handle);
    if (producer == NULL || rt_forked(producer->world)) {
        return -1;
    }
    atomic_store_explicit(&producer->reports.descriptor_used, 1, memory_order_seq_cst);
    int descriptor = rt_signal_descriptor(producer->world);
    if (atomic_load_explicit(&producer->reports.waiting, memory_order_seq_cst) != 0) {
        rt_signal_set(producer->world, true);
    }
    return descriptor;
}

static uint64_t read_counter(_Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_acquire);
}

void sluice_producer_status(sluice_producer *handle, sluice_status *status) {
    struct producer *producer = producer_from(handle);
    if (status == NULL) {
        return;
    }
    if (producer == NULL) {
        *status = (sluice_status){0};
        return;
    }
    struct producer_counters *counters = &producer->counters;
    *status = (sluice_status){
        .records_persisted = read_counter(&counters->records_persisted),
        .records_not_persisted = read_counter(&counters->records_not_persisted),
        .records_unknown = read_counter(&counters->records_unknown),
        .reports_waiting = read_counter(&producer->reports.waiting),
        .bytes_used = (uint64_t)rt_budget_used(&producer->budget),
        .bytes_limit = (uint64_t)producer->budget.limit,
        .batches_sent = read_counter(&counters->batches_sent),
        .batches_retried = read_counter(&counters->batches_retried),
        .requests_sent = read_counter(&counters->requests_sent),
        .wire_bytes_sent = read_counter(&counters->wire_bytes_sent),
        .connections_open = read_counter(&counters->connections_open),
        .rebootstraps = read_counter(&counters->rebootstraps),
        .worker_wakeups = read_counter(&producer->world->wakeups),
    };
    struct input_lane *lane = atomic_load_explicit(&producer->lanes, memory_order_acquire);
    for (; lane != NULL; lane = lane->next) {
        status->records_accepted += read_counter(&lane->accepted);
    }
}

const char *sluice_version(void) {
    return SLUICE_VERSION_TEXT;
}
