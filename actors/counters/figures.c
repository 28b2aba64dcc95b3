/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* See figures.h. */
#include "actors/counters/figures.h"

void figures_add_sizes(struct sizes_read *sum, const struct rt_sizes *sizes) {
    for (uint32_t i = 0; i < RT_SIZES_BUCKETS; i++) {
        uint64_t count = rt_count_read(&sizes->buckets[i]);
        sum->buckets[i] += count;
        sum->count += count;
    }
}

static void add_times(struct times_read *sum, const struct rt_times *times) {
    for (uint32_t i = 0; i < RT_TIMES_BUCKETS; i++) {
        uint64_t count = rt_count_read(&times->buckets[i]);
        sum->buckets[i] += count;
        sum->count += count;
    }
    uint64_t longest_ns = rt_count_read(&times->longest_ns);
    sum->sum_ns += rt_count_read(&times->sum_ns);
    sum->longest_ns = longest_ns > sum->longest_ns ? longest_ns : sum->longest_ns;
}

void figures_add_link(struct link_figures *sum, const struct link_counted *counted) {
    sum->opened += rt_count_read(&counted->opened);
    sum->failures += rt_count_read(&counted->failures);
    sum->bytes_sent += rt_count_read(&counted->bytes_sent);
    sum->bytes_received += rt_count_read(&counted->bytes_received);
    sum->throttled_ms += rt_count_read(&counted->throttled_ms);
}

static void add_aggregator(struct broker_figures *sum, const struct aggregator_counted *counted) {
    figures_add_sizes(&sum->aggregator_mail, &counted->mail);
    figures_add_sizes(&sum->batch_records, &counted->batch_records);
    add_times(&sum->sealed, &counted->sealed);
    for (uint32_t i = 0; i < BATCH_CLOSED_END; i++) {
        sum->closed[i] += rt_count_read(&counted->closed[i]);
    }
    sum->records_sealed += rt_count_read(&counted->records);
    sum->batches_passed += rt_count_read(&counted->passed);
}

/* What has left is read before what came: so there is never less than nothing in between, unless a
 * core shows us the one store before the other. */
void figures_add_broker(struct broker_figures *sum, const struct broker_counted *counted) {
    const struct flusher_counted *flusher = &counted->flusher;
    sum->requests_done += rt_count_read(&flusher->requests_done);
    sum->batches_returned += rt_count_read(&flusher->returned);
    add_times(&sum->acknowledged, &flusher->acknowledged);
    sum->batches_sent += rt_count_read(&flusher->batches);
    sum->batches_again += rt_count_read(&flusher->batches_again);
    figures_add_sizes(&sum->request_batches, &flusher->request_batches);
    add_times(&sum->sent, &flusher->sent);
    sum->wire_bytes += rt_count_read(&flusher->wire_bytes);
    uint64_t answer_ns = rt_count_read(&flusher->answer_ns);
    sum->answer_ns = answer_ns != 0 ? answer_ns : sum->answer_ns;
    figures_add_sizes(&sum->flusher_mail, &flusher->mail);
    figures_add_link(&sum->link, &flusher->link);
    add_aggregator(sum, &counted->aggregator);
}

uint64_t figures_percentile_ns(const struct times_read *times, uint64_t part) {
    uint64_t wanted = times->count / 1000 * part + (times->count % 1000 * part + 999) / 1000;
    uint64_t seen = 0;
    uint32_t bucket = 0;
    for (; seen + times->buckets[bucket] < wanted; bucket++) {
        seen += times->buckets[bucket]; /* they add up to the count, which is not less */
    }
    uint64_t bound_ns = rt_times_below(bucket);
    return bound_ns < times->longest_ns ? bound_ns : times->longest_ns;
}

struct sent_figures figures_sent(struct producer *producer) {
    struct sent_figures sum = {.batches = 0};
    struct broker_counted *node = counters_brokers(producer);
    for (; node != NULL; node = node->next) {
        for (struct broker_counted *each = node; each != NULL; each = counters_older(each)) {
            struct sizes_read requests = {.count = 0};
            figures_add_sizes(&requests, &each->flusher.request_batches);
            sum.requests += requests.count;
            sum.batches += rt_count_read(&each->flusher.batches);
            sum.wire_bytes += rt_count_read(&each->flusher.wire_bytes);
        }
    }
    return sum;
}
