/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Latencies, kept as they are up to a number, and their percentiles. One thread at a time. */
#ifndef CLI_BENCH_SAMPLES_H
#define CLI_BENCH_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct samples {
    uint64_t *ns;
    size_t count, capacity;
};

/* False when memory is short. Samples beyond the capacity are dropped. */
bool samples_open(struct samples *samples, size_t capacity);
void samples_close(struct samples *samples);
void samples_add(struct samples *samples, uint64_t ns);
void samples_add_all(struct samples *samples, const struct samples *others);
void samples_sort(struct samples *samples);
/* Nearest rank, in us, of sorted samples; 0 when there are none. `share` is in (0, 1]. */
double samples_percentile_us(const struct samples *samples, double share);

#endif
