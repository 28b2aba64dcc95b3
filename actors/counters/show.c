/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See show.h. Names and units here are public: docs/counters.md has each of them. */
#include "actors/counters/show.h"

#include "actors/counters/figures.h"
#include "actors/producer/producer.h"

/* ---- distributions --------------------------------------------------------------------------- */

static void show_bucket(struct json *json, uint64_t below, uint64_t count) {
    if (count > 0) {
        json_array(json, NULL);
        json_number(json, NULL, below);
        json_number(json, NULL, count);
        json_array_end(json);
    }
}

static void show_sizes(struct json *json, const char *name, const struct sizes_read *sizes) {
    json_object(json, name);
    json_number(json, "count", sizes->count);
    json_array(json, "buckets");
    for (uint32_t i = 0; i < RT_SIZES_BUCKETS; i++) {
        show_bucket(json, rt_sizes_below(i), sizes->buckets[i]);
    }
    json_array_end(json);
    json_object_end(json);
}

static void show_times(struct json *json, const char *name, const struct times_read *times) {
    json_object(json, name);
    json_number(json, "count", times->count);
    json_number(json, "sum", times->sum_ns);
    json_number(json, "mean", times->count > 0 ? times->sum_ns / times->count : 0);
    json_number(json, "p50", figures_percentile_ns(times, 500));
    json_number(json, "p90", figures_percentile_ns(times, 900));
    json_number(json, "p99", figures_percentile_ns(times, 990));
    json_number(json, "p999", figures_percentile_ns(times, 999));
    json_number(json, "max", times->longest_ns);
    json_array(json, "buckets");
    for (uint32_t i = 0; i < RT_TIMES_BUCKETS; i++) {
        show_bucket(json, rt_times_below(i), times->buckets[i]);
    }
    json_array_end(json);
    json_object_end(json);
}

/* ---- brokers --------------------------------------------------------------------------------- */

static void show_link(struct json *json, const struct link_figures *link) {
    json_number(json, "connections_opened", link->opened);
    json_number(json, "connection_failures", link->failures);
    json_number(json, "bytes_sent", link->bytes_sent);
    json_number(json, "bytes_received", link->bytes_received);
    json_number(json, "throttled_ms", link->throttled_ms);
}

/* What is left of so much; counters that are read one after the other may seem to contradict. */
static uint64_t left_of(uint64_t came, uint64_t went) {
    return came > went ? came - went : 0;
}

static void show_sealed(struct json *json, const struct broker_figures *figures) {
    uint64_t count = figures->sealed.count;
    json_number(json, "batches_sealed", count);
    json_object(json, "sealed_because");
    json_number(json, "linger", figures->closed[BATCH_CLOSED_BY_HOLDER]);
    json_number(json, "full", figures->closed[BATCH_CLOSED_FULL]);
    json_number(json, "hurry", figures->closed[BATCH_CLOSED_HURRY]);
    json_number(json, "no_memory", figures->closed[BATCH_CLOSED_NO_MEMORY]);
    json_number(json, "cut", figures->closed[BATCH_CLOSED_CUT]);
    json_object_end(json);
    json_number(json, "records_sealed", figures->records_sealed);
    json_mean(json, "records_per_batch", figures->records_sealed, count);
    show_sizes(json, "batch_records", &figures->batch_records);
}

static void show_figures(struct json *json, const struct broker_figures *figures) {
    uint64_t requests = figures->request_batches.count;
    show_sealed(json, figures);
    json_number(
        json, "batches_queued",
        left_of(figures->batches_passed, figures->batches_returned + figures->batches_sent));
    json_number(json, "batches_sent", figures->batches_sent);
    json_number(json, "batches_sent_again", figures->batches_again);
    json_number(json, "requests_sent", requests);
    json_number(json, "requests_in_flight", left_of(requests, figures->requests_done));
    json_mean(json, "batches_per_request", figures->batches_sent, requests);
    show_sizes(json, "request_batches", &figures->request_batches);
    json_number(json, "wire_bytes_sent", figures->wire_bytes);
    show_link(json, &figures->link);
    show_times(json, "sealed_ns", &figures->sealed);
    show_times(json, "sent_ns", &figures->sent);
    show_times(json, "acknowledged_ns", &figures->acknowledged);
    show_sizes(json, "aggregator_mail", &figures->aggregator_mail);
    show_sizes(json, "flusher_mail", &figures->flusher_mail);
}

/* Adds all of one node; true when it has a broker. */
static bool add_node(struct broker_figures *sum, struct broker_counted *node) {
    bool known = false;
    for (; node != NULL; node = counters_older(node)) {
        figures_add_broker(sum, node);
        known = known || atomic_load_explicit(&node->used, memory_order_relaxed) != 0;
    }
    return known;
}

static void show_brokers(struct json *json, struct producer *producer) {
    struct broker_counted *first = counters_brokers(producer);
    struct broker_figures figures = {.answer_ns = 0};
    for (struct broker_counted *node = first; node != NULL; node = node->next) {
        (void)add_node(&figures, node);
    }
    json_object(json, "total");
    show_figures(json, &figures);
    json_object_end(json);
    json_array(json, "brokers");
    for (struct broker_counted *node = first; node != NULL; node = node->next) {
        figures = (struct broker_figures){.answer_ns = 0};
        bool known = add_node(&figures, node);
        json_object(json, NULL);
        json_integer(json, "node", node->node);
        json_truth(json, "known", known);
        json_number(json, "answer_ns", figures.answer_ns);
        show_figures(json, &figures);
        json_object_end(json);
    }
    json_array_end(json);
}

/* ---- the rest -------------------------------------------------------------------------------- */

static void show_runs(struct json *json, struct producer *producer, const sluice_status *status) {
    struct sizes_read runs = {.count = 0};
    struct sizes_read input = {.count = 0};
    struct sizes_read mail = {.count = 0};
    figures_add_sizes(&runs, &producer->topic_actor.counted_runs);
    figures_add_sizes(&input, &producer->topic_actor.counted_sweeps);
    for (uint32_t i = 0; i < producer->world->workers; i++) {
        figures_add_sizes(&mail, &producer->counted_workers[i].runs);
    }
    json_number(json, "runs", runs.count);
    json_mean(json, "records_per_run", status->records_accepted, runs.count);
    show_sizes(json, "run_bytes", &runs);
    show_sizes(json, "input_bytes", &input);
    show_sizes(json, "partition_mail", &mail);
}

static void show_producer(struct json *json, struct producer *producer,
                          const sluice_status *status) {
    json_object(json, "producer");
    json_number(json, "records_accepted", status->records_accepted);
    json_number(json, "records_persisted", status->records_persisted);
    json_number(json, "records_not_persisted", status->records_not_persisted);
    json_number(json, "records_unknown", status->records_unknown);
    json_number(json, "reports_waiting", status->reports_waiting);
    json_number(json, "bytes_used", status->bytes_used);
    json_number(json, "bytes_limit", status->bytes_limit);
    show_runs(json, producer, status);
    json_number(json, "batches_retried", status->batches_retried);
    json_number(json, "batches_cut",
                atomic_load_explicit(&producer->counters.batches_cut, memory_order_relaxed));
    json_number(json, "connections_open", status->connections_open);
    json_number(json, "rebootstraps", status->rebootstraps);
    json_object_end(json);
}

static void show_links(struct json *json, struct producer *producer) {
    static const char *const names[COUNTED_LINKS] = {"metadata", "identity"};
    json_object(json, "links");
    for (uint32_t i = 0; i < COUNTED_LINKS; i++) {
        struct link_figures figures = {.opened = 0};
        figures_add_link(&figures, &producer->counted_links[i]);
        json_object(json, names[i]);
        show_link(json, &figures);
        json_object_end(json);
    }
    json_object_end(json);
}

static void show_runtime(struct json *json, struct producer *producer,
                         const sluice_status *status) {
    struct rt_counts counts = rt_counts_now(producer->world);
    json_object(json, "runtime");
    json_number(json, "workers", producer->world->workers);
    json_number(json, "activations", counts.activations);
    json_number(json, "worker_wakeups", status->worker_wakeups);
    json_number(json, "parked_ns", counts.parked_ns);
    json_object_end(json);
}

static void show_errors_of(struct json *json, const char *name, _Atomic uint64_t *counts) {
    json_object(json, name);
    for (uint32_t row = 0; row < ERROR_ROWS; row++) {
        uint64_t count = atomic_load_explicit(&counts[row], memory_order_relaxed);
        if (count > 0) {
            json_number(json, sluice_code_row_name(row), count);
        }
    }
    json_object_end(json);
}

void counters_show(struct json *json, struct producer *producer, const sluice_status *status) {
    json_object(json, NULL);
    json_text(json, "version", SLUICE_VERSION_TEXT);
    json_text(json, "client_id", producer->config->client_id);
    json_integer(json, "time_ms", rt_wall_ms(producer->world));
    json_number(json, "age_ms", (rt_now(producer->world) - producer->opened_ns) / 1000000);
    show_producer(json, producer, status);
    show_brokers(json, producer);
    show_links(json, producer);
    show_runtime(json, producer, status);
    json_object(json, "errors");
    show_errors_of(json, "connections", producer->errors.connections);
    show_errors_of(json, "attempts", producer->errors.attempts);
    show_errors_of(json, "records", producer->errors.records);
    json_object_end(json);
    json_object_end(json);
}
