/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "cli/bench/samples.h"

#include <stdlib.h>
#include <string.h>

bool samples_open(struct samples *samples, size_t capacity) {
    *samples = (struct samples){.capacity = capacity};
    samples->ns = calloc(capacity, sizeof *samples->ns);
    return samples->ns != NULL;
}

void samples_close(struct samples *samples) {
    free(samples->ns);
    samples->ns = NULL;
}

void samples_add(struct samples *samples, uint64_t ns) {
    if (samples->count < samples->capacity) {
        samples->ns[samples->count++] = ns;
    }
}

void samples_add_all(struct samples *samples, const struct samples *others) {
    for (size_t i = 0; i < others->count; i++) {
        samples_add(samples, others->ns[i]);
    }
}

static int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left;
    uint64_t b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

void samples_sort(struct samples *samples) {
    qsort(samples->ns, samples->count, sizeof *samples->ns, compare);
}

double samples_percentile_us(const struct samples *samples, double share) {
    if (samples->count == 0) {
        return 0;
    }
    double rank = share * (double)samples->count;
    size_t at = (size_t)rank;
    at += (double)at < rank ? 1 : 0; /* rounded up: the rank, from 1 */
    at = at > 0 ? at - 1 : 0;
    return (double)samples->ns[at < samples->count ? at : samples->count - 1] / 1000;
}
