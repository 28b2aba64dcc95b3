/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an application reads of what was counted: the status and the counters. */
#include "actors/counters/figures.h"
#include "actors/counters/show.h"
#include "actors/producer/api.h"

static uint64_t read_counter(_Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_acquire);
}

static sluice_status status_of(struct producer *producer) {
    struct producer_counters *counters = &producer->counters;
    struct sent_figures sent = figures_sent(producer);
    sluice_status status = {
        .records_persisted = read_counter(&counters->records_persisted),
        .records_not_persisted = read_counter(&counters->records_not_persisted),
        .records_unknown = read_counter(&counters->records_unknown),
        .reports_waiting = read_counter(&producer->reports.waiting),
        .bytes_used = (uint64_t)rt_budget_charged(&producer->budget),
        .bytes_limit = (uint64_t)producer->budget.limit,
        .batches_sent = sent.batches,
        .batches_retried = read_counter(&counters->batches_retried),
        .requests_sent = sent.requests,
        .wire_bytes_sent = sent.wire_bytes,
        .connections_open = read_counter(&counters->connections_open),
        .rebootstraps = read_counter(&counters->rebootstraps),
        .worker_wakeups = read_counter(&producer->world->wakeups),
    };
    struct input_lane *lane = atomic_load_explicit(&producer->lanes, memory_order_acquire);
    for (; lane != NULL; lane = lane->next) {
        status.records_accepted += read_counter(&lane->accepted);
    }
    return status;
}

void sluice_producer_status(sluice_producer *handle, sluice_status *status) {
    struct producer *producer = producer_from(handle);
    if (status != NULL) {
        *status = producer == NULL ? (sluice_status){0} : status_of(producer);
    }
}

size_t sluice_producer_counters(sluice_producer *handle, char *json, size_t size) {
    struct producer *producer = producer_from(handle);
    struct json out = json_begin(json, size);
    if (producer != NULL && !rt_forked(producer->world)) {
        sluice_status status = status_of(producer);
        counters_show(&out, producer, &status);
    }
    return json_end(&out);
}
