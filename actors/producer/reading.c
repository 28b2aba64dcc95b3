/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What an application reads: reports and the descriptor. */
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
        uint32_t seen = report_listen(producer);
        bool last = is_closed(producer);
        count = report_take(producer, reports, capacity);
        in_time = count > 0 || (!last && report_await(producer, seen, deadline_ns));
        report_stop_listening(producer, count == 0);
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
        uint32_t seen = report_listen(producer);
        bool last = is_closed(producer);
        count = report_serve(producer);
        in_time = count > 0 || (!last && report_await(producer, seen, deadline_ns));
        report_stop_listening(producer, count == 0);
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

const char *sluice_version(void) {
    return SLUICE_VERSION_TEXT;
}
