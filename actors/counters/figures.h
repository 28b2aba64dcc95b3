/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What was counted, read and added up: plain numbers, for one node or for all. Any thread. */
#ifndef ACTORS_COUNTERS_FIGURES_H
#define ACTORS_COUNTERS_FIGURES_H

#include "actors/counters/counters.h"

struct sizes_read {
    uint64_t count;
    uint64_t buckets[RT_SIZES_BUCKETS];
};

struct times_read {
    uint64_t count, sum_ns, longest_ns;
    uint64_t buckets[RT_TIMES_BUCKETS];
};

struct link_figures {
    uint64_t opened, failures, bytes_sent, bytes_received, throttled_ms;
};

struct broker_figures {
    struct times_read sealed, sent, acknowledged;
    struct sizes_read batch_records, request_batches, aggregator_mail, flusher_mail;
    struct link_figures link;
    uint64_t closed[BATCH_CLOSED_END];
    uint64_t records_sealed;
    uint64_t batches_passed, batches_returned, batches_sent, batches_again;
    uint64_t requests_done;
    uint64_t wire_bytes;
    uint64_t answer_ns; /* the newest that is known */
};

void figures_add_sizes(struct sizes_read *sum, const struct rt_sizes *sizes);
void figures_add_link(struct link_figures *sum, const struct link_counted *counted);
/* Of one block alone. */
void figures_add_broker(struct broker_figures *sum, const struct broker_counted *counted);
/* The bound below which `part` of a thousand of the times lie, as far as buckets tell; at most the
 * longest. 0 when there is none. */
uint64_t figures_percentile_ns(const struct times_read *times, uint64_t part);

/* What does not show how the sum came about: for the status. */
struct sent_figures {
    uint64_t batches, requests, wire_bytes;
};
struct sent_figures figures_sent(struct producer *producer);

#endif
